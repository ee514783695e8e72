"""The copy that is kept of a store before it is migrated, for the release that comes back.

`cpd.db.before-0004` is the store as it was before migration 0004, and so of the schema that the last release without
that migration knows. The newest two stay.
"""

import errno
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from cpd.storage.files import beside, copy_store, open_for_reading
from cpd.storage.schema import version_of

log = logging.getLogger(__name__)

KEPT: Final = 2
"""How many copies stay beside the store."""


def keep_copy_before(path: Path, store: sqlite3.Connection, migration: int) -> None:
    """Copy the open *store* at *path*, as it is before *migration*; it is on the disk once this returns.

    Older copies give way where there is no room. Where there is none even so, there will be no copy: a charger that
    does not start is worse than a release that comes back and forgets what the later one changed. Raises
    `sqlite3.Error` and OSError otherwise.
    """
    older = _kept(path)
    while True:
        try:
            copy_store(store, path, _name(path, migration))
            break
        except (sqlite3.Error, OSError) as error:
            if not _is_full(error):
                raise
            if not older:
                megabytes = path.stat().st_size / 1_000_000
                log.error("store path=%s is migrated without a copy: no room for %.1f MB", path, megabytes)
                return
            older.pop(0).unlink()
    for old in _kept(path)[:-KEPT]:
        old.unlink()


def copy_for(path: Path, version: int) -> Path | None:
    """The copy of the store at *path* that has the schema *version*; None where there is none."""
    copy = _name(path, version + 1)
    try:
        with closing(open_for_reading(copy)) as found:
            return copy if version_of(found) == version else None
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def _kept(path: Path) -> list[Path]:
    """The copies that there are, the oldest first."""
    return sorted(path.parent.glob(_name(path, 0).name.replace("0000", "[0-9]" * 4)))


def _is_full(error: sqlite3.Error | OSError) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return error.errno == errno.ENOSPC


def _name(path: Path, migration: int) -> Path:
    return beside(path, f".before-{migration:04}")
