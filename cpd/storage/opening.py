"""How the store's file is opened: checked, migrated, and replaced where it is damaged or of a later release.

Neither may keep the charger from charging: a new one is begun, with what the old one still tells.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from cpd.errors import StorageError
from cpd.storage.before_migration import keep_copy_before
from cpd.storage.failures import is_damage, os_words, sqlite_words
from cpd.storage.files import beside, legible_text, open_for_reading, remove_half_copy
from cpd.storage.replacement import Damage, finish_replacement, keep_copy, replace_store
from cpd.storage.schema import NOT_OURS, Migration, migrate, released, version_of
from cpd.storage.wal import committed_frames

BUSY_TIMEOUT_S = 5.0
"""How long a write waits for somebody who reads or copies the file by hand."""

_PAGE_BYTES = 1024
_PRAGMAS = f"""
PRAGMA page_size = {_PAGE_BYTES};
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

_OURS = frozenset({"transactions", "journal"})
"""The tables that every release has: by them a store of ours is known, however much later it is."""


class StoreInUse(StorageError):
    """Another process has the store, as a running daemon does."""


class _LaterRelease(Exception):
    """The store was last used by a later release: a firmware update went back, or somebody did."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The store at *path* for this process alone; raises `StoreInUse` where another one has it.

    A lock file beside it, because a lock on the store's own file would meet SQLite's. It dies with its holder.
    """
    try:
        lock = os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(os_words(error, path)) from error
    try:
        _take(lock, path)
        yield
    finally:
        os.close(lock)


def open_file(path: Path) -> tuple[sqlite3.Connection, Damage | None]:
    """Open the store at *path*, creating or migrating it; also: what became of one that had to be replaced.

    The connection belongs to the calling thread, commits nothing by itself, and gives `sqlite3.Row`s. Raises
    `StorageError` where the file cannot be written or belongs to something else.
    """
    try:
        finish_replacement(path)
        remove_half_copy(path)
        try:
            return _open_sound(path)
        except _LaterRelease as later:
            damage = replace_store(path, str(later), _create, later=True)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # SQLite quotes damaged text in its message, which may then not even be text.
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            damage = replace_store(path, str(error), _create)
        return _open_sound(path)[0], damage
    except sqlite3.Error as error:
        raise StorageError(sqlite_words(error, path)) from error
    except OSError as error:
        raise StorageError(os_words(error, path)) from error


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreInUse(
            f"store {path}: another cpd uses it; stop that one, or give this one a store.path of its own"
        ) from None


def _open_sound(path: Path) -> tuple[sqlite3.Connection, Damage | None]:
    # Opened once without SQLite: it tells why a file cannot be written, and a new one is private from the
    # start, because the store holds passwords. SQLite gives the -wal and -shm files the same mode.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as file:
        if beside(path, "-journal").exists():
            _roll_back(path)
        header = file.read(_HEADER_BYTES)
    if header:
        _check_header(header)
        _check_content(path)
    committed = committed_frames(beside(path, "-wal"), _PAGE_BYTES)
    with _connected(path) as connection:
        damage = _empty_log(connection, path, committed)
        migrations, version = released(), version_of(connection)
        if 0 < version < migrations[-1].version:
            keep_copy_before(path, connection, version + 1)
        migrate(connection, migrations)
        return connection, damage


def _empty_log(connection: sqlite3.Connection, path: Path, committed: int) -> Damage | None:
    """Bring what SQLite reads of the log into the store, and keep a copy where the log went on behind that."""
    if not committed:
        return None
    _, read, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if read >= committed:
        return None
    damage = keep_copy(path, f"the log is cut behind frame {read} of {committed}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return damage


def _create(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with _connected(path) as connection:
        migrate(connection, migrations)
        return connection


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that stays open, but for errors in the block."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.text_factory = legible_text
        connection.executescript(_PRAGMAS)
        yield connection
    except BaseException:
        connection.close()
        raise


def _roll_back(path: Path) -> None:
    """Undo what a power cut left half done before the store was switched to its log, at its very first start.

    Only a connection that may write does so, and one that may only read fails on such a store.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        connection.execute(_SCHEMA).fetchall()


def _check_header(header: bytes) -> None:
    # SQLite takes a version above what it knows for that of a later SQLite, and says so instead of "damaged".
    if header and (max(header[18:20]) > 2 or int.from_bytes(header[44:48]) > 4):
        raise _damage("the header has versions of the file format that do not exist")


def _check_content(path: Path) -> None:
    # Before the store is opened for writing: closing it would empty a damaged log into a damaged file.
    with closing(open_for_reading(path)) as connection:
        (finding,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if finding != "ok":
            raise _damage(finding)
        _check_schema(connection)


def _check_schema(connection: sqlite3.Connection) -> None:
    """A flipped bit in the name of a column is no damage to SQLite, and would fail every statement about it."""
    migrations = released()
    version = version_of(connection)
    found = {tuple(row) for row in connection.execute(_SCHEMA)}
    if version > len(migrations):
        if not {name for name, _ in found} >= _OURS:
            raise StorageError(NOT_OURS)
        raise _LaterRelease(f"schema version {version}, this release knows up to {len(migrations)}")
    due = _schema_by(migrations[:version])
    if found == due:
        return
    if any(found == _schema_by(migrations[:other]) for other in range(len(migrations) + 1)):
        raise _damage(f"it says that its schema has version {version}, which is not true")
    if version > 0:
        names = sorted(name for name, _ in found ^ due)
        raise _damage(f"its schema is not that of version {version}: {', '.join(names)}")


def _schema_by(migrations: Sequence[Migration]) -> set[tuple[str, str | None]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        if migrations:
            migrate(fresh, migrations)
        return set(fresh.execute(_SCHEMA))


def _damage(finding: str) -> sqlite3.DatabaseError:
    damage = sqlite3.DatabaseError(finding)
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damage
