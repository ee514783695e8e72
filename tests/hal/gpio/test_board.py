"""A guarded outlet on the pins of a Raspberry Pi: what it does with a vehicle, and with each part that fails."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from hal.evse import StopPressed
from hal.outlet.config import OutletTimings
from hal.values import FaultKind, LockState, StopReason
from tests.hal.bench import seen_during, virtual
from tests.hal.gpio.charging import charging, now_s, offered, time_until
from tests.hal.simulators.gpio import PINS, Bench, bench

OPENED_S = 0.05
"""The coil is without power this long after the reason was there."""


@virtual
async def test_a_vehicle_charges_and_is_unplugged_under_load(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        assert b.evse.snapshot().cable_a == 32
        b.wired.plug_out()
        assert await time_until(lambda: not b.wired.coil, 1) <= OPENED_S
        assert await time_until(lambda: not b.wired.closed, 1) <= 0.1 - OPENED_S
        assert b.faults == []


@virtual
async def test_a_vehicle_that_opens_s2_is_cut_off_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.vehicle.ready = False
        b.wired.vehicle.wish()
        await time_until(lambda: not b.wired.vehicle.is_ready, 5)
        assert await time_until(lambda: not b.wired.coil, 1) <= OPENED_S


@virtual
async def test_nothing_closes_without_an_offer(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.wired.plug_in()
        await asyncio.sleep(60)
        assert not b.wired.coil and not b.wired.closed


@virtual
async def test_a_fixed_cable_needs_neither_lock_nor_proximity(tmp_path: Path) -> None:
    fixed = replace(PINS, lock_in=None, lock_out=None, lock_feedback=None, proximity_channel=None)
    async with bench(tmp_path, fixed) as b:
        await charging(b)
        assert b.evse.snapshot().lock is LockState.NONE


@pytest.mark.parametrize(
    ("part", "kind", "within_s"),
    [
        ("ground fault", FaultKind.GROUND_FAULT, 0.05),
        ("emergency stop", FaultKind.EMERGENCY_STOP, 0.05),
        ("lock feedback", FaultKind.LOCK_FAILURE, 0.15),
        ("feedback", FaultKind.POWER_SWITCH_FAILURE, 0.15),
    ],
)
@virtual
async def test_an_input_that_cannot_be_read_opens_the_contactor_and_is_a_fault(
    tmp_path: Path, part: str, kind: FaultKind, within_s: float
) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.inputs[part].broken = True
        assert await time_until(lambda: not b.wired.coil, 2) <= within_s
        await time_until(lambda: kind in b.faults, 1.1)


@virtual
async def test_a_mirror_contact_that_bounces_once_ends_no_session_and_one_that_chatters_does(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        mirror = b.wired.inputs["feedback"]
        mirror.put(closed=True)
        await asyncio.sleep(0.005)
        mirror.put(closed=False)
        await offered(b, 1)
        assert b.wired.coil
        for _ in range(50):
            mirror.put(closed=not mirror.closed)
            await asyncio.sleep(0.004)
        assert not b.wired.coil
        assert b.evse.snapshot().contactor == "unknown"


@virtual
async def test_a_welded_contactor_is_told_and_never_closed_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.set_cause(FaultKind.CONTACTOR_WELDED, True)
        b.evse.stop(StopReason.NORMAL)
        assert await time_until(lambda: FaultKind.CONTACTOR_WELDED in b.faults, 8) >= 1
        b.wired.plug_out()
        b.wired.plug_in()
        await offered(b, 10)
        assert not b.wired.coil
        assert b.evse.snapshot().lock is LockState.LOCKED


@virtual
async def test_a_contactor_that_does_not_close_is_given_up_after_three_tries(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.wired.set_cause(FaultKind.CONTACTOR_STUCK_OPEN, True)
        b.wired.plug_in()
        await offered(b, 60)
        assert b.faults == [FaultKind.CONTACTOR_STUCK_OPEN]
        assert not b.wired.coil


@virtual
async def test_the_wire_of_a_mirror_contact_that_breaks_shows_as_a_weld_once_the_contactor_is_to_open(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.mirror_wire_cut = True
        b.evse.stop(StopReason.NORMAL)
        await asyncio.sleep(10)
        assert not b.wired.coil and not b.wired.closed
        assert b.faults == [FaultKind.CONTACTOR_WELDED]


@virtual
async def test_the_interlock_is_held_only_while_the_contactor_is_to_be_closed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        beats: list[float] = []
        told = b.wired.outputs["heartbeat"].told

        def beat(high: bool) -> None:
            beats.append(now_s())
            told(high)

        b.wired.outputs["heartbeat"].told = beat
        await asyncio.sleep(5)
        assert beats == []
        await charging(b)
        await offered(b, 5)
        assert max(later - earlier for earlier, later in itertools.pairwise(beats)) <= 0.2
        b.evse.stop(StopReason.EMERGENCY)
        beats.clear()
        await asyncio.sleep(5)
        assert beats == []


@virtual
async def test_a_coil_pin_that_does_not_obey_loses_its_interlock(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.outputs["contactor"].broken = True
        b.wired.plug_out()
        assert await time_until(lambda: not b.wired.closed, 2) <= 0.5 + 0.17 + 0.03
        b.wired.outputs["contactor"].broken = False


@virtual
async def test_a_bolt_that_does_not_move_keeps_the_contactor_open(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.wired.set_cause(FaultKind.LOCK_FAILURE, True)
        strokes: list[bool] = []
        told = b.wired.outputs["lock in"].told
        b.wired.outputs["lock in"].told = lambda high: (strokes.append(high), told(high))[1]
        b.wired.plug_in()
        await offered(b, 60)
        assert b.faults == [FaultKind.LOCK_FAILURE]
        assert not b.wired.coil
        assert 4 <= sum(strokes) <= 10


@virtual
async def test_the_bolt_is_in_before_the_contactor_closes_and_out_after_the_unplugging(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.wired.plug_in()
        await time_until(lambda: b.evse.snapshot().lock is LockState.LOCKED, 2)
        assert not b.wired.coil
        await charging_goes_on(b)
        b.wired.plug_out()
        await asyncio.sleep(1.5)
        assert not b.wired.bolt_in
        assert b.evse.snapshot().lock is LockState.UNLOCKED


async def charging_goes_on(b: Bench) -> None:
    await offered(b, 8)
    assert b.wired.closed


@virtual
async def test_a_detector_tests_itself_before_the_first_close_and_its_own_trip_is_none(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        assert b.board.outlets[1].ground_fault is not None
        assert b.board.outlets[1].ground_fault.self_test() == "passed"
        assert b.faults == []


@virtual
async def test_a_self_test_is_no_fault_while_it_runs(tmp_path: Path) -> None:
    async with bench(tmp_path, timings=OutletTimings(self_test_fresh_s=10)) as b:
        pulses: list[bool] = []
        told = b.wired.outputs["ground fault test"].told
        b.wired.outputs["ground fault test"].told = lambda high: (pulses.append(high), told(high))[1]
        events = await seen_during(b.evse, asyncio.sleep(12))
        assert pulses == [True, False]
        assert events == []


@virtual
async def test_a_detector_that_answers_its_test_for_a_moment_only_has_answered(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        detector, contact = b.board.outlets[1].ground_fault, b.wired.inputs["ground fault"]
        assert detector is not None
        b.wired.test_fails = True
        detector.start_self_test()
        contact.put(closed=False)
        contact.put(closed=True)
        await asyncio.sleep(0.11)
        assert detector.self_test() == "passed"
        assert not detector.tripped()


@virtual
async def test_the_contact_of_a_detector_may_bounce_in_its_test(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        detector, contact = b.board.outlets[1].ground_fault, b.wired.inputs["ground fault"]
        assert detector is not None
        b.wired.test_fails = True
        detector.start_self_test()
        for closed in (False, True, False, True, False):
            contact.put(closed=closed)
            await asyncio.sleep(0.003)
        await asyncio.sleep(0.5)
        assert (detector.self_test(), detector.tripped()) == ("running", False)
        for closed in (True, False, True):
            contact.put(closed=closed)
            await asyncio.sleep(0.003)
        assert detector.self_test() == "running"
        await asyncio.sleep(0.1)
        assert (detector.self_test(), detector.tripped(), b.faults) == ("passed", False, [])


@virtual
async def test_a_detector_that_does_not_answer_its_test_is_as_good_as_tripped(tmp_path: Path) -> None:
    async with bench(tmp_path, timings=OutletTimings(self_test_fresh_s=10)) as b:
        b.wired.test_fails = True
        await asyncio.sleep(12)
        assert b.faults == [FaultKind.GROUND_FAULT]
        b.wired.plug_in()
        await offered(b, 10)
        assert not b.wired.coil


@virtual
async def test_a_leak_that_stands_while_the_detector_is_tested_is_still_a_trip(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.wired.leak(True)
        await asyncio.sleep(0.05)
        detector = b.board.outlets[1].ground_fault
        assert detector is not None
        detector.start_self_test()
        assert detector.tripped()
        await asyncio.sleep(2)
        assert detector.self_test() == "failed"


@virtual
async def test_the_stop_button_is_told_once_for_each_press_however_it_bounces(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(tmp_path) as b:

        async def press() -> None:
            b.wired.press_stop()
            for _ in range(5):
                b.wired.inputs["stop button"].put(closed=False)
                await asyncio.sleep(0.002)
                b.wired.inputs["stop button"].put(closed=True)
                await asyncio.sleep(0.002)
            await asyncio.sleep(1)

        for _ in range(2):
            presses = [event for event in await seen_during(b.evse, press()) if event == StopPressed()]
            assert len(presses) == 1
        b.wired.inputs["stop button"].put(closed=True)
        await asyncio.sleep(0.002)
        b.wired.inputs["stop button"].put(closed=False)
        await asyncio.sleep(1)
        assert [record.message for record in caplog.records if "stop button" in record.message] == []


@virtual
async def test_a_hot_enclosure_opens_the_contactor(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.warm(b.root / "sys/bus/w1/devices/28-0000/w1_slave", 80_000)
        assert await time_until(lambda: not b.wired.coil, 12) <= 6
        assert b.faults == [FaultKind.OVER_TEMPERATURE]


@virtual
async def test_phases_are_switched_at_rest_only(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        relay = b.wired.outputs["phase relay"]
        await asyncio.sleep(70)
        b.wired.plug_in()
        await offered(b, 10)
        assert (b.wired.closed, bool(relay._state)) == (True, True)
        moved: list[bool] = []
        relay.told = lambda high: moved.append(b.wired.closed)
        await offered(b, 400, phases=1)
        assert (b.wired.closed, bool(relay._state), moved) == (True, False, [False])


@virtual
async def test_every_output_is_low_and_the_pilot_is_f_when_the_board_is_closed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
    assert b.wired.circuit.high_ns == 0
    assert b.wired.pilot.closed
    assert {part for part, pin in b.wired.outputs.items() if pin._state} == set()
    assert {pin.function for pin in b.wired.outputs.values()} == {"input"}
    assert {pin.pull for pin in b.wired.outputs.values()} == {"down"}


@virtual
async def test_a_bug_in_the_middle_leaves_the_coil_low(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with bench(tmp_path) as b:
            await charging(b)
            raise ZeroDivisionError
    assert not b.wired.coil
    assert b.wired.circuit.high_ns == 0


@virtual
async def test_a_vehicle_that_draws_too_much_is_seen_though_no_pin_tells_of_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.meter.flow((32_000,) * 3)
        await offered(b, 13)
        assert b.faults == ["over_current"]
        assert not b.wired.closed


@virtual
async def test_a_mains_that_sags_is_seen_though_no_pin_tells_of_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.meter.set_voltage(150_000)
        await offered(b, 3)
        assert b.faults == ["under_voltage"]


@virtual
async def test_the_last_volts_of_a_meter_that_the_open_contactor_leaves_without_power_are_not_the_mains(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, meter_behind_contactor=True) as b:
        await charging(b)
        b.evse.stop(StopReason.NORMAL)
        await time_until(lambda: b.evse.snapshot().contactor == "open", 10)
        b.wired.meter.set_voltage(120_000)
        await asyncio.sleep(3)
        meter = b.evse.snapshot().meter
        assert meter is not None and meter.voltage_mv is None
        assert b.faults == []


@virtual
async def test_the_first_beat_of_each_closing_is_a_rising_edge(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        for _ in range(3):
            await charging(b)
            b.wired.plug_out()
            await asyncio.sleep(10)
            assert not b.board.outlets[1].contactor._interlock.is_high
