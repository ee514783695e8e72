"""The local authorization list (OCPP 1.6 §3.5.2, §5.15): what an update may be, and what becomes of it.

Only the CSMS changes the list, and an update is taken as a whole or not at all.
"""

from dataclasses import dataclass
from enum import StrEnum

from cpd.domain.authorization import MAX_ID_TAG_CHARACTERS, IdTagInfo

EMPTY_VERSION = 0
"""The version of an empty list (OCPP 1.6 §5.10)."""

UNSUPPORTED_VERSION = -1
"""What is told of the version where there is no list (OCPP 1.6 §5.10)."""

HIGHEST_VERSION = 2**53 - 1
"""Beyond it JSON implementations no longer agree on a whole number (RFC 8259 §6)."""


class UpdateOutcome(StrEnum):
    """Answer to SendLocalList (OCPP 1.6 §7.46 UpdateStatus)."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_SUPPORTED = "NotSupported"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTag:
    """An idTag of an update, with what is to hold for it; *info* None takes it off the list (§7.1)."""

    id_tag: str
    info: IdTagInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUpdate:
    """What SendLocalList asks for: *full* replaces the list by *tags*, else they are changes to it.

    *version* is that of the list afterwards.
    """

    version: int
    full: bool
    tags: tuple[ListedTag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An update that is not taken: what is answered, and why in words."""

    outcome: UpdateOutcome
    reason: str


def refusal_of(update: ListUpdate, *, version: int, most_tags: int) -> Refused | None:
    """Why *update* is not taken by a list of *version*, which takes *most_tags* at once; None where it may be.

    A full update takes any version from 1, so that a CSMS which has lost count can begin again.
    """
    if not EMPTY_VERSION < update.version <= HIGHEST_VERSION:
        return _failed(f"version {update.version} is not in 1 … {HIGHEST_VERSION}")
    if not update.full and update.version <= version:
        reason = f"version {update.version} is not above {version}"
        return Refused(outcome=UpdateOutcome.VERSION_MISMATCH, reason=reason)
    if len(update.tags) > most_tags:
        return _failed(f"{len(update.tags)} idTags are sent, allowed are {most_tags}")
    if not all(1 <= len(one.id_tag) <= MAX_ID_TAG_CHARACTERS for one in update.tags):
        return _failed(f"an idTag has not 1 … {MAX_ID_TAG_CHARACTERS} characters")
    if len({one.id_tag.casefold() for one in update.tags}) < len(update.tags):
        return _failed("an idTag is there twice; capitals do not count")
    if update.full and any(one.info is None for one in update.tags):
        return _failed("an idTag of a full list has no idTagInfo")
    return None


def _failed(reason: str) -> Refused:
    return Refused(outcome=UpdateOutcome.FAILED, reason=reason)
