"""How the store's file is opened: checked, migrated, and set aside where it is damaged.

A damaged store must not keep the charger from charging: it is renamed, never deleted, and a new one begun.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cpd.errors import StorageError
from cpd.storage.failures import is_damage, os_words, sqlite_words
from cpd.storage.schema import migrate, released

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0
"""How long a write waits for somebody who reads or copies the file by hand."""

_PRAGMAS = """
PRAGMA page_size = 1024;
PRAGMA journal_mode = WAL;
PRAGMA journal_size_limit = 1048576;
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
"""
# Small pages, because a commit writes each page that it touches whole and the rows are short: an entry of the
# journal, appended and deleted, costs 11 kB of writes with them and 29 kB with pages of 4 096 bytes. The WAL
# is checkpointed by SQLite's own rule, at the commit that takes it past 1 000 pages: there is one connection,
# so no reader holds a checkpoint up. The size limit gives the space of an unusual burst back.

_HEADER_BYTES = 100
"""The database header: file format versions at 18 and 19, schema format at 44 (SQLite, fileformat.html)."""

_SCHEMA = "SELECT name, sql FROM sqlite_master"

_SIDE_FILES = ("-wal", "-shm")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The store at *path* for this process alone; raises `StorageError` where another one has it.

    A lock file beside it, because a lock on the store's own file would meet SQLite's. It dies with its holder.
    """
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(os_words(error, path)) from error
    try:
        _take(lock, path)
        yield
    finally:
        os.close(lock)


def open_file(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open the store at *path*, creating or migrating it; also: where a damaged one was put aside.

    The connection belongs to the calling thread, commits nothing by itself, and gives `sqlite3.Row`s. Raises
    `StorageError` where the file cannot be written or belongs to a later release.
    """
    try:
        try:
            return _open_sound(path), None
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # SQLite quotes damaged text in its message, which may then not even be text.
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            kept = set_aside(path)
            log.error("store damaged path=%s kept_as=%s reason=%s", path, kept, error)
            return _open_sound(path), kept
    except sqlite3.Error as error:
        raise StorageError(sqlite_words(error, path)) from error
    except OSError as error:
        raise StorageError(os_words(error, path)) from error


def set_aside(path: Path) -> Path:
    """Rename the store at *path* and the files beside it that belong to it; returns its new name."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    # The side files first: a new database must never meet the old one's log.
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(kept.with_name(kept.name + suffix))
    return path.rename(kept)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageError(
            f"store {path}: another cpd uses it; stop that one, or give this one a store.path of its own"
        ) from None


def _open_sound(path: Path) -> sqlite3.Connection:
    # Opened once without SQLite: it tells why a file cannot be written, and a new one is private from the
    # start, because the store holds passwords. SQLite gives the -wal and -shm files the same mode.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as file:
        _check_header(file.read(_HEADER_BYTES))
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.text_factory = _text
        connection.executescript(_PRAGMAS)
        _check_pages(connection)
        migrate(connection, released())
        _check_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_header(header: bytes) -> None:
    # SQLite takes a version above what it knows for that of a later SQLite, and says so instead of "damaged".
    if header and (max(header[18:20]) > 2 or int.from_bytes(header[44:48]) > 4):
        raise _damage("the header has versions of the file format that do not exist")


def _check_pages(connection: sqlite3.Connection) -> None:
    (finding,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if finding != "ok":
        raise _damage(finding)


def _check_schema(connection: sqlite3.Connection) -> None:
    # A flipped bit in the name of a column is no damage to SQLite, and would fail every statement about it.
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, released())
        missing = set(fresh.execute(_SCHEMA)) - {tuple(row) for row in connection.execute(_SCHEMA)}
    if missing:
        raise _damage(f"the schema lacks {', '.join(sorted(name for name, _ in missing))}")


def _damage(finding: str) -> sqlite3.DatabaseError:
    damage = sqlite3.DatabaseError(finding)
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damage


def _text(content: bytes) -> str:
    # One damaged character must not make the whole store unreadable: rows are checked when they are decoded.
    return content.decode("utf-8", "replace")
