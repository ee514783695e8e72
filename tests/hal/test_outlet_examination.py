"""What each part of an outlet says of itself when somebody looks: all well, or what is broken and what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hal.examination import Finding, Health
from hal.guarded_outlet import GuardedOutlet
from hal.values import StopReason
from tests.hal.bench import Bench, bench, virtual


def examined(b: Bench) -> dict[str, Finding]:
    """The findings by their part."""
    outlet = b.evse
    assert isinstance(outlet, GuardedOutlet)
    return {finding.part: finding for finding in outlet.examine()}


@virtual
async def test_every_part_of_a_healthy_outlet_is_well(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        found = examined(b)
        assert set(found) == {
            "pilot",
            "contactor",
            "ground fault",
            "emergency stop",
            "lock",
            "proximity",
            "temperature",
            "meter",
        }
        assert {one.health for one in found.values()} == {Health.OK}


@virtual
async def test_a_charging_outlet_tells_what_it_measures(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge(16_000)
        found = examined(b)
        assert found["pilot"].evidence == "state C, +6.0 V / -12.0 V, PWM 26.6 %"
        assert found["contactor"].evidence == "closed, as told; cycles 1, 0 under load"
        assert found["proximity"].evidence == "220 Ω, 32 A cable"
        assert found["lock"].evidence == "locked"


@virtual
async def test_a_fixed_cable_has_neither_lock_nor_proximity(tmp_path: Path) -> None:
    async with bench(tmp_path, lock=False) as b:
        assert not {"lock", "proximity"} & set(examined(b))


@pytest.mark.parametrize(
    ("part", "break_it", "evidence"),
    [
        ("pilot", lambda b: b.world.fault(1, "pilot_fault", True), "cannot be read"),
        ("pilot", lambda b: b.world.fault(1, "pilot_short", True), "state E"),
        ("contactor", lambda b: b.world.fault(1, "power_switch_failure", True), "told open, is unknown"),
        ("contactor", lambda b: b.world.fault(1, "contactor_welded", True), "told open, is closed"),
        ("ground fault", lambda b: b.world.fault(1, "ground_fault", True), "tripped"),
        ("emergency stop", lambda b: b.world.fault(1, "emergency_stop", True), "pressed"),
        ("lock", lambda b: b.world.fault(1, "lock_failure", True), "jammed"),
        ("meter", lambda b: b.world.fault(1, "meter_offline", True), "does not answer"),
    ],
)
@virtual
async def test_a_broken_part_is_told_with_its_next_step(
    tmp_path: Path, part: str, break_it: Callable[[Bench], None], evidence: str
) -> None:
    async with bench(tmp_path, raise_violations=False) as b:
        break_it(b)
        await b.offer(16_000, for_s=2)
        found = examined(b)
        assert found[part].health is Health.FAILED
        assert evidence in found[part].evidence
        assert found[part].next_step
        assert [one for one in found.values() if one.health is not Health.OK] == [found[part]]


@virtual
async def test_a_contactor_that_does_not_close_is_told_though_it_is_open_as_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "contactor_stuck_open", True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=60)
        found = examined(b)["contactor"]
        assert (found.health, found.evidence) == (
            Health.FAILED,
            "did not close when it was told to, cycles 3, 0 under load",
        )


@virtual
async def test_a_contactor_on_its_way_is_no_failure(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.evse.stop(StopReason.EMERGENCY)
        assert examined(b)["contactor"].health is Health.WARNING
        await b.until(lambda: b.now.contactor == "open", within_s=1)
        assert examined(b)["contactor"].health is Health.OK


@virtual
async def test_a_cable_without_coding_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.proximity(1, broken=True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=2)
        assert examined(b)["proximity"].health is Health.FAILED


@virtual
async def test_a_warm_outlet_is_a_warning(tmp_path: Path) -> None:
    async with bench(tmp_path, thermometer=True) as b:
        b.world.warmth(1, 62)
        found = examined(b)["temperature"]
        assert (found.health, found.evidence) == (Health.WARNING, "62.0 °C")


@virtual
async def test_a_meter_behind_the_open_contactor_may_be_dark(tmp_path: Path) -> None:
    async with bench(tmp_path, meter_behind_contactor=True) as b:
        assert examined(b)["meter"].health is Health.OK


@virtual
async def test_a_reader_of_the_mock_that_is_offline_is_told_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.fault(1, "reader_offline", True)
        told = [one for one in await b.guard.examine() if one.health is not Health.OK]
        assert [(one.part, one.connector) for one in told] == [("reader", 1)]
