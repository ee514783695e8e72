"""One energy register for the life of a connector, whatever becomes of the meter behind it.

Bills are differences of this register: it never runs back, and no energy is invented where a meter was reset,
replaced or wrapped.
"""

from dataclasses import dataclass
from enum import StrEnum

JITTER_WH = 20
"""A meter that goes back by no more than this has not been touched: it is waited for."""

WRAP_WH = 2**32
"""Where the register of many meters begins again at 0."""

NEAR_WRAP_WH = 2**20
"""So close to `WRAP_WH` before, and to 0 after it, a step back is the wrap."""


class Course(StrEnum):
    """What the meter did between two readings."""

    FORWARD = "forward"
    JITTERED = "jittered"
    WRAPPED = "wrapped"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """*lifetime_wh* is what is told and billed, *raw_wh* the highest reading of the present meter, both in Wh."""

    lifetime_wh: int
    raw_wh: int

    @classmethod
    def first(cls, raw_wh: int) -> "Register":
        """The register of a connector whose meter was never read before: the meter's own."""
        return cls(lifetime_wh=raw_wh, raw_wh=raw_wh)

    @classmethod
    def unseen(cls, raw_wh: int) -> "Register":
        """The register of a connector that counts from 0, because its meter could not be read in time."""
        return cls(lifetime_wh=0, raw_wh=raw_wh)

    def read(self, raw_wh: int) -> "tuple[Register, Course]":
        """The register after the meter says *raw_wh*, and what it did.

        After a reset or a replacement counting goes on from the new meter's reading: what flowed between the last
        reading of the old one and the first of the new one is not known, and not billed.
        """
        if raw_wh >= self.raw_wh:
            return self._after(raw_wh - self.raw_wh, raw_wh), Course.FORWARD
        if self.raw_wh - raw_wh <= JITTER_WH:
            return self, Course.JITTERED
        if WRAP_WH - NEAR_WRAP_WH <= self.raw_wh < WRAP_WH and raw_wh <= NEAR_WRAP_WH:
            return self._after(raw_wh + WRAP_WH - self.raw_wh, raw_wh), Course.WRAPPED
        return self._after(0, raw_wh), Course.REPLACED

    def _after(self, energy_wh: int, raw_wh: int) -> "Register":
        return Register(lifetime_wh=self.lifetime_wh + energy_wh, raw_wh=raw_wh)
