"""Limits that people at the charger set for a while: they only lower, and end on time also after a power cut.

A limit is kept as what it allows and how long, from the moment at which it was made. What a power cut leaves
unknown is taken so that a limit may last too long, never too short.
"""

from dataclasses import dataclass
from typing import Final

from cpd.domain.present import Present
from cpd.domain.transactions import Moment

LONGEST_S: Final = 31 * 86_400
"""No local limit is for longer than this; what is to stay belongs into the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLimit:
    """At most *current_ma* per phase on *connector* (1 … n), for *for_s* seconds from *made* on.

    0 … 80 000 mA in whole tenths of an ampere; below 6 A it is a pause. 1 … `LONGEST_S` seconds. Raises ValueError.
    """

    connector: int
    current_ma: int
    for_s: int
    made: Moment

    def __post_init__(self) -> None:
        if not 0 <= self.current_ma <= 80_000:
            raise ValueError(f"local limit {self.current_ma} mA is outside 0 … 80000")
        if not 1 <= self.for_s <= LONGEST_S:
            raise ValueError(f"local limit for {self.for_s} s is outside 1 … {LONGEST_S}")


def ends_at_s(limit: LocalLimit, present: Present) -> float:
    """When *limit* ends, on the monotonic clock of this boot.

    Within its own boot of the machine, restarts of the daemon included, that is a matter of the monotonic clock,
    whatever the wall clock does. In a later boot it is one of the wall clock, where that is trusted now and was
    when the limit was made; else the limit may have been made right before this start of the daemon, and lasts
    its whole time again.
    """
    made = limit.made
    if made.boot == present.boot:
        return made.monotonic_s + limit.for_s
    latest_s = present.began_s + limit.for_s
    if made.at is None or not present.trusted:
        return latest_s
    passed_s = (present.now - made.at).total_seconds()
    # A wall clock that was set back must not make it longer than it can be.
    return min(latest_s, present.monotonic_s + limit.for_s - passed_s)
