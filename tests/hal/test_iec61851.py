import pytest

from hal.iec61851 import (
    MAX_CURRENT_MA,
    MIN_CURRENT_MA,
    PilotRangeError,
    cable_a_for,
    current_ma_for,
    duty_ns_for,
    is_pwm,
    is_undecided,
    state_for_voltage,
)
from hal.values import PilotState


def test_no_current_is_ever_offered_above_what_was_asked_for() -> None:
    for current_ma in range(MIN_CURRENT_MA, MAX_CURRENT_MA + 1):
        read_ma = current_ma_for(duty_ns_for(current_ma))
        in_the_hole = 51_000 < current_ma <= 52_500
        assert read_ma == (51_000 if in_the_hole else current_ma)


def test_duty_stays_between_10_and_96_percent_and_never_falls_with_a_rising_current() -> None:
    duties = [duty_ns_for(current_ma) for current_ma in range(MIN_CURRENT_MA, MAX_CURRENT_MA + 1)]
    assert all(is_pwm(duty_ns) for duty_ns in duties)
    assert duties == sorted(duties)


@pytest.mark.parametrize(
    ("current_ma", "duty_ns"),
    [
        (6_000, 100_000),
        (10_000, 166_666),
        (16_000, 266_666),
        (32_000, 533_333),
        (63_000, 892_000),
        (80_000, 960_000),
    ],
)
def test_duty_of_common_currents(current_ma: int, duty_ns: int) -> None:
    assert duty_ns_for(current_ma) == duty_ns


@pytest.mark.parametrize("current_ma", [-1, 0, 5_999, 80_001])
def test_a_current_that_cannot_be_advertised_is_refused_with_the_range(current_ma: int) -> None:
    with pytest.raises(PilotRangeError, match=r"6000 … 80000"):
        duty_ns_for(current_ma)


@pytest.mark.parametrize(
    ("duty_percent_tenths", "current_ma"),
    [
        (0, 0),
        (29, 0),
        (50, 0),
        (79, 0),
        (80, 6_000),
        (99, 6_000),
        (100, 6_000),
        (850, 51_000),
        (960, 80_000),
        (965, 80_000),
        (970, 80_000),
        (971, 0),
        (1_000, 0),
    ],
)
def test_a_vehicle_reads_a_duty_as_the_table_says(duty_percent_tenths: int, current_ma: int) -> None:
    assert current_ma_for(duty_percent_tenths * 1_000) == current_ma


@pytest.mark.parametrize(
    ("high_mv", "state"),
    [
        (12_000, "A"),
        (8_978, "B"),
        (5_992, "C"),
        (2_930, "D"),
        (0, "E"),
        (-12_000, "F"),
        (11_000, "A"),
        (10_000, "B"),
        (8_000, "B"),
        (7_000, "C"),
        (5_000, "C"),
        (4_000, "D"),
        (2_000, "D"),
        (1_500, "E"),
        (-1_000, "E"),
        (13_001, "?"),
        (-13_001, "?"),
        (-5_000, "?"),
    ],
)
def test_each_window_of_the_high_level_is_one_state(high_mv: int, state: str) -> None:
    assert state_for_voltage(high_mv, PilotState.A) == state
    assert not is_undecided(high_mv)


@pytest.mark.parametrize("previous", [PilotState.A, PilotState.B, PilotState.C])
@pytest.mark.parametrize("high_mv", [10_500, 7_500, 4_500, 1_700])
def test_between_two_windows_the_previous_state_is_kept(high_mv: int, previous: PilotState) -> None:
    assert is_undecided(high_mv)
    assert state_for_voltage(high_mv, previous) is previous


def test_every_voltage_is_a_state_or_keeps_one() -> None:
    for high_mv in range(-15_000, 15_001):
        kept = {state_for_voltage(high_mv, state) for state in (PilotState.A, PilotState.C)}
        assert (len(kept) == 2) is is_undecided(high_mv)


@pytest.mark.parametrize(
    ("resistance_ohm", "ampacity_a"),
    [
        (1_500, 13),
        (680, 20),
        (220, 32),
        (100, 63),
        (2_200, 13),
        (1_000, 13),
        (330, 20),
        (150, 32),
        (75, 63),
        (74, None),
        (0, None),
        (2_201, None),
        (4_500, None),
    ],
)
def test_cable_rating_by_coding_resistor(resistance_ohm: int, ampacity_a: int | None) -> None:
    assert cable_a_for(resistance_ohm) == ampacity_a
