"""What the raw samples of a burst say of the pilot: its plateaus and its duty. Pure, and in integers.

Where the levels stand in the sorted samples follows from the duty that is driven; levels that are not found there,
or a duty that differs, show a pilot that does not follow, and the reading is unknown: never a guess.
"""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from hal.board import PilotSample
from hal.iec61851 import F_NS, PERIOD_NS, X1_NS

_SPAN_MV = 15_000
"""The input stage shows −15 … +15 V of the pilot as the whole range of the converter."""

_SETTLING_NS = 20_000
"""After each edge the level is on its way this long: no sample of a plateau."""

_NEAR_MV = 500
"""Samples of one plateau are this close to its median."""

_SOUND_LOW_MV = -12_000

_CROWD = 4
"""So many samples of a level are no accident."""

_EARTHED_MV = 1_500
"""A line that is shorted to earth shows nothing of the generator, and not more than this."""

_REMEMBERED = 5
"""Bursts that the low plateau is taken from: at 96 % one burst may miss it."""

_DUTY_BURSTS = 25
_DUTY_TOLERANCE_NS = 20_000
"""How far the high time may be from the command, measured over half a second."""

_SOON_TOLERANCE_NS = 50_000
_DOUBT_NS = 10_000
"""How far it may seem to be over the last five bursts, and what is granted for each that these are short of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The line through two points: raw values of the converter, and the pilot's level in mV at each.

    Raises ValueError unless the second point is above the first in both, and 10 V above at least.
    """

    low_raw: int
    low_mv: int
    high_raw: int
    high_mv: int

    def __post_init__(self) -> None:
        if self.high_raw <= self.low_raw or self.high_mv - self.low_mv < 10_000:
            raise ValueError(
                f"calibration {self.low_raw} = {self.low_mv} mV, {self.high_raw} = {self.high_mv} mV: "
                "the second point must be 10 V or more above the first"
            )

    @classmethod
    def nominal(cls, full_scale: int) -> "Calibration":
        """That of an input stage without tolerances, with a gain of 0.11 and 0 V in the middle."""
        return cls(low_raw=0, low_mv=-_SPAN_MV, high_raw=full_scale + 1, high_mv=_SPAN_MV)

    def level_mv(self, raw: int) -> int:
        """The pilot's level at *raw*."""
        span_raw = self.high_raw - self.low_raw
        return self.low_mv + ((raw - self.low_raw) * (self.high_mv - self.low_mv) + span_raw // 2) // span_raw

    def raw_span(self, span_mv: int) -> int:
        """How many raw steps *span_mv* are."""
        return span_mv * (self.high_raw - self.low_raw) // (self.high_mv - self.low_mv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one burst shows, together with those before it.

    *levels* without a high level is a pilot that cannot be read, or does not follow its generator. *duty_ns* is the
    measured high time, None while the generator is steady.
    """

    levels: PilotSample
    duty_ns: int | None = None


UNREADABLE = Reading(levels=PilotSample(high_mv=None, low_mv=None))


class BurstReader:
    """Reads the bursts of one pilot, one after the other."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._near = calibration.raw_span(_NEAR_MV)
        self._earth = calibration.low_raw + calibration.raw_span(-_EARTHED_MV - calibration.low_mv)
        self._sound_low = calibration.low_raw + calibration.raw_span(_SOUND_LOW_MV - calibration.low_mv)
        self._high_ns: int | None = None
        self._lows: deque[tuple[list[int], int]] = deque(maxlen=_REMEMBERED)
        self._shares: deque[int] = deque(maxlen=_DUTY_BURSTS)

    def read(self, samples: Sequence[int] | None, high_ns: int) -> Reading:
        """What *samples*, in their order, show of a pilot that was driven with *high_ns* all the time."""
        if high_ns != self._high_ns:
            self._high_ns = high_ns
            self._shares.clear()
            self._lows.clear()
        if samples is None:
            return UNREADABLE
        ordered = sorted(samples)
        if high_ns in (F_NS, X1_NS):
            return self._steady(ordered)
        return self._alternating(samples, ordered, high_ns)

    def _steady(self, ordered: list[int]) -> Reading:
        level = ordered[len(ordered) // 2]
        if self._count_near(ordered, level) * 10 < len(ordered) * 9:
            return UNREADABLE
        return Reading(levels=PilotSample(high_mv=self._calibration.level_mv(level), low_mv=None))

    def _alternating(self, samples: Sequence[int], ordered: list[int], high_ns: int) -> Reading:
        expected = _settled(len(ordered), high_ns)
        high = ordered[-1 - expected // 2]
        if self._count_near(ordered, high) < max(2, expected // 2):
            return UNREADABLE
        high_mv = self._calibration.level_mv(high)
        is_flat = bisect_left(ordered, high - self._near) * 10 < len(ordered)
        if abs(high_mv) <= _EARTHED_MV and is_flat:
            return Reading(levels=PilotSample(high_mv=high_mv, low_mv=None))
        negative = ordered[: bisect_left(ordered, self._earth)]
        self._lows.append((negative, _settled(len(ordered), PERIOD_NS - high_ns)))
        low = self._low()
        middle = (high + (self._sound_low if low is None else low)) // 2
        self._shares.append(_share_ns(samples, middle))
        duty_ns = _mean(self._shares)
        if not self._follows(high_ns):
            return Reading(levels=UNREADABLE.levels, duty_ns=duty_ns)
        low_mv = None if low is None else self._calibration.level_mv(low)
        return Reading(levels=PilotSample(high_mv=high_mv, low_mv=low_mv), duty_ns=duty_ns)

    def _low(self) -> int | None:
        """The low plateau of the last bursts; None where they caught too little of it."""
        ordered = sorted(chain.from_iterable(negative for negative, _ in self._lows))
        # Of a short plateau half the samples are on their way to it, and lone ones are below: it is the lowest crowd.
        crowd = max(_CROWD, sum(count for _, count in self._lows) // 4)
        for at in range(len(ordered) - crowd + 1):
            if ordered[at + crowd - 1] - ordered[at] <= self._near:
                return ordered[at + crowd // 2]
        return None

    def _follows(self, high_ns: int) -> bool:
        """Whether the measured high time is that of the command."""
        soon = list(self._shares)[-_REMEMBERED:]
        doubt_ns = _DOUBT_NS * (_REMEMBERED - len(soon))
        if abs(_mean(soon) - high_ns) > _SOON_TOLERANCE_NS + doubt_ns:
            return False
        is_measured = len(self._shares) == _DUTY_BURSTS
        return not is_measured or abs(_mean(self._shares) - high_ns) <= _DUTY_TOLERANCE_NS

    def _count_near(self, ordered: list[int], level: int) -> int:
        return bisect_right(ordered, level + self._near) - bisect_left(ordered, level - self._near)


def _settled(samples: int, plateau_ns: int) -> int:
    """How many of *samples* are to be expected in a plateau of *plateau_ns*, without those on their way to it."""
    return max(0, samples * (plateau_ns - _SETTLING_NS) // PERIOD_NS)


def _mean(numbers: Collection[int]) -> int:
    return sum(numbers) // len(numbers)


def _share_ns(samples: Sequence[int], middle: int) -> int:
    """The high time that one burst shows: the share of its samples above *middle*.

    A burst is no whole number of periods. Its samples therefore count the more, the nearer they are to its middle,
    which leaves the share the same wherever in a period the burst began.
    """
    weights = _window(len(samples))
    above = sum(weight for weight, sample in zip(weights, samples, strict=True) if sample > middle)
    return PERIOD_NS * above // sum(weights)


@cache
def _window(samples: int) -> tuple[int, ...]:
    """The weights of a Hann window."""
    return tuple(round(1_000 * math.sin(math.pi * (at + 0.5) / samples) ** 2) for at in range(samples))


def extremes(samples: Sequence[int]) -> tuple[int, int]:
    """The lowest and the highest of *samples*, without lone ones."""
    ordered = sorted(samples)
    few = len(ordered) // 32
    return ordered[few], ordered[-1 - few]


def frequency_hz(samples: Sequence[int], burst_s: float) -> int | None:
    """The frequency that *samples*, taken in *burst_s*, show; None where they hold less than two whole periods.

    As exact as *burst_s*, which other work of the machine can only make longer: the frequency seems too low then.
    """
    bottom, top = extremes(samples)
    quarter = (top - bottom) // 4
    rises: list[int] = []
    is_low = False
    for at, sample in enumerate(samples):
        if sample <= bottom + quarter:
            is_low = True
        elif is_low and sample >= top - quarter:
            is_low = False
            rises.append(at)
    if len(rises) < 3 or burst_s <= 0:
        return None
    period_s = (rises[-1] - rises[0]) / (len(rises) - 1) * burst_s / len(samples)
    return round(1 / period_s)
