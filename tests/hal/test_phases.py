"""The phase relay: only at rest, rarely, and never more phases than are permitted."""

from pathlib import Path

from hal.evse import Offer
from tests.hal.bench import Bench, bench, virtual

PAUSE_S = 60.0
SPACING_S = 300.0


def drawn_ma(b: Bench) -> tuple[int, ...]:
    assert b.now.meter is not None and b.now.meter.current_ma is not None
    return b.now.meter.current_ma


@virtual
async def test_phases_change_only_while_open_and_after_a_pause(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        await b.charge()
        assert b.now.phases == 3
        b.evse.offer(Offer(current_ma=16_000, phases=1))
        assert (b.now.duty_ns, b.now.phases) == (None, 3)
        await b.offer(16_000, for_s=PAUSE_S, phases=1)
        assert (b.now.phases, b.now.contactor) == (3, "open")
        await b.offer(16_000, for_s=5, phases=1)
        assert (b.now.phases, b.now.contactor) == (1, "closed")
        assert drawn_ma(b) == (16_000, 0, 0)


@virtual
async def test_a_first_offer_of_a_plug_in_switches_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        b.world.plug_in(1)
        await b.offer(16_000, for_s=3, phases=1)
        assert (b.now.phases, b.now.contactor) == (1, "closed")


@virtual
async def test_a_vehicle_found_at_the_start_rests_before_its_phases_change(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True, remembers_vehicles=True) as b:
        await b.charge()
    async with bench(tmp_path, phase_switching=True, remembers_vehicles=True) as b:
        await b.offer(16_000, for_s=PAUSE_S - 1, phases=1)
        assert b.now.phases == 3
        await b.offer(16_000, for_s=5, phases=1)
        assert (b.now.phases, b.now.contactor) == (1, "closed")


@virtual
async def test_a_vehicle_found_at_the_start_rests_though_the_relay_moves_no_more(tmp_path: Path) -> None:
    """It may have charged on one phase, and the start itself has connected three."""
    async with bench(tmp_path, phase_switching=True, remembers_vehicles=True) as b:
        b.world.plug_in(1)
        await b.offer(16_000, for_s=10, phases=1)
        assert (b.now.phases, b.now.contactor) == (1, "closed")
    async with bench(tmp_path, phase_switching=True, remembers_vehicles=True) as b:
        await b.offer(16_000, for_s=PAUSE_S - 1)
        assert (b.now.phases, b.now.duty_ns) == (3, None)
        await b.offer(16_000, for_s=5)
        assert (b.now.phases, b.now.contactor) == (3, "closed")


@virtual
async def test_the_way_back_to_three_waits_for_the_rate_and_charges_on_one_meanwhile(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        await b.charge()
        await b.offer(16_000, for_s=PAUSE_S + 5, phases=1)
        switched_s = b.time_s - 5
        await b.offer(10_000, for_s=1, phases=3)
        assert (b.now.phases, b.now.contactor) == (1, "closed")
        await b.offer(10_000, for_s=5, phases=3)
        assert drawn_ma(b) == (10_000, 0, 0)
        due_s = b.now.switching_at_s
        assert due_s is not None
        assert abs(due_s - (switched_s + SPACING_S + PAUSE_S)) < 2
        await b.offer(10_000, for_s=due_s - b.time_s + 10, phases=3)
        assert (b.now.phases, b.now.contactor) == (3, "closed")
        assert b.now.switching_at_s is None


@virtual
async def test_fewer_phases_pause_at_once_and_wait_for_the_rate_without_charging(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        b.world.plug_in(1)
        await b.offer(16_000, for_s=10, phases=1)
        await b.offer(16_000, for_s=SPACING_S + PAUSE_S + 10, phases=3)
        assert (b.now.phases, b.now.contactor) == (3, "closed")
        await b.offer(16_000, for_s=1, phases=1)
        assert b.now.duty_ns is None
        await b.offer(16_000, for_s=PAUSE_S + 10, phases=1)
        assert (b.now.phases, b.now.duty_ns) == (3, None)
        assert b.now.switching_at_s is not None
        await b.offer(16_000, for_s=SPACING_S, phases=1)
        assert (b.now.phases, b.now.contactor) == (1, "closed")


@virtual
async def test_a_pause_for_a_switch_lasts_its_time_though_the_wish_is_taken_back(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        await b.charge()
        await b.offer(16_000, for_s=10, phases=1)
        await b.offer(16_000, for_s=PAUSE_S - 11, phases=3)
        assert b.now.duty_ns is None
        assert b.now.closing_at_s is not None
        await b.offer(16_000, for_s=6, phases=3)
        assert (b.now.phases, b.now.contactor) == (3, "closed")


@virtual
async def test_an_unplug_ends_the_wait_between_two_switches(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        b.world.plug_in(1)
        await b.offer(16_000, for_s=10, phases=1)
        b.world.plug_out(1)
        await b.offer(16_000, for_s=6, phases=3)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=6, phases=3)
        assert (b.now.phases, b.now.contactor) == (3, "closed")


@virtual
async def test_a_vehicle_that_asks_on_rests_behind_the_open_contactor(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        b.world.ev(1, personality="stuck_c")
        await b.charge()
        await b.offer(16_000, for_s=1, phases=1)
        assert b.now.switching_at_s is None, "nobody knows yet when the contactor opens"
        await b.offer(16_000, for_s=PAUSE_S + 4, phases=1)
        assert (b.now.phases, b.now.contactor) == (3, "open")
        await b.offer(16_000, for_s=4, phases=1)
        assert (b.now.phases, b.now.contactor) == (1, "closed")


@virtual
async def test_a_wake_up_pulse_is_no_rest(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        b.world.ev(1, ready=False)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=31)
        assert b.now.waking
        await b.offer(16_000, for_s=20, phases=1)
        assert (b.now.phases, b.now.duty_ns) == (3, None)
        await b.offer(16_000, for_s=PAUSE_S - 15, phases=1)
        assert b.now.phases == 1


@virtual
async def test_the_relay_rests_while_a_current_is_read_behind_an_open_contactor(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True, raise_violations=False) as b:
        await b.charge()
        b.world.deceive(1, "current_stuck", True)
        await b.offer(16_000, for_s=PAUSE_S + 10, phases=1)
        assert b.now.phases == 3


@virtual
async def test_wishes_that_alternate_for_an_hour_switch_at_most_once_per_five_minutes(tmp_path: Path) -> None:
    async with bench(tmp_path, phase_switching=True) as b:
        await b.charge()
        seen = [b.now.phases]
        # Of 13 s, so that a pause ends within the same wish with which it began.
        for turn in range(3_600 // 13):
            await b.offer(16_000, for_s=13, phases=1 if turn % 2 else 3)
            if b.now.phases != seen[-1]:
                seen.append(b.now.phases)
        assert 1 <= len(seen) - 1 <= 3_600 / SPACING_S
        assert b.guard.contactor_cycles(1) <= 3_600 / PAUSE_S
