"""A meter behind its contactor: what it says while it has power, while it loses it, and while it is dark."""

from dataclasses import replace

from hal.meter_watch import WatchedMeter
from hal.switched_meter import SwitchedMeter
from hal.values import MeterReading

DRAWING = MeterReading(
    at_s=100.0,
    energy_wh=5_000,
    power_w=11_040,
    current_ma=(16_000, 16_000, 16_000),
    voltage_mv=(230_000, 231_000, 229_000),
    frequency_mhz=50_000,
)
FADING = replace(
    DRAWING, at_s=101.0, energy_wh=5_001, power_w=0, current_ma=(0, 0, 0), voltage_mv=(90_000,) * 3
)
NOW_S = 110.0


class Behind:
    """A meter, and the contactor before it."""

    def __init__(self) -> None:
        self.reading: MeterReading | None = DRAWING
        self.is_open = False
        self.meter = SwitchedMeter(WatchedMeter(self), is_open=lambda: self.is_open, now_s=lambda: NOW_S)

    def read(self) -> MeterReading | None:
        return self.reading


def test_a_meter_that_has_power_is_taken_at_its_word() -> None:
    assert Behind().meter.read() == DRAWING


def test_what_fades_behind_the_open_contactor_is_no_voltage_and_its_register_counts() -> None:
    behind = Behind()
    behind.meter.read()
    behind.is_open, behind.reading = True, FADING
    assert behind.meter.read() == replace(FADING, voltage_mv=None, frequency_mhz=None)
    behind.reading = None
    assert behind.meter.read() == MeterReading(
        at_s=NOW_S, energy_wh=5_001, power_w=0, current_ma=(0, 0, 0), voltage_mv=None
    )


def test_a_current_behind_a_contactor_that_says_open_is_told() -> None:
    behind = Behind()
    behind.is_open = True
    assert behind.meter.read() == replace(DRAWING, voltage_mv=None, frequency_mhz=None)


def test_a_meter_that_was_never_heard_is_dark() -> None:
    behind = Behind()
    behind.is_open, behind.reading = True, None
    assert behind.meter.read() is None
