"""Reset over the wire: answered first, everything ended and told in order, and the next life begins with a boot."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.daemon import Daemon, live
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.memory import MemoryNetwork, memory_network
from cpd.settings import load_settings
from cpd.station.signal import Signal
from hal.guard import Guard
from tests.scenarios.site import STATION, Site, configuration, site
from tests.virtual_time import VirtualClock, run_virtual

KINDS = ["Soft", "Hard"]


@dataclass(slots=True, kw_only=True)
class Process:
    """A process of the daemon: its lives one after the other, and the exit status once it has ended."""

    lives: list[Site] = field(default_factory=list)
    status: int | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    changed: Signal = field(default_factory=Signal)

    @property
    def here(self) -> Site:
        return self.lives[-1]

    async def until_life(self, number: int) -> Site:
        while len(self.lives) < number:
            await self.changed.wait()
        return self.here

    async def ended(self) -> int:
        while self.status is None:
            await self.changed.wait()
        return self.status


@asynccontextmanager
async def process(folder: Path, **config: Any) -> AsyncIterator[Process]:
    """The daemon with its restarts, booted; nothing unsafe or forbidden may happen in any of its lives."""
    clock, truth = VirtualClock(), VirtualClock()
    central_system = CentralSystem(truth, Behaviour())
    settings = load_settings(configuration(folder, **config))
    it = Process()

    async with memory_network(central_system) as network, asyncio.TaskGroup() as tasks:

        @asynccontextmanager
        async def alive(daemon: Daemon) -> AsyncIterator[None]:
            it.lives.append(_life(daemon, central_system, network, clock, truth, folder))
            it.changed.fire()
            yield

        async def lead() -> None:
            it.status = await live(
                settings, clock, connect=network.connect, rng=random.Random(7), stop=it.stop, alive=alive
            )
            it.changed.fire()

        tasks.create_task(lead())
        await central_system.log(STATION).message(
            call.StatusNotification, lambda told: told.connector_id == len(settings.connectors)
        )
        yield it
        it.stop.set()
        await it.ended()
        for one in it.lives:
            assert one.world.violations == (), one.world.violations
        assert central_system.violations == [], central_system.violations


def _life(
    daemon: Daemon,
    csms: CentralSystem,
    network: MemoryNetwork,
    clock: VirtualClock,
    truth: VirtualClock,
    folder: Path,
) -> Site:
    assert isinstance(daemon.guard, Guard)
    return Site(
        daemon=daemon,
        csms=csms,
        network=network,
        clock=clock,
        truth=truth,
        folder=folder,
        guard=daemon.guard,
    )


async def reset(here: Site, kind: str) -> str:
    return str((await here.call(call.Reset(type=kind))).status)  # type: ignore[arg-type]


async def booted(it: Process, number: int) -> Site:
    """The *number*-th life, once it has told the status of every connector."""
    here = await it.until_life(number)
    boots = [at for at, one in enumerate(here.log.calls) if one.action == "BootNotification"]
    while len(boots) < number:
        await here.clock.sleep(0.1)
        boots = [at for at, one in enumerate(here.log.calls) if one.action == "BootNotification"]
    await here.log.message(call.StatusNotification, lambda told: told.connector_id == 1, since=boots[-1])
    return here


@pytest.mark.parametrize("kind", ["SoftReset", "HardReset"])
def test_every_transaction_is_stopped_and_told_before_the_link_goes_down(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        async with process(tmp_path, connectors=2) as it:
            here = it.here
            await here.charge("ONE", 1)
            await here.charge("TWO", 2)
            await here.clock.sleep(60)
            asked_s = here.clock.monotonic_s()
            assert await reset(here, kind.removesuffix("Reset")) == "Accepted"
            assert here.clock.monotonic_s() - asked_s < 0.5, "the answer does not wait for the vehicles"
            booked = await here.stopped(2)
            assert [(one.starts, one.stops, one.reason) for one in booked] == [(1, 1, kind)] * 2
            actions = [one.action for one in here.log.calls]
            assert "BootNotification" not in actions[1 : actions.index("StopTransaction") + 2]
            assert here.connector(1).outlet.contactor == "open"
            if kind == "SoftReset":
                await booted(it, 2)
                assert it.here.connector(1).transaction is None
            else:
                assert await it.ended() == 64

    run_virtual(scenario())


def test_an_idle_charger_answers_a_soft_reset_and_boots_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as it:
            for life in (2, 3, 4):
                assert await reset(it.here, "Soft") == "Accepted"
                here = await booted(it, life)
                await here.charge()
                await here.clock.sleep(30)
            assert len(here.log.ledger.transactions) == 3
            assert [one.reason for one in here.log.ledger.transactions] == ["SoftReset"] * 2 + [None]

    run_virtual(scenario())


def test_an_idle_charger_answers_a_hard_reset_and_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as it:
            assert await reset(it.here, "Hard") == "Accepted"
            assert await it.ended() == 64

    run_virtual(scenario())


def test_nothing_begins_once_a_reset_was_accepted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path, connectors=2) as it:
            here = it.here
            await here.charge("ONE", 1)
            here.world.plug_in(2)
            await here.status("Preparing", 2)
            # The vehicle takes its time to stop drawing.
            here.world.ev(1, personality="stuck_c")
            assert await reset(here, "Soft") == "Accepted"
            start = call.RemoteStartTransaction(id_tag="TWO", connector_id=2)
            assert (await here.call(start)).status == "Rejected"
            here.world.swipe("TWO", 2)
            await booted(it, 2)
            assert [one.reason for one in here.log.ledger.transactions] == ["SoftReset"]

    run_virtual(scenario())


def test_without_the_csms_the_stops_are_journalled_and_told_after_the_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as it:
            here = it.here
            await here.charge()
            await here.clock.sleep(30)
            here.network.cut()
            await here.clock.sleep(5)
            await here.control("reset", type="Soft")
            await it.until_life(2)
            assert here.log.ledger.transactions[0].open
            here.network.up = True
            (booked,) = await it.here.stopped()
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "SoftReset")

    run_virtual(scenario())


def test_a_vehicle_that_does_not_stop_drawing_does_not_hold_the_reset_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as it:
            here = it.here
            here.world.ev(1, personality="stuck_c")
            await here.charge()
            asked_s = here.clock.monotonic_s()
            assert await reset(here, "Soft") == "Accepted"
            await it.until_life(2)
            assert here.clock.monotonic_s() - asked_s < 15
            (booked,) = await it.here.stopped()
            assert booked.reason == "SoftReset"

    run_virtual(scenario())


async def as_answered(here: Site) -> None:
    """Connector 2 is out of service, 8 A flow at most, and the interval is 17 s."""
    await here.status("Unavailable", 2)
    await here.charge("ONE", 1)
    await here.until(lambda one: one.offer_ma == 8_000)
    answer = await here.call(call.GetConfiguration(key=["MeterValueSampleInterval"]))
    assert answer.configuration_key[0]["value"] == "17"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_answered_before_holds_behind_the_reset(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        async with process(tmp_path, connectors=2) as it:
            here = it.here
            key = call.ChangeConfiguration(key="MeterValueSampleInterval", value="17")
            assert (await here.call(key)).status == "Accepted"
            out = call.ChangeAvailability(connector_id=2, type="Inoperative")  # type: ignore[arg-type]
            assert (await here.call(out)).status == "Accepted"
            periods = [{"start_period": 0, "limit": 8}]
            profile = {
                "charging_profile_id": 1,
                "stack_level": 1,
                "charging_profile_purpose": "TxDefaultProfile",
                "charging_profile_kind": "Relative",
                "charging_schedule": {"charging_rate_unit": "A", "charging_schedule_period": periods},
            }
            assert await here.set_profile(**profile) == "Accepted"
            assert await reset(here, kind) == "Accepted"
            if kind == "Hard":
                assert await it.ended() == 64
                async with site(tmp_path, connectors=2, after=here) as later:
                    await as_answered(later)
            else:
                await as_answered(await booted(it, 2))

    run_virtual(scenario())


def test_of_two_resets_the_harder_one_counts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as it:
            await it.here.charge()
            assert await reset(it.here, "Soft") == "Accepted"
            assert await reset(it.here, "Hard") == "Accepted"
            assert await it.ended() == 64
            assert it.here.log.ledger.transactions[0].reason == "SoftReset", "the first one ended it"

    run_virtual(scenario())


def test_what_was_reloaded_before_a_soft_reset_holds_behind_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as it:
            configuration(tmp_path, connector="max_current_a = 16\nlock = false")
            await it.here.control("reload")
            assert await reset(it.here, "Soft") == "Accepted"
            here = await booted(it, 2)
            assert (await here.charge("ONE")).offer_ma == 16_000
            assert here.connector().outlet.lock == "locked", "that needs a restart of the process"

    run_virtual(scenario())


def test_the_command_of_a_hard_reset_is_the_one_that_was_reloaded(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path, station='hard_reset_command = ["false"]', ocpp="ResetRetries = 0") as it:
            ran = tmp_path / "ran"
            configuration(
                tmp_path, station=f'hard_reset_command = ["touch", "{ran}"]', ocpp="ResetRetries = 0"
            )
            await it.here.control("reload")
            await reset(it.here, "Hard")
            await it.ended()
            assert ran.exists()

    run_virtual(scenario())
