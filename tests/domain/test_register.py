"""One register for the life of a connector: it never runs back and invents no energy."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.domain.register import JITTER_WH, WRAP_WH, Course, Register


def told(*readings_wh: int) -> list[int]:
    """What is told as the meter says *readings_wh* one after the other."""
    register = Register.first(readings_wh[0])
    lifetimes_wh = []
    for raw_wh in readings_wh:
        register, _ = register.read(raw_wh)
        lifetimes_wh.append(register.lifetime_wh)
    return lifetimes_wh


@pytest.mark.parametrize(
    ("readings_wh", "lifetimes_wh"),
    [
        ([500, 500, 650], [500, 500, 650]),
        ([5_000, 0, 40], [5_000, 5_000, 5_040]),
        ([5_000, 4_990, 4_995, 5_010], [5_000, 5_000, 5_000, 5_010]),
        ([WRAP_WH - 100, WRAP_WH - 1, 50], [WRAP_WH - 100, WRAP_WH - 1, WRAP_WH + 50]),
        ([80_000, 12_000, 12_100], [80_000, 80_000, 80_100]),
        ([5_000, 0, 6_000, 0, 10], [5_000, 5_000, 11_000, 11_000, 11_010]),
    ],
    ids=["forward", "reset", "jitter", "wrap", "replaced", "twice"],
)
def test_counting_goes_on(readings_wh: list[int], lifetimes_wh: list[int]) -> None:
    assert told(*readings_wh) == lifetimes_wh


@pytest.mark.parametrize(
    ("before_wh", "after_wh", "course"),
    [
        (100, 100, Course.FORWARD),
        (100, 100 - JITTER_WH, Course.JITTERED),
        (100, 99 - JITTER_WH, Course.REPLACED),
        (WRAP_WH - 1, 0, Course.WRAPPED),
        (WRAP_WH // 2, 0, Course.REPLACED),
    ],
)
def test_what_the_meter_did_is_told_apart(before_wh: int, after_wh: int, course: Course) -> None:
    assert Register.first(before_wh).read(after_wh)[1] is course


@given(st.lists(st.integers(0, WRAP_WH - 1), min_size=1, max_size=50))
def test_the_register_never_runs_back(readings_wh: list[int]) -> None:
    lifetimes_wh = told(*readings_wh)
    assert all(earlier <= later for earlier, later in pairwise(lifetimes_wh))


@given(start_wh=st.integers(0, WRAP_WH - 1), steps_wh=st.lists(st.integers(0, 30_000), max_size=30))
def test_a_meter_that_wraps_is_billed_as_one_that_does_not(start_wh: int, steps_wh: list[int]) -> None:
    readings_wh = [start_wh]
    for step_wh in steps_wh:
        readings_wh.append((readings_wh[-1] + step_wh) % WRAP_WH)
    assert told(*readings_wh)[-1] == start_wh + sum(steps_wh)
