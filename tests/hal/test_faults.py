"""The fault table, row by row: what each fault does to a charging outlet, and what clears it."""

import asyncio
from pathlib import Path

import pytest

from hal.boards.mock.outlet import Defect
from hal.evse import FaultCleared, FaultRaised, Offer
from hal.values import FAULT_RULES, FaultKind, StopReason, UnlockResult
from tests.hal.bench import Bench, bench, seen_during, virtual

CLEARED_BY_UNPLUG = [
    "ground_fault",
    "pilot_short",
    "diode_missing",
    "pilot_fault",
    "over_current",
    "lock_failure",
]
SHOWN_WITHIN_S = {
    "ground_fault": 0,
    "pilot_short": 1.01,
    "diode_missing": 0.21,
    "pilot_fault": 1.01,
    "over_current": 7.6,
    "lock_failure": 0,
    "over_temperature": 0,
    "under_voltage": 1.01,
    "over_voltage": 1.01,
    "emergency_stop": 0,
    "power_switch_failure": 1.01,
}


async def raise_fault(b: Bench, kind: str) -> None:
    """Break the charging outlet, and keep the offer up until the fault shows."""
    b.world.fault(1, kind, True)
    await b.offer(16_000, for_s=SHOWN_WITHIN_S[kind] + 0.001)
    assert b.faults == [kind]


