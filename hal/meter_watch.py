"""A meter that answers, but whose numbers stand still, is no better than one that is silent.

It repeats what was true once: a bill, and the protection against too much current, would rest on it.
"""

from dataclasses import replace

from hal.board import Meter
from hal.values import MeterReading

POLL_S = 5.0
"""How often a meter is looked at while current flows, or seems to."""

FROZEN_S = 10.0
FROZEN_WH = 20
"""Numbers that all stand still for `FROZEN_S`, while by their own power this much flows, are no measurement.

It is more where the register counts in coarser steps: voltage and current may stand still for a while, but two
steps of the register cannot be left out. A meter that froze at no power at all cannot be told from a vehicle that
takes nothing.
"""

STEP_WH = 100
"""The step in which a register counts, until it was seen to count in a smaller one."""

LOAD_MA = 1_000
"""From here on an opening wears the contacts."""

_WS_PER_WH = 3_600


def loads_contacts(reading: MeterReading | None) -> bool:
    """False where a meter measures that next to nothing flows; a vehicle in C that nobody measures may draw."""
    if reading is None or reading.current_ma is None:
        return True
    return max(reading.current_ma) >= LOAD_MA


class WatchedMeter:
    """A `hal.board.Meter` over *meter* that says nothing while that one is frozen."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._last: MeterReading | None = None
        self._since_s = 0.0
        self._step_wh = STEP_WH

    @property
    def flows(self) -> bool:
        """True where the meter said last, right or wrong, that power flows."""
        return self._last is not None and bool(self._last.power_w)

    def read(self) -> MeterReading | None:
        """The latest reading; None when there is none younger than 3 s, or its numbers are frozen."""
        reading = self._meter.read()
        if reading is None:
            return None
        if self._last is None or replace(self._last, at_s=reading.at_s) != reading:
            if self._last is not None and reading.energy_wh > self._last.energy_wh:
                self._step_wh = min(self._step_wh, reading.energy_wh - self._last.energy_wh)
            self._last, self._since_s = reading, reading.at_s
            return reading
        stands_s = reading.at_s - self._since_s
        missing_wh = max(FROZEN_WH, 2 * self._step_wh)
        flows = (reading.power_w or 0) * stands_s >= missing_wh * _WS_PER_WH
        return None if flows and stands_s >= FROZEN_S else reading
