"""A meter whose numbers stand still while power flows counts as silent; one that has nothing to tell does not."""

from dataclasses import replace

import pytest

from hal.meter_watch import FROZEN_S, FROZEN_WH, STEP_WH, WatchedMeter
from hal.values import MeterReading

DRAWING = MeterReading(
    at_s=100.0,
    energy_wh=5_000,
    power_w=11_040,
    current_ma=(16_000, 16_000, 16_000),
    voltage_mv=(230_000, 231_000, 229_000),
)
IDLE = replace(DRAWING, power_w=0, current_ma=(0, 0, 0))
LITTLE = replace(DRAWING, power_w=100, current_ma=(400, 0, 0))


class Told:
    """A meter that says what it is told to say."""

    def __init__(self, reading: MeterReading | None) -> None:
        self.reading = reading

    def read(self) -> MeterReading | None:
        return self.reading


def is_heard(first: MeterReading, *later: MeterReading | None, step_wh: int | None = 1) -> bool:
    """Whether the last of these readings, one after the other, passes; *step_wh* was seen before (None: no step)."""
    meter = Told(first)
    watched = WatchedMeter(meter)
    if step_wh is not None:
        meter.reading = replace(first, at_s=first.at_s - 1, energy_wh=first.energy_wh - step_wh)
        watched.read()
        meter.reading = first
    watched.read()
    heard = None
    for meter.reading in later:
        heard = watched.read()
    return heard is not None


@pytest.mark.parametrize(
    ("reading", "after_s", "heard"),
    [
        (DRAWING, FROZEN_S - 0.1, True),
        (DRAWING, FROZEN_S, False),
        (DRAWING, 600.0, False),
        (LITTLE, FROZEN_WH * 36.0 - 1, True),
        (LITTLE, FROZEN_WH * 36.0, False),
        (IDLE, 86_400.0, True),
        (replace(DRAWING, power_w=None), 86_400.0, True),
    ],
)
def test_numbers_that_stand_still_while_they_cannot_are_none(
    reading: MeterReading, after_s: float, heard: bool
) -> None:
    assert is_heard(reading, replace(reading, at_s=reading.at_s + after_s)) is heard


@pytest.mark.parametrize(
    "changed",
    [
        replace(DRAWING, energy_wh=5_001),
        replace(DRAWING, voltage_mv=(230_000, 231_000, 229_100)),
        replace(DRAWING, current_ma=(16_000, 16_000, 15_990)),
    ],
)
def test_one_digit_is_a_sign_of_life(changed: MeterReading) -> None:
    frozen = replace(DRAWING, at_s=700.0)
    assert is_heard(DRAWING, frozen, replace(changed, at_s=705.0))
    assert not is_heard(DRAWING, replace(changed, at_s=105.0), replace(changed, at_s=700.0))


@pytest.mark.parametrize(("seen_wh", "step_wh"), [(10, 10), (100, 100), (None, STEP_WH), (5_000, STEP_WH)])
def test_a_register_of_coarse_steps_has_time_for_two_of_them(seen_wh: int | None, step_wh: int) -> None:
    """A vehicle that draws the same all the time, and a meter that shows whole volts and amperes."""
    missing_s = 2 * step_wh * 3_600 / 11_000
    steady = replace(DRAWING, power_w=11_000)
    late = replace(steady, at_s=steady.at_s + max(FROZEN_S, missing_s) + 0.1)
    assert not is_heard(steady, late, step_wh=seen_wh)
    if missing_s > FROZEN_S:
        assert is_heard(steady, replace(steady, at_s=steady.at_s + missing_s - 0.1), step_wh=seen_wh)


def test_a_silent_meter_says_nothing() -> None:
    assert not is_heard(DRAWING, None)
