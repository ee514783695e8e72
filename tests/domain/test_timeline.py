"""When one profile speaks, to the second, and which of a stack is heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpd.domain.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from cpd.domain.supply import ConstraintKind
from cpd.domain.timeline import FOREVER_S, CompiledProfile, Level, compile_profile, prevailing

DAY_S = 86_400
START_S = 10 * DAY_S
SCHEDULE = ChargingSchedule(
    unit=RateUnit.A,
    periods=(
        SchedulePeriod(start_s=0, limit_tenths=100),
        SchedulePeriod(start_s=60, limit_tenths=100, phases=3),
        SchedulePeriod(start_s=120, limit_tenths=80),
    ),
    duration_s=200,
    start_at_s=START_S,
)
ABSOLUTE = ChargingProfile(
    id=1, stack_level=0, purpose=Purpose.TX_DEFAULT, kind=Kind.ABSOLUTE, schedule=SCHEDULE
)
DAILY = replace(ABSOLUTE, kind=Kind.RECURRING, recurrency=Recurrency.DAILY)
RELATIVE = replace(ABSOLUTE, kind=Kind.RELATIVE)


def compiled(profile: ChargingProfile, *, received_at_s: int = 0) -> CompiledProfile:
    return compile_profile(profile, connector=1, received_at_s=received_at_s)


def heard(
    *profiles: CompiledProfile, at_s: int, started_at_s: int | None = START_S, clock_trusted: bool = True
) -> tuple[int | None, int]:
    """The limit in tenths, None for silence, and until when it holds at least."""
    run = prevailing(profiles, at_s, started_at_s=started_at_s, clock_trusted=clock_trusted)
    _, levels = run.steps(at_s, at_s + 1)
    return (None if levels[0] is None else levels[0].limit_tenths), run.change_after(at_s)


@pytest.mark.parametrize(
    ("profile", "at_s", "expected"),
    [
        (ABSOLUTE, START_S - 1, (None, START_S)),
        (ABSOLUTE, START_S, (100, START_S + 120)),
        (ABSOLUTE, START_S + 119, (100, START_S + 120)),
        (ABSOLUTE, START_S + 120, (80, START_S + 200)),
        (ABSOLUTE, START_S + 199, (80, START_S + 200)),
        (ABSOLUTE, START_S + 200, (None, FOREVER_S)),
        (DAILY, START_S - 1, (None, START_S)),
        (DAILY, START_S + DAY_S - 1, (None, START_S + DAY_S)),
        (DAILY, START_S + DAY_S, (100, START_S + DAY_S + 120)),
        (DAILY, START_S + 3 * DAY_S + 199, (80, START_S + 3 * DAY_S + 200)),
        (replace(ABSOLUTE, valid_from_s=START_S + 130), START_S + 129, (None, START_S + 130)),
        (replace(ABSOLUTE, valid_from_s=START_S + 130), START_S + 130, (80, START_S + 200)),
        (replace(ABSOLUTE, valid_to_s=START_S + 5), START_S + 4, (100, START_S + 5)),
        (replace(ABSOLUTE, valid_to_s=START_S + 5), START_S + 5, (None, FOREVER_S)),
    ],
)
def test_profile_speaks_in_half_open_spans(
    profile: ChargingProfile, at_s: int, expected: tuple[int | None, int]
) -> None:
    assert heard(compiled(profile), at_s=at_s) == expected


def test_relative_profile_counts_from_the_start_of_the_transaction() -> None:
    assert heard(compiled(RELATIVE), at_s=1_120, started_at_s=1_000) == (80, 1_200)


def test_relative_max_profile_counts_from_its_receipt() -> None:
    top = compiled(replace(RELATIVE, purpose=Purpose.CHARGE_POINT_MAX), received_at_s=500)
    assert heard(top, at_s=620, started_at_s=None) == (80, 700)


@pytest.mark.parametrize("purpose", [Purpose.TX_DEFAULT, Purpose.CHARGE_POINT_MAX])
def test_clock_set_back_behind_the_start_does_not_silence_a_relative_profile(purpose: Purpose) -> None:
    profile = compiled(replace(RELATIVE, purpose=purpose), received_at_s=1_000)
    assert heard(profile, at_s=400, started_at_s=1_000) == (100, 1_120)


def test_connector_without_a_transaction_always_hears_the_first_period() -> None:
    assert heard(compiled(RELATIVE), at_s=77, started_at_s=None) == (100, FOREVER_S)


def test_hole_lets_the_lower_level_through_until_it_closes() -> None:
    upper = compiled(replace(DAILY, stack_level=1))
    lower = compiled(replace(RELATIVE, schedule=replace(SCHEDULE, duration_s=None)))
    assert heard(upper, lower, at_s=START_S + 200) == (80, START_S + DAY_S)


def test_untrusted_clock_holds_a_dated_profile_at_its_lowest_limit() -> None:
    held = prevailing([compiled(ABSOLUTE)], 0, started_at_s=0, clock_trusted=False)
    assert held.held
    assert held.levels == (Level(80, 3),)
    assert held.compiled is not None
    assert held.compiled.held_constraint.kind is ConstraintKind.CLOCK


def test_period_that_can_never_run_is_not_the_lowest_limit() -> None:
    never = SchedulePeriod(start_s=200, limit_tenths=0)
    profile = replace(ABSOLUTE, schedule=replace(SCHEDULE, periods=(*SCHEDULE.periods, never)))
    assert heard(compiled(profile), at_s=0, clock_trusted=False) == (80, FOREVER_S)


def test_untrusted_clock_leaves_a_dateless_profile_alone() -> None:
    assert heard(compiled(RELATIVE), at_s=1_120, started_at_s=1_000, clock_trusted=False) == (80, 1_200)


def test_equal_neighbours_are_one_level() -> None:
    assert compiled(ABSOLUTE).levels == (Level(100, 3), Level(80, 3))


def test_recurrence_cuts_what_is_longer() -> None:
    late = SchedulePeriod(start_s=DAY_S, limit_tenths=0)
    schedule = replace(SCHEDULE, periods=(*SCHEDULE.periods, late), duration_s=2 * DAY_S)
    daily = compiled(replace(DAILY, schedule=schedule))
    assert heard(daily, at_s=START_S + DAY_S - 1) == (80, START_S + DAY_S)
    assert heard(daily, at_s=START_S + DAY_S) == (100, START_S + DAY_S + 120)
