"""A meter wired behind the contactor: while that is open it is dark, nothing flows, and its last word holds."""

from collections.abc import Callable
from dataclasses import replace

from hal.meter_watch import WatchedMeter
from hal.values import MeterReading


class SwitchedMeter:
    """A `hal.board.Meter` over *meter*; *is_open* is true while the contactor is open, told to be and seen to be."""

    def __init__(
        self, meter: WatchedMeter, *, is_open: Callable[[], bool], now_s: Callable[[], float]
    ) -> None:
        self._meter = meter
        self._is_open = is_open
        self._now_s = now_s
        self._last: MeterReading | None = None

    @property
    def flows(self) -> bool:
        """True where the meter said last that power flows, and the contactor lets it."""
        return self._meter.flows and not self._is_open()

    def read(self) -> MeterReading | None:
        """What the meter says; while it is dark its last reading without power, None where there was none yet.

        The voltage and frequency behind the open contactor are those of its fading supply, not of the mains, and are
        None; a current there is one. Read it before the contactor opens: what it does not tell until then, it tells
        when it is closed again.
        """
        reading = self._meter.read()
        if reading is not None:
            self._last = reading
            return replace(reading, voltage_mv=None, frequency_mhz=None) if self._is_open() else reading
        if self._last is None or not self._is_open():
            return None
        phases = 0 if self._last.current_ma is None else len(self._last.current_ma)
        return MeterReading(
            at_s=self._now_s(),
            energy_wh=self._last.energy_wh,
            power_w=0,
            current_ma=(0,) * phases if phases else None,
            voltage_mv=None,
        )
