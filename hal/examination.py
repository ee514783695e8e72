"""What a part of the hardware says of itself when somebody looks: the rows of `cpd doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a part is: a WARNING works, and will not for ever."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """*part* in two or three words, with its device where it has one; *connector* None where it serves all.

    *evidence* is what was measured or seen, *next_step* what to do, empty where all is well.
    """

    part: str
    connector: int | None
    health: Health
    evidence: str
    next_step: str = ""
