"""The hardware behind the guard's socket: sessions as ever, and what is told while the guard is out of reach."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.cli.terminal import Terminal
from cpd.cli.why import render_why
from hal.serving import pause
from hal.values import ContactorState, FaultKind, PilotState
from tests.hal.wire.bench import GuardProcess, guard, guard_process, raw_client, served
from tests.scenarios.site import site
from tests.virtual_time import run_virtual


def behind(path: Path) -> str:
    """The lines of [hal] for a guard at *path*."""
    return f'process = "guard"\nguard_socket = "{path}"'


def test_a_session_behind_the_socket_is_booked_as_one_inside(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard(tmp_path) as hal,
            served(hal, tmp_path) as path,
            site(tmp_path, guard=hal, hal=behind(path)) as here,
        ):
            await here.charge()
            await here.clock.sleep(600)
            here.world.plug_out(1)
            (booked,) = await here.stopped()
            meter = hal.evses[1].snapshot().meter
            assert meter is not None
            assert (booked.reason, booked.meter_stop_wh) == ("EVDisconnected", meter.energy_wh)
            assert (await here.control("status"))["hal"]["process"] == "guard"

    run_virtual(scenario())


def test_a_lost_guard_suspends_the_session_which_goes_on_once_it_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            await here.charge()
            await here.clock.sleep(60)
            await process.falls_silent()
            faulted = await here.status("Faulted", within_s=5)
            assert faulted.error_code == "InternalError"
            assert process.outlet.contactor == "closed", "the guard goes on with its lease"
            await here.clock.sleep(10)
            assert (process.outlet.contactor, process.outlet.offer_ma) == ("open", 0)
            assert here.log.messages(call.StatusNotification)[-1].info == "FAULT_GUARD_LOST"
            reason = await here.control("why", connector=1)
            primary = reason["blockers"][0]
            assert primary["code"] == "FAULT_GUARD_LOST"
            assert "systemctl status cpd-guard" in primary["next_step"]
            status = await here.control("status")
            picture = render_why(reason, status["connectors"][0], status, Terminal(width=40))
            assert max(map(len, picture.splitlines())) <= 40
            assert "FAULT: GUARD LOST" in picture
            await process.speaks()
            await here.status("Charging", within_s=20)
            here.world.plug_out(1)
            (booked,) = await here.stopped()
            assert booked.reason == "EVDisconnected"

    run_virtual(scenario())


def test_mock_actions_go_over_the_socket_and_are_refused_while_it_is_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            await here.control("mock.plug_in", connector=1)
            await here.status("Preparing")
            refused = await here.refusal("mock.plug_in", connector=1)
            assert refused["message"] == "connector 1 has a vehicle already; plug it out first"
            await process.falls_silent()
            await here.status("Faulted")
            refused = await here.refusal("mock.plug_out", connector=1)
            assert refused["data"] == {"code": "refused", "next_step": "systemctl status cpd-guard"}

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("method", "params"), [("unlock", {}), ("faults.acknowledge", {"code": "contactor_welded"})]
)
def test_what_a_technician_asks_of_a_lost_outlet_is_refused_at_once_and_blames_no_part_of_it(
    tmp_path: Path, method: str, params: dict[str, str]
) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            process.world.plug_in(1)
            await here.status("Preparing")
            process.world.fault(1, FaultKind.CONTACTOR_WELDED, True)
            await here.status("Faulted")
            process.world.fault(1, FaultKind.CONTACTOR_WELDED, False)
            await here.clock.sleep(10)
            await process.falls_silent()
            await here.until(lambda one: one.outlet.pilot is PilotState.UNKNOWN)
            asked_s = here.clock.monotonic_s()
            refused = await here.refusal(method, connector=1, **params)
            assert refused["message"].startswith("connector 1 is out of reach: the guard")
            assert "systemctl status cpd-guard" in refused["data"]["next_step"]
            assert here.clock.monotonic_s() - asked_s < 1

    run_virtual(scenario())


def test_somebody_who_is_unplugged_while_the_guard_is_out_of_reach_ends_the_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            await here.charge()
            await here.clock.sleep(60)
            away = process.path.rename(tmp_path / "away.sock")
            async with raw_client(away):
                await here.status("Faulted")
                here.world.plug_out(1)
                await here.clock.sleep(20)
                here.world.plug_in(1)
                await here.clock.sleep(20)
            away.rename(process.path)
            async with asyncio.timeout(60):
                (booked,) = await here.stopped()
            assert booked.reason == "EVDisconnected"
            await here.clock.sleep(60)
            assert process.outlet.contactor == "open", "nobody has authorised who came then"

    run_virtual(scenario())


def test_a_session_that_is_stopped_while_the_guard_is_lost_is_booked_with_what_was_read_last(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            await here.charge()
            await here.clock.sleep(600)
            before = process.outlet.meter
            await process.falls_silent()
            await here.status("Faulted")
            await here.control("stop", connector=1)
            (booked,) = await here.stopped()
            assert before is not None
            assert booked.reason == "Local"
            assert 0 <= before.energy_wh - booked.meter_stop_wh <= 1, "a quarter of a second of 11 kW"
            await process.speaks()
            await here.until(lambda one: one.status == "Finishing", within_s=20)
            await here.clock.sleep(60)
            assert process.outlet.contactor == "open"

    run_virtual(scenario())


@pytest.mark.parametrize("swapped", [False, True], ids=["stayed", "swapped"])
def test_a_session_is_resumed_for_the_vehicle_that_it_began_with_and_for_no_other(
    tmp_path: Path, swapped: bool
) -> None:
    """The daemon is dead for a while; the guard has seen who came and went."""

    async def scenario() -> None:
        async with guard_process(tmp_path) as process:
            config = {"hal": behind(process.path), "station": 'on_power_loss = "resume"'}
            async with site(tmp_path, guard=process.hal, **config) as first:
                process.world.plug_in(1)
                await first.clock.sleep(10)
                process.world.plug_out(1)
                await first.clock.sleep(10)
                await first.charge()
                await first.clock.sleep(60)
            if swapped:
                process.world.plug_out(1)
                await first.clock.sleep(5)
                process.world.plug_in(1)
                await first.clock.sleep(5)
            async with site(tmp_path, guard=process.hal, after=first, **config) as second:
                if swapped:
                    async with asyncio.timeout(60):
                        (booked,) = await second.stopped()
                    assert booked.reason == "PowerLoss"
                    await second.clock.sleep(60)
                    assert process.outlet.contactor == "open"
                else:
                    await second.status("Charging")
                    assert len(second.log.ledger.transactions) == 1

    run_virtual(scenario())


async def press_and_release(process: GuardProcess) -> None:
    process.world.fault(1, FaultKind.EMERGENCY_STOP, True)
    await pause(3)
    process.world.fault(1, FaultKind.EMERGENCY_STOP, False)


async def press_stop_button(process: GuardProcess) -> None:
    process.world.press_stop(1)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [(press_and_release, "EmergencyStop"), (press_stop_button, "Local")],
    ids=["emergency stop", "stop button"],
)
def test_a_session_that_was_ended_while_the_daemon_was_dead_is_not_resumed(
    tmp_path: Path, ends: Callable[[GuardProcess], Awaitable[None]], reason: str
) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process:
            config = {"hal": behind(process.path), "station": 'on_power_loss = "resume"'}
            async with site(tmp_path, guard=process.hal, **config) as first:
                await first.charge()
                await first.clock.sleep(60)
            await ends(process)
            await first.clock.sleep(30)
            async with site(tmp_path, guard=process.hal, after=first, **config) as second:
                async with asyncio.timeout(60):
                    (booked,) = await second.stopped()
                assert booked.reason == reason
                await second.clock.sleep(60)
                assert process.outlet.contactor == "open"

    run_virtual(scenario())


def test_a_daemon_that_is_back_while_its_outlet_is_closed_serves_at_once_and_books_once_it_is_open(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process:
            async with site(tmp_path, guard=process.hal, hal=behind(process.path)) as first:
                process.world.ev(1, personality="stuck_c")
                await first.charge()
                await first.clock.sleep(600)
            ended_s = first.clock.monotonic_s()
            async with site(tmp_path, guard=process.hal, after=first, hal=behind(process.path)) as second:
                shown = (await second.control("status"))["connectors"][0]
                assert second.clock.monotonic_s() - ended_s < 1
                assert shown["contactor"]["confirmed"] == "closed"
                assert shown["transaction"] is not None
                refused = await second.refusal("start", connector=1)
                assert refused["data"]["code"] == "refused"
                process.world.swipe("B0B0B0B0", 1)
                await second.until(
                    lambda one: one.transaction is None or one.transaction.id_tag == "B0B0B0B0"
                )
                assert process.outlet.contactor_commanded == "open"
                assert 5 < second.clock.monotonic_s() - ended_s < 7, "the vehicle had its time to let go"
                await second.status("Charging")
                process.world.plug_out(1)
                booked, then = await second.stopped(2)
                assert (booked.stops, booked.reason) == (1, "PowerLoss")
                assert booked.meter_stop_wh == then.meter_start_wh
                assert then.id_tag == "B0B0B0B0"

    run_virtual(scenario())


def test_a_session_that_began_after_an_emergency_stop_is_resumed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process:
            config = {"hal": behind(process.path), "station": 'on_power_loss = "resume"'}
            async with site(tmp_path, guard=process.hal, **config) as first:
                await press_and_release(process)
                await first.clock.sleep(10)
                await first.charge()
                await first.clock.sleep(60)
            async with site(tmp_path, guard=process.hal, after=first, **config) as second:
                await second.status("Charging")
                assert len(second.log.ledger.transactions) == 1

    run_virtual(scenario())


def test_who_comes_after_an_unplugging_that_only_a_new_guard_saw_does_not_charge(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            await here.charge()
            await here.clock.sleep(60)
            await process.dies()
            await here.clock.sleep(8)
            await process.starts()
            await here.clock.sleep(0.1)
            process.world.plug_out(1)
            await here.clock.sleep(0.7)
            process.world.plug_in(1)
            (booked,) = await here.stopped()
            assert booked.reason == "EVDisconnected"
            assert process.outlet.contactor is ContactorState.OPEN

    run_virtual(scenario())


def test_an_emergency_stop_that_nobody_heard_of_has_ended_the_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard_process(tmp_path) as process,
            site(tmp_path, guard=process.hal, hal=behind(process.path)) as here,
        ):
            await here.charge()
            away = process.path.rename(tmp_path / "away.sock")
            async with raw_client(away):
                await here.status("Faulted")
                process.world.fault(1, FaultKind.EMERGENCY_STOP, True)
                await here.clock.sleep(3)
                process.world.fault(1, FaultKind.EMERGENCY_STOP, False)
                await here.clock.sleep(3)
            away.rename(process.path)
            (booked,) = await here.stopped()
            assert booked.reason == "EmergencyStop"
            assert process.outlet.contactor is ContactorState.OPEN

    run_virtual(scenario())