@pytest.mark.parametrize("kind", SHOWN_WITHIN_S)
@virtual
async def test_an_opening_fault_opens_while_charging_and_holds_against_the_offer(
    tmp_path: Path, kind: str
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        await raise_fault(b, kind)
        assert b.now.contactor_commanded == "open"
        await b.offer(16_000, for_s=2)
        assert (b.now.contactor_commanded, b.now.duty_ns) == ("open", None)


@pytest.mark.parametrize("kind", CLEARED_BY_UNPLUG)
@virtual
async def test_a_latched_fault_outlives_its_cause_and_is_cleared_by_an_unplug(
    tmp_path: Path, kind: str
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        await raise_fault(b, kind)
        b.world.fault(1, kind, False)
        await b.offer(16_000, for_s=40)
        assert b.faults == [kind]
        b.world.plug_out(1)
        await asyncio.sleep(1)
        assert b.faults == []


@pytest.mark.parametrize("kind", ["ground_fault", "pilot_short", "lock_failure"])
@virtual
async def test_an_unplug_does_not_clear_a_fault_whose_cause_stands(tmp_path: Path, kind: str) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        await raise_fault(b, kind)
        b.world.plug_out(1)
        await asyncio.sleep(2)
        assert b.faults == [kind]


@pytest.mark.parametrize("kind", ["over_temperature", "emergency_stop"])
@virtual
async def test_a_recovering_fault_clears_with_its_cause_and_charging_resumes(
    tmp_path: Path, kind: str
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        await raise_fault(b, kind)
        await b.offer(16_000, for_s=3)
        b.world.fault(1, kind, False)
        assert b.faults == []
        assert b.now.contactor_commanded == "open"
        await b.offer(16_000, for_s=10)
        assert b.now.contactor == "closed"


@pytest.mark.parametrize("kind", ["under_voltage", "over_voltage"])
@virtual
async def test_a_voltage_fault_clears_after_60_healthy_seconds(tmp_path: Path, kind: str) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        await raise_fault(b, kind)
        b.world.fault(1, kind, False)
        await b.offer(16_000, for_s=59.9)
        assert b.faults == [kind]
        await b.offer(16_000, for_s=10)
        assert (b.faults, b.now.contactor) == ([], "closed")


@virtual
async def test_a_voltage_dip_of_less_than_a_second_is_no_fault(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.meter(1, voltage_v=180)
        await b.offer(16_000, for_s=0.9)
        b.world.meter(1, voltage_v=230)
        await b.offer(16_000, for_s=5)
        assert (b.faults, b.now.contactor) == ([], "closed")


@virtual
async def test_a_vehicle_that_never_left_c_waits_30_s_after_a_fault(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="stuck_c")
        await b.charge()
        await raise_fault(b, "emergency_stop")
        await b.offer(16_000, for_s=2)
        b.world.fault(1, "emergency_stop", False)
        assert b.now.closing_at_s == pytest.approx(b.time_s + 30)
        await b.offer(16_000, for_s=29.5)
        assert b.now.contactor == "open"
        await b.offer(16_000, for_s=3)
        assert b.now.contactor == "closed"


@virtual
async def test_a_fault_shows_f_for_more_than_300_ms_and_x1_then(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        outlet = b.guard.world._outlets[1]  # type: ignore[union-attr]
        b.world.fault(1, "ground_fault", True)
        assert outlet.pilot.high_ns == 0
        await asyncio.sleep(0.399)
        assert outlet.pilot.high_ns == 0
        await asyncio.sleep(0.002)
        assert outlet.pilot.high_ns == 1_000_000


@pytest.mark.parametrize("kind", ["meter_offline", "reader_offline"])
@virtual
async def test_a_lost_meter_or_reader_is_a_fault_that_lets_charging_go_on(tmp_path: Path, kind: str) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.fault(1, kind, True)
        await b.offer(16_000, for_s=5)
        assert (b.faults, b.now.contactor) == ([kind], "closed")
        b.world.fault(1, kind, False)
        assert b.faults == []


@virtual
async def test_a_weld_is_latched_within_a_second_and_survives_a_kill(tmp_path: Path) -> None:
    async with bench(tmp_path, raise_violations=False) as b:
        await b.charge()
        b.world.fault(1, "contactor_welded", True)
        b.evse.stop(StopReason.EMERGENCY)
        took_s = await b.until(lambda: b.faults == ["contactor_welded"], within_s=2)
        assert took_s == pytest.approx(1.0, abs=0.01)
        await asyncio.sleep(1)
        assert b.now.lock == "locked"
        b.world.plug_out(1)
        assert not await b.evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)
    async with bench(tmp_path) as b:
        assert b.faults == ["contactor_welded"]
        b.world.plug_in(1)
        await b.offer(16_000, for_s=5)
        assert (b.now.contactor, b.now.duty_ns) == ("open", None)
        assert await b.evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)
        await b.offer(16_000, for_s=5)
        assert (b.faults, b.now.contactor) == ([], "closed")


@virtual
async def test_an_acknowledged_fault_stays_away_after_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "contactor_welded", True)
        await asyncio.sleep(1.1)
        b.world.fault(1, "contactor_welded", False)
        assert await b.evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)
    async with bench(tmp_path) as b:
        assert b.faults == []


@virtual
async def test_a_contactor_that_does_not_close_is_tried_three_times(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "contactor_stuck_open", True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=4)
        assert (b.faults, b.now.contactor_commanded) == ([], "open")
        await b.offer(16_000, for_s=10)
        assert (b.faults, b.guard.contactor_cycles(1)) == (["contactor_stuck_open"], 3)
        b.world.fault(1, "contactor_stuck_open", False)
        b.world.plug_out(1)
        assert b.faults == ["contactor_stuck_open"]
        assert await b.evse.acknowledge_fault(FaultKind.CONTACTOR_STUCK_OPEN)
        await b.charge()


@virtual
async def test_an_over_drawing_vehicle_is_stopped_after_7_s(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="over_drawer")
        b.world.plug_in(1)
        await b.offer(16_000, for_s=7.5)
        assert b.faults == []
        await b.offer(16_000, for_s=1)
        assert b.faults == ["over_current"]


@virtual
async def test_a_slow_vehicle_that_follows_within_5_s_is_never_over_current(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="slow")
        b.world.plug_in(1)
        await b.offer(32_000, for_s=25)
        for _ in range(3):
            await b.offer(6_000, for_s=8)
            await b.offer(32_000, for_s=8)
        assert (b.faults, b.now.contactor) == ([], "closed")


@virtual
async def test_a_jammed_lock_prevents_the_start(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "lock_failure", True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=5)
        assert (b.faults, b.now.contactor) == (["lock_failure"], "open")


@virtual
async def test_a_bolt_that_does_not_move_out_is_an_unlock_that_failed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_in(1)
        await asyncio.sleep(1)
        b.world.fault(1, "lock_failure", True)
        assert await b.evse.unlock() is UnlockResult.FAILED


@virtual
async def test_faults_are_told_once_when_raised_and_once_when_cleared(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        async def press_and_release() -> None:
            b.world.fault(1, "emergency_stop", True)
            await asyncio.sleep(5)
            b.world.fault(1, "emergency_stop", False)
            await asyncio.sleep(5)

        events = await seen_during(b.evse, press_and_release())
        told = [type(event) for event in events if isinstance(event, FaultRaised | FaultCleared)]
        assert told == [FaultRaised, FaultCleared]


@virtual
async def test_a_fault_that_clears_itself_cannot_be_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "emergency_stop", True)
        assert not await b.evse.acknowledge_fault(FaultKind.EMERGENCY_STOP)
        assert not await b.evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)


@virtual
async def test_no_offer_is_taken_while_a_fault_stands_before_the_plug(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "ground_fault", True)
        b.world.plug_in(1)
        b.evse.offer(Offer(current_ma=16_000, phases=3))
        assert (b.now.duty_ns, b.faults) == (None, ["ground_fault"])


def test_every_kind_has_a_rule() -> None:
    assert set(FAULT_RULES) == set(FaultKind)


@virtual
async def test_mirror_contacts_that_show_open_wrongly_open_at_once_and_end_as_a_contactor_that_does_not_close(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.deceive(1, Defect.MIRROR_SHOWS_OPEN, True)
        assert b.now.contactor_commanded == "open"
        await b.offer(16_000, for_s=30)
        assert b.faults == ["contactor_stuck_open"]


@virtual
async def test_a_bolt_that_does_not_move_is_a_failed_lock(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.deceive(1, Defect.LOCK_STUCK, True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=10)
        assert (b.faults, b.now.contactor_commanded) == (["lock_failure"], "open")


@virtual
async def test_a_current_that_is_read_though_the_contactor_is_open_is_a_failed_switch(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.deceive(1, Defect.CURRENT_STUCK, True)
        b.world.ev(1, ready=False)
        await b.offer(16_000, for_s=3)
        assert b.faults == ["power_switch_failure"]
