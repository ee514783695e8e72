"""Vehicles as they are, under an outlet that offers 16 A: who charges, how soon, and how often the relay clicks."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hal.boards.mock.personalities import PERSONALITIES
from tests.hal.bench import Bench, bench, virtual

LADDER_S = 30.0 + 4.0 + 0.75 + 5.0
"""B2, the wake-up pulse, its rest, and what a vehicle takes to ask."""


def drawn_ma(b: Bench) -> int:
    assert b.now.meter is not None and b.now.meter.current_ma is not None
    return max(b.now.meter.current_ma)


@virtual
async def test_a_sleeper_charges_within_the_ladder_and_with_one_click(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="sleeper")
        b.world.plug_in(1)
        await b.offer(16_000, for_s=LADDER_S)
        assert (b.now.contactor, drawn_ma(b)) == ("closed", 16_000)
        assert b.guard.contactor_cycles(1) == 1


@virtual
async def test_a_sleeper_that_fell_asleep_in_a_long_pause_is_woken_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="sleeper")
        b.world.plug_in(1)
        await b.offer(16_000, for_s=LADDER_S)
        b.evse.offer(None)
        await asyncio.sleep(3 * 3_600)
        await b.offer(16_000, for_s=29)
        assert b.now.pilot == "B"
        await b.offer(16_000, for_s=LADDER_S - 29)
        assert b.now.contactor == "closed"


@virtual
async def test_a_full_vehicle_gets_one_ladder_and_no_click(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, ready=False)
        b.world.plug_in(1)
        pulses = 0
        was_waking = False
        for _ in range(3_600):
            await b.offer(16_000, for_s=1)
            pulses += b.now.waking and not was_waking
            was_waking = b.now.waking
        assert (pulses, b.guard.contactor_cycles(1)) == (1, 0)


@virtual
async def test_a_zoe_ignores_6_a_without_a_click(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="zoe")
        b.world.plug_in(1)
        await b.offer(6_000, for_s=600)
        assert (b.now.pilot, b.guard.contactor_cycles(1)) == ("B", 0)
        await b.offer(7_000, for_s=10)
        assert (b.now.contactor, drawn_ma(b)) == ("closed", 7_000)


@pytest.mark.parametrize("personality", ["zoe", "self_pauser"])
def test_who_pauses_by_itself_charges_again_by_itself(tmp_path: Path, personality: str) -> None:
    @virtual
    async def hour() -> None:
        async with bench(tmp_path) as b:
            b.world.ev(1, personality=personality)
            b.world.plug_in(1)
            flowed = rested = 0
            longest_rest = rest = 0
            for second in range(3_600):
                # A pilot that changes wakes nobody who rests.
                await b.offer(15_000 if second // 8 % 2 else 16_000, for_s=1)
                rest = 0 if drawn_ma(b) else rest + 1
                longest_rest = max(longest_rest, rest)
                flowed += drawn_ma(b) > 0
                rested += rest == 1
            rests = PERSONALITIES[personality].rests
            assert 0 <= longest_rest - max(one.for_s for one in rests) <= 10
            assert flowed > 1_700
            assert b.guard.contactor_cycles(1) <= rested + 1, "the relay clicks for the vehicle's pauses only"
            assert b.faults == []

    hour()


@virtual
async def test_a_mach_e_asks_no_more_once_the_pwm_came_back_too_soon_until_it_is_replugged(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="mach_e")
        await b.charge()
        b.evse.offer(None)
        await b.offer(16_000, for_s=60)
        assert b.now.pilot == "B"
        b.world.plug_out(1)
        await b.charge()
        b.evse.offer(None)
        await asyncio.sleep(30)
        await b.offer(16_000, for_s=5)
        assert b.now.contactor == "closed"


@virtual
async def test_a_vehicle_that_takes_6_s_to_follow_is_never_over_current(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="slow_to_follow")
        await b.charge(32_000)
        for current_ma in (16_000, 6_000, 32_000, 10_000, 6_000):
            await b.offer(current_ma, for_s=20)
            assert b.faults == []
            assert drawn_ma(b) == current_ma
        b.evse.offer(None)
        assert drawn_ma(b) == 6_000
        took_s = await b.until(lambda: b.now.contactor == "open", within_s=7)
        assert 4.9 < took_s < 5.2, "it lets go by itself, before it is opened under load"


@virtual
async def test_a_vehicle_on_two_phases_draws_no_more_than_offered_on_each(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, phases=2)
        await b.charge()
        assert b.now.meter is not None
        assert b.now.meter.current_ma == (16_000, 16_000, 0)


@virtual
async def test_a_frozen_meter_repeats_itself_with_fresh_timestamps_and_counts_unseen(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        meter = b.world._outlets[1].meter
        b.world.deceive(1, "meter_frozen", True)
        first = meter.read()
        b.world.ev(1, max_current_a=10)
        await b.offer(16_000, for_s=60)
        second = meter.read()
        assert first is not None and second is not None
        assert second == replace(first, at_s=second.at_s)
        assert second.at_s > first.at_s + 59
        b.world.deceive(1, "meter_frozen", False)
        third = meter.read()
        assert third is not None
        assert third.current_ma == (10_000,) * 3
        assert third.energy_wh > first.energy_wh + 100


@virtual
async def test_what_nobody_can_break_is_refused_with_what_can_be(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(ValueError, match=r"meter_frozen, reader_bounces"):
            b.world.deceive(1, "gremlin", True)
