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

A meter that counts in steps of more than this still shows another voltage or current by then. One that froze at no
power at all cannot be told from a vehicle that takes nothing.
"""

_WS_PER_WH = 3_600


class WatchedMeter:
    """A `hal.board.Meter` over *meter* that says nothing while that one is frozen."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._last: MeterReading | None = None
        self._since_s = 0.0

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
            self._last, self._since_s = reading, reading.at_s
            return reading
        stands_s = reading.at_s - self._since_s
        flows = (reading.power_w or 0) * stands_s >= FROZEN_WH * _WS_PER_WH
        return None if flows and stands_s >= FROZEN_S else reading
