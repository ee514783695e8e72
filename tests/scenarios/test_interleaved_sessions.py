"""One, two and four connectors, one reader, many drivers: whose session runs where is what a person would expect.

A model on paper, with the rules of the reader in a few lines, goes along with a whole daemon for some hundred
random steps, and for a thousand with --torture. After each step both must agree, and so must the central system.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

STEPS, ALL_STEPS = 60, 1_000
TAGS = tuple(f"DRIVER-{number}" for number in range(6))
SETTLED_S, TIMEOUT_S = 12.0, 40
FUSE_A = 40
OCPP = f"""
ConnectionTimeOut = {TIMEOUT_S}
AllowOfflineTxForUnknownId = true
MeterValueSampleInterval = 20
TransactionMessageRetryInterval = 5
"""


class Paper:
    """Who charges where, by the rules of one reader for all connectors."""

    def __init__(self, connectors: int) -> None:
        self.plugged: list[int] = []
        """In the order in which they were plugged in."""
        self.sessions: dict[int, str] = {}
        self._connectors = connectors
        self._waiting: dict[str, float] = {}
        """Who was let in before a plug, and until when."""

    def plug(self, connector: int, now_s: float) -> None:
        """The first who was let in charges where it is plugged in."""
        self.plugged.append(connector)
        self._forget(now_s)
        if self._waiting:
            tag = next(iter(self._waiting))
            del self._waiting[tag]
            self.sessions[connector] = tag

    def unplug(self, connector: int) -> None:
        """Which ends the session."""
        self.plugged.remove(connector)
        self.sessions.pop(connector, None)

    def swipe(self, tag: str, now_s: float) -> None:
        """A card stops its own session, else starts where the last vehicle waits, else waits for a plug."""
        self._forget(now_s)
        own = [connector for connector, driver in self.sessions.items() if driver == tag]
        free = [connector for connector in self.plugged if connector not in self.sessions]
        if own:
            del self.sessions[min(own)]
        elif free:
            self.sessions[free[-1]] = tag
        elif self._connectors == 1:
            if not self.sessions:
                self._waiting = {tag: now_s + TIMEOUT_S}
        elif self._has_room(tag):
            self._waiting.pop(tag, None)
            self._waiting[tag] = now_s + TIMEOUT_S

    def start(self, connector: int, tag: str) -> bool:
        """Remotely, where it is plugged in and free."""
        if connector in self.sessions:
            return False
        self.sessions[connector] = tag
        return True

    def stop(self, connector: int) -> None:
        """Remotely."""
        del self.sessions[connector]

    def _has_room(self, tag: str) -> bool:
        others = [one for one in self._waiting if one != tag]
        return self._connectors - len(self.sessions) > len(others)

    def _forget(self, now_s: float) -> None:
        self._waiting = {tag: until_s for tag, until_s in self._waiting.items() if now_s < until_s}


class Day:
    """The same at a real site, and the comparison."""

    def __init__(self, here: Site, connectors: int, chance: random.Random) -> None:
        self._here = here
        self._numbers = range(1, connectors + 1)
        self._chance = chance
        self._paper = Paper(connectors)

    async def step(self) -> None:
        """Somebody does something; once it has settled, everybody agrees on who charges where."""
        acts = [self._plug] * 5 + [self._swipe] * 5 + [self._start, self._stop, self._limit, self._link]
        await self._chance.choice(acts)()
        await self._here.clock.sleep(SETTLED_S + self._chance.choice([0, 0, 7, 60]))
        self._compare()

    async def end(self) -> None:
        """Everybody leaves, and everything is told."""
        here = self._here
        for connector in list(self._paper.plugged):
            here.world.plug_out(connector)
            self._paper.unplug(connector)
        here.network.up = True
        while not here.daemon.csms.online or here.daemon.station.journal.queued:
            await here.clock.sleep(1)
        await here.clock.sleep(SETTLED_S)
        self._compare()

    async def _plug(self) -> None:
        connector = self._chance.choice(self._numbers)
        if connector in self._paper.plugged:
            self._here.world.plug_out(connector)
            self._paper.unplug(connector)
        else:
            self._here.world.plug_in(connector)
            self._paper.plug(connector, self._here.clock.monotonic_s())

    async def _swipe(self) -> None:
        tag = self._chance.choice(TAGS)
        self._here.world.swipe(tag)
        self._paper.swipe(tag, self._here.clock.monotonic_s())

    async def _start(self) -> None:
        plugged = self._paper.plugged
        if not self._here.daemon.csms.online or not plugged:
            return
        connector, tag = self._chance.choice(plugged), self._chance.choice(TAGS)
        answer = await self._here.call(call.RemoteStartTransaction(id_tag=tag, connector_id=connector))
        assert (answer.status == "Accepted") is self._paper.start(connector, tag)

    async def _stop(self) -> None:
        numbered = [one for one in self._numbers if self._number(one) is not None]
        if not self._here.daemon.csms.online or not numbered:
            return
        connector = self._chance.choice(numbered)
        request = call.RemoteStopTransaction(transaction_id=self._number(connector) or 0)
        assert (await self._here.call(request)).status == "Accepted"
        self._paper.stop(connector)

    async def _limit(self) -> None:
        for_s = self._chance.choice([20, 200])
        await self._here.control(
            "limit", connector=self._chance.choice(self._numbers), current_a=10, for_s=for_s
        )

    async def _link(self) -> None:
        if self._here.network.up:
            self._here.network.cut()
        else:
            self._here.network.up = True

    def _number(self, connector: int) -> int | None:
        transaction = self._here.connector(connector).transaction
        return None if transaction is None else transaction.csms_id

    def _compare(self) -> None:
        here = self._here
        now = {number: here.connector(number) for number in self._numbers}
        running = {
            number: one.transaction.id_tag for number, one in now.items() if one.transaction is not None
        }
        assert running == self._paper.sessions
        assert sum(one.offer_ma for one in now.values()) <= FUSE_A * 1_000
        assert all(one.offer_ma == 0 for number, one in now.items() if number not in running)
        if here.daemon.csms.online and not here.daemon.station.journal.queued:
            booked = {one.connector: one for one in here.log.ledger.transactions if one.open}
            assert {number: one.id_tag for number, one in booked.items()} == running
            assert {number: one.id for number, one in booked.items()} == {
                number: self._number(number) for number in running
            }


def test_who_was_let_in_before_a_plug_does_not_pay_for_a_vehicle_that_another_driver_left(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, ocpp=OCPP) as here:
            await here.charge("FIRST", 1)
            here.world.swipe("SECOND")
            await here.clock.sleep(SETTLED_S)
            here.world.swipe("FIRST")
            await here.clock.sleep(SETTLED_S)
            assert here.connector(1).transaction is None
            here.world.plug_in(2)
            charging = await here.status("Charging", 2)
            assert charging.transaction is not None and charging.transaction.id_tag == "SECOND"

    run_virtual(scenario())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" not in metafunc.fixturenames:
        return
    seeds = range(2) if metafunc.config.getoption("--torture") else range(1)
    metafunc.parametrize("seed", seeds)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("connectors", [1, 2, 4])
def test_each_tag_charges_where_it_was_meant_to_and_the_ledger_is_exact(
    tmp_path: Path,
    connectors: int,
    seed: int,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    steps = ALL_STEPS if request.config.getoption("--torture") else STEPS

    async def scenario() -> None:
        async with site(
            tmp_path, connectors=connectors, station=f"max_current_a = {FUSE_A}", ocpp=OCPP
        ) as here:
            day = Day(here, connectors, random.Random(seed * 10 + connectors))
            for _ in range(steps):
                await day.step()
            await day.end()
            booked = here.log.ledger.transactions
            assert {(one.starts, one.stops) for one in booked} == {(1, 1)}
            assert here.daemon.station.journal.dead == 0
            for number in range(1, connectors + 1):
                mine = [one for one in booked if one.connector == number]
                meter = here.connector(number).outlet.meter
                # Nothing flows between sessions: each begins where the one before ended, every Wh is in one.
                edges = [edge for one in mine for edge in (one.meter_start_wh, one.meter_stop_wh)]
                assert meter is not None
                assert [0, *edges][::2] == [*edges, meter.energy_wh][::2]
            record_property("random steps of interleaved sessions", steps)

    run_virtual(scenario())
