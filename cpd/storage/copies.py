"""A store as bytes, and back: a consistent copy beside a daemon that writes, and a store in memory made of one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from cpd.errors import StorageError
from cpd.storage.failures import sqlite_words
from cpd.storage.files import legible_text, open_for_reading
from cpd.storage.schema import migrate, released, version_of

_WITHOUT_LOG = b"\x01\x01"
_FORMAT_VERSIONS = slice(18, 20)
"""The header's word on whether a write-ahead log belongs to the file (SQLite, fileformat.html §1.3.3)."""


def store_content(path: Path) -> bytes:
    """The store at *path* as one file, as of now; a daemon that uses it is not held up.

    Raises `StorageError` where it cannot be read, or is damaged.
    """
    try:
        with closing(open_for_reading(path)) as store, closing(sqlite3.connect(":memory:")) as copy:
            store.backup(copy)
            _check(copy)
            content = bytearray(copy.serialize())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _unusable(error, path) from error
    content[_FORMAT_VERSIONS] = _WITHOUT_LOG
    return bytes(content)


def store_in_memory(content: bytes | None) -> sqlite3.Connection:
    """A store of this release's schema that begins as *content*, None: empty. Nothing reaches a disk.

    Raises `StorageError` where *content* is no sound store of ours, or of a later release.
    """
    store = sqlite3.connect(":memory:", isolation_level=None)
    try:
        store.row_factory = sqlite3.Row
        store.text_factory = legible_text
        if content is not None:
            if not content:
                raise StorageError("the store in it is empty")
            store.deserialize(content)
            _check(store)
            if version_of(store) < 1:
                raise StorageError("the store in it is none of cpd's")
        migrate(store, released())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        store.close()
        raise StorageError(f"the store in it cannot be read ({error})") from error
    except BaseException:
        store.close()
        raise
    return store


def _check(store: sqlite3.Connection) -> None:
    (finding,) = store.execute("PRAGMA integrity_check(1)").fetchone()
    if finding != "ok":
        raise sqlite3.DatabaseError(finding)


def _unusable(error: Exception, path: Path) -> StorageError:
    if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorcode"):
        return StorageError(sqlite_words(error, path))
    return StorageError(f"store {path}: it is damaged ({error}); the next start salvages what can be read")
