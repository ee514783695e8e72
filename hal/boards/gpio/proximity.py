"""The proximity contact of a socket: the resistor in the plug, measured by a channel of the pilot's ADC."""

import asyncio
from collections.abc import Callable, Sequence
from statistics import median_low

FRESH_S = 1.0
"""A resistance that was not measured again for this long is not known any more."""

_AGREE_PERCENT = 10
_OPEN_PERCENT = 95
"""From this share of the reference on, nothing is plugged."""


def resistance_ohm(raw: int, *, full_scale: int, pull_up_ohm: int) -> int | None:
    """The resistor between PP and PE under *pull_up_ohm* to the ADC's reference; None for an open contact."""
    if raw * 100 >= full_scale * _OPEN_PERCENT:
        return None
    return pull_up_ohm * raw // (full_scale - raw)


class ProximitySensor:
    """A `hal.board.CableSensor`. *convert* asks the ADC for some raw values, None where it does not answer.

    `measure` is called on a thread that may wait for the ADC, and calls *changed* there; the rest is of the loop's
    thread, and waits for nothing.
    """

    def __init__(
        self,
        convert: Callable[[], Sequence[int] | None],
        *,
        full_scale: int,
        pull_up_ohm: int,
        changed: Callable[[], None],
    ) -> None:
        self._convert = convert
        self._full_scale = full_scale
        self._pull_up_ohm = pull_up_ohm
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._candidate: int | None = None
        self._measured: tuple[int | None, float] = (None, self._loop.time())

    def resistance_ohm(self) -> int | None:
        """What was measured last; None while nothing is plugged, or nothing was measured for `FRESH_S`."""
        ohm, at_s = self._measured
        return ohm if self._loop.time() < at_s + FRESH_S else None

    def measure(self) -> None:
        """Measure; what two measurements in a row agree on counts."""
        raws = self._convert()
        ohm = None
        if raws is not None:
            ohm = resistance_ohm(median_low(raws), full_scale=self._full_scale, pull_up_ohm=self._pull_up_ohm)
        before, self._candidate = self._candidate, ohm
        if not _agree(before, ohm):
            return
        told, self._measured = self._measured[0], (ohm, self._loop.time())
        if not _agree(told, ohm):
            self._changed()


def _agree(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) * 100 <= max(one, other) * _AGREE_PERCENT
