"""The present as what was promised for a time is measured by it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The present in every measure that there is: this boot of the machine, its monotonic clock, and the wall clock.

    *began_s* is where the monotonic clock stood when the daemon began.
    """

    boot: str
    began_s: float
    monotonic_s: float
    now: datetime
    trusted: bool
