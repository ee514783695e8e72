"""A store that cannot be used gives way to a new one with what could be salvaged of it.

A power cut may come between any two steps. The files that gave way are renamed, never deleted.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cpd.storage.files import SIDE_FILES, beside, copy_private, remove, sync
from cpd.storage.salvage import Salvage, migrations_of, salvage
from cpd.storage.schema import Migration

log = logging.getLogger(__name__)

_GROWING, _COMPLETE = ".salvaging", ".salvaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """This start found the store damaged: where the old one is now, and what of it went into the new one.

    *salvage* is None where the store is sound but for what was written last: it goes on, the old one is a copy.
    *later*: it was not damaged, but a later release had used it.
    """

    kept_as: Path
    salvage: Salvage | None
    later: bool = False

    @property
    def sentence(self) -> str:
        """For a technician."""
        if self.salvage is None:
            return f"the last changes before this start are lost; a copy of the store is {self.kept_as}"
        unread = f", {' and '.join(self.salvage.torn)} not whole" if self.salvage.torn else ""
        saved = f"{self.salvage.rows} rows saved, {self.salvage.refused} unreadable{unread}"
        if self.later:
            older = f", {' and '.join(self.salvage.older)} as before the update" if self.salvage.older else ""
            return f"was a later release's at this start: {saved}{older}; that one is {self.kept_as}"
        return f"was damaged at this start: {saved}; the damaged one is {self.kept_as}"


def finish_replacement(path: Path) -> None:
    """Do the rest where a power cut has interrupted `replace_store`; raises OSError."""
    remove(beside(path, _GROWING))
    complete = beside(path, _COMPLETE)
    if complete.exists():
        if path.exists():
            set_aside(path)
        complete.rename(path)


Create = Callable[[Path, Sequence[Migration]], sqlite3.Connection]
"""Makes an empty store by these migrations."""


def replace_store(path: Path, reason: str, create: Create, *, later: bool = False) -> Damage:
    """Put a new store in the place of the one at *path*, which is damaged or of a *later* release.

    Raises `sqlite3.Error` or OSError where the disk takes no new one: the old one is then where it was.
    """
    growing = beside(path, _GROWING)
    try:
        # Closing it empties its log into it: from then on it is one file.
        with closing(create(growing, migrations_of(path))) as new:
            result = salvage(path, new)
        sync(growing)
        complete = growing.rename(beside(path, _COMPLETE))
    finally:
        remove(growing)
    sync(path.parent)
    kept = set_aside(path)
    complete.rename(path)
    sync(path.parent)
    log.error(
        "store %s path=%s kept_as=%s salvaged=%d refused=%d unread=%s older=%s reason=%s",
        "of a later release" if later else "damaged",
        path,
        kept,
        result.rows,
        result.refused,
        ",".join(result.torn) or "nothing",
        ",".join(result.older) or "nothing",
        " ".join(reason.split()),
    )
    return Damage(kept_as=kept, salvage=result, later=later)


def keep_copy(path: Path, reason: str) -> Damage:
    """Copy the store at *path*, which goes on without what its log has lost; raises OSError."""
    kept = free_name(path, "damaged")
    for suffix in ("-wal", ""):
        copy_private(beside(path, suffix), beside(kept, suffix))
    log.error("store damaged path=%s copied_to=%s the last changes are lost: %s", path, kept, reason)
    return Damage(kept_as=kept, salvage=None)


def set_aside(path: Path) -> Path:
    """Rename the store at *path* and the files beside it that belong to it; returns its new name."""
    kept = free_name(path, "damaged")
    # The side files first: a new database must never meet the old one's log.
    for suffix in SIDE_FILES:
        side = beside(path, suffix)
        if side.exists():
            side.rename(beside(kept, suffix))
    return path.rename(kept)


def free_name(path: Path, what: str) -> Path:
    """The first name for a copy of the store at *path* that is not taken: ``cpd.db.damaged-1``, *what* is damaged."""
    number = 1
    while (name := path.with_name(f"{path.name}.{what}-{number}")).exists():
        number += 1
    return name
