"""The copy that is kept of a store before it is migrated, for the release that comes back.

`cpd.db.before-0004` is the store as it was before migration 0004, and so of the schema that the last release without
that migration knows. The newest two stay.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from cpd.errors import StorageError
from cpd.storage.files import beside, copy_store, open_for_reading, remove, sync
from cpd.storage.schema import version_of

KEPT: Final = 2
"""How many copies stay beside the store."""

_GROWING = ".copying"


def keep_copy_before(path: Path, store: sqlite3.Connection, migration: int) -> None:
    """Copy the open *store* at *path*, as it is before *migration*; it is on the disk once this returns.

    Raises `StorageError` where there is no room, with nothing changed; `sqlite3.Error` and OSError otherwise.
    """
    growing = beside(path, _GROWING)
    remove(growing)
    try:
        copy_store(store, growing)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        megabytes = path.stat().st_size / 1_000_000
        raise StorageError(
            f"store {path}: no room for the copy of it that is kept before an update ({megabytes:.1f} MB); "
            "free some space, or install the release of before"
        ) from error
    growing.rename(_name(path, migration))
    sync(path.parent)
    for old in sorted(path.parent.glob(_name(path, 0).name.replace("0000", "[0-9]" * 4)))[:-KEPT]:
        old.unlink()


def copy_for(path: Path, version: int) -> Path | None:
    """The copy of the store at *path* that has the schema *version*; None where there is none."""
    copy = _name(path, version + 1)
    try:
        with closing(open_for_reading(copy)) as found:
            return copy if version_of(found) == version else None
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def _name(path: Path, migration: int) -> Path:
    return beside(path, f".before-{migration:04}")
