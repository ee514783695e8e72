"""What the clocks on the wall of a place show, as a table of its changes, for schedules that recur by them.

Knows no schedules. An hour that comes twice, when clocks go back, counts once: the first time. The second time the
reading stands still, so that nothing that has begun begins again; an hour that is left out is jumped over.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Final, NamedTuple

_FIRST_S: Final = 0
_LAST_S: Final = 4_102_444_800
_LOOK_EVERY_S: Final = 7 * 86_400
"""Some places change their clocks for the month of Ramadan only, none for less than some weeks."""
_NEVER_S: Final = -(1 << 63)


class Reading(NamedTuple):
    """The highest time shown until an instant, in seconds since 1970 as the place counts them.

    *still*: the clocks show for the second time what they showed before, and *shown_s* waits until *until_s*; else
    it goes on with the seconds until then. None: for ever.
    """

    shown_s: int
    until_s: int | None
    still: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTime:
    """The time of the place *name*: *offsets_s* to UTC, each from its instant in *since_s* on.

    Instants are in seconds since 1970 UTC, rising; the first offset holds before the first instant as well, the
    last one for ever.
    """

    name: str
    since_s: tuple[int, ...]
    offsets_s: tuple[int, ...]
    _shown_before_s: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Before each change, the highest time that was shown.
        shown_s = [_NEVER_S]
        for change_s, offset_s in zip(self.since_s[1:], self.offsets_s, strict=False):
            shown_s.append(max(shown_s[-1], change_s - 1 + offset_s))
        object.__setattr__(self, "_shown_before_s", tuple(shown_s))

    @classmethod
    def of(cls, zone: tzinfo, name: str) -> LocalTime:
        """The table of *zone* from 1970 to 2100; what it does outside of that is not known."""
        changes = [(_FIRST_S, _offset_s(zone, _FIRST_S)), *_changes(zone)]
        since_s, offsets_s = zip(*changes, strict=True)
        return cls(name=name, since_s=since_s, offsets_s=offsets_s)

    def shows(self, at_s: int) -> int:
        """The time that is shown at *at_s*, in seconds since 1970 as the place counts them."""
        return at_s + self.offsets_s[self._place(at_s)]

    def read(self, at_s: int) -> Reading:
        """The reading that counts at *at_s*."""
        place = self._place(at_s)
        until_s = self.since_s[place + 1] if place + 1 < len(self.since_s) else None
        shown_s = at_s + self.offsets_s[place]
        before_s = self._shown_before_s[place]
        if shown_s > before_s:
            return Reading(shown_s, until_s, still=False)
        caught_up_s = at_s + before_s - shown_s + 1
        return Reading(before_s, caught_up_s if until_s is None else min(until_s, caught_up_s), still=True)

    def _place(self, at_s: int) -> int:
        return max(bisect_right(self.since_s, at_s) - 1, 0)


def _changes(zone: tzinfo) -> Iterator[tuple[int, int]]:
    """Each instant at which the offset of *zone* changes, and the offset from then on."""
    looks_s = [*range(_FIRST_S, _LAST_S, _LOOK_EVERY_S), _LAST_S]
    for (low_s, before_s), (high_s, after_s) in pairwise((at_s, _offset_s(zone, at_s)) for at_s in looks_s):
        if before_s != after_s:
            yield _change_between(zone, low_s, high_s), after_s


def _change_between(zone: tzinfo, low_s: int, high_s: int) -> int:
    before_s = _offset_s(zone, low_s)
    return low_s + bisect_left(range(low_s, high_s), True, key=lambda at_s: _offset_s(zone, at_s) != before_s)


def _offset_s(zone: tzinfo, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
