"""When a reading of the pilot counts."""

import pytest

from hal.board import PilotSample
from hal.boards.gpio.agreement import Agreement, shown

LEVELS_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0, "-": 7_500, "?": None}
"""A level of each state; "-" lies between B and C, "?" is no level."""

NAMES = {None: "-", **{shown(PilotSample(high_mv=LEVELS_MV[one], low_mv=None)): one for one in "ABCDE?"}}


def held_after(readings: str) -> str:
    """The states that hold after each of *readings*."""
    agreement = Agreement()
    held = ""
    for reading in readings:
        agreement.take(PilotSample(high_mv=LEVELS_MV[reading], low_mv=None))
        held += NAMES[shown(agreement.held)]
    return held


@pytest.mark.parametrize(
    ("readings", "held"),
    [
        ("AABB", "?AAB"),
        ("BBAA", "?BBA"),
        ("BBCBB", "?BBBB"),
        ("BBCBCBC", "?BBBBBB"),
        ("BBCC", "?BBC"),
    ],
)
def test_another_state_holds_once_two_readings_agree(readings: str, held: str):
    assert held_after(readings) == held


@pytest.mark.parametrize(
    ("readings", "held"),
    [
        ("CCBB", "?CCB"),
        ("CCBA", "?CCA"),
        ("CC?B", "?CCB"),
        ("CCB?", "?CC?"),
        ("CCBD", "?CCB"),
        ("CC-B", "?CCB"),
        ("CCB-", "?CCB"),
        ("CC-D", "?CC?"),
        ("DDCB", "?DDB"),
    ],
)
def test_c_and_d_are_left_on_the_second_reading_whatever_it_says(readings: str, held: str):
    assert held_after(readings) == held


@pytest.mark.parametrize("readings", ["CCBC", "CC?C", "CC-C"])
def test_one_disturbed_reading_does_not_end_c(readings: str):
    assert held_after(readings)[-1] == "C"


def test_readings_that_never_agree_are_unknown():
    assert held_after("BBACD") == "?BBB?"


def test_a_level_that_moves_within_its_state_holds_at_once():
    agreement = Agreement()
    for high_mv in (9_000, 9_000, 8_700):
        agreement.take(PilotSample(high_mv=high_mv, low_mv=-12_000))
    assert agreement.held == PilotSample(high_mv=8_700, low_mv=-12_000)


def test_a_reading_of_another_state_wants_the_next_one_soon():
    agreement = Agreement()
    b, c = PilotSample(high_mv=9_000, low_mv=None), PilotSample(high_mv=6_000, low_mv=None)
    assert [agreement.take(one) for one in (b, b, c, c, c)] == [False, True, False, True, True]
