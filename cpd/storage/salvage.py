"""What can still be read of a store, damaged or of a later release, taken over into a new one: sessions are money.

SQLite gives up at the first page it cannot read. Here each table is read from both ends and beyond every gap,
and what was read is checked as if it came from outside. The damaged file itself is never written. Of a later
release's store the tables and columns are taken that this release knows as well; a table that it has changed
beyond that is taken as it was before the update, but for the sessions: told twice they would be billed twice.
"""

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cpd.storage.before_migration import copy_for
from cpd.storage.files import beside, copy_private, open_for_reading, remove
from cpd.storage.lost_facts import restore_facts
from cpd.storage.quarantine import quarantine
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.schema import Migration, migrate, released, version_of
from cpd.storage.table_reader import TableReader

_UNREADABLE_FACTS = "quarantine WHERE from_table = 'journal'"
_HIGHEST_ROWID = 2**40
"""Behind a higher one, which only damage makes, the numbers for new rows would run out."""

_COLUMNS = "SELECT name FROM pragma_table_info(?)"
_NEEDED = f'{_COLUMNS} WHERE pk OR ("notnull" AND dflt_value IS NULL)'

_SESSIONS: Final = frozenset({"transactions", "journal", "transaction_samples"})
"""Tables that only the store itself may tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What became of a damaged store's rows: *rows* taken over, *refused* set aside as unreadable.

    *torn* are the tables that held more than could be read, *older* those that are as before the last update.
    """

    rows: int
    refused: int
    torn: tuple[str, ...]
    older: tuple[str, ...] = ()


def migrations_of(damaged: Path) -> Sequence[Migration]:
    """The migrations that made the store at *damaged*: all of them, where neither its tables nor its version say.

    The tables first: a wrong version number would leave those behind that came with later migrations.
    """
    migrations = released()
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(open_for_reading(damaged)) as source:
        found, version = set(_tables(source)), version_of(source)
        for last in range(len(migrations), 0, -1):
            if found == _tables_by(migrations[:last]):
                return migrations[:last]
        if 0 < version <= len(migrations):
            return migrations[:version]
    return migrations


def salvage(damaged: Path, into: sqlite3.Connection) -> Salvage:
    """Take over what can be read of the store at *damaged* into *into*, and bring that to the latest schema.

    *into* is an empty store by the migrations of `migrations_of`. Never raises for what is wrong with
    *damaged*; raises `sqlite3.Error` where *into* cannot be written, which is then of no use.
    """
    torn, older = [], []
    with _legible(damaged, into) as source, _before(damaged, source) as before, _transaction(into):
        for table in _tables(into):
            if before is not None and table not in _SESSIONS and not _tells(source, into, table):
                older.append(table)
                found: sqlite3.Connection | None = before
            else:
                found = source
            if found is None or not _copy(found, into, table):
                torn.append(table)
    migrate(into, released())
    with _transaction(into):
        _set_unreadable_aside(into)
        if "journal" in torn or _count(into, _UNREADABLE_FACTS):
            restore_facts(into)
    rows = sum(_count(into, table) for table in _tables(into) if table != "quarantine")
    return Salvage(rows=rows, refused=_count(into, "quarantine"), torn=tuple(torn), older=tuple(older))


@contextmanager
def _transaction(into: sqlite3.Connection) -> Iterator[None]:
    into.execute("BEGIN IMMEDIATE")
    yield
    into.execute("COMMIT")


def _set_unreadable_aside(store: sqlite3.Connection) -> None:
    """Read everything now, which sets aside what cannot be decoded, so that it is counted."""
    kept = SqliteRepositories.over(store)
    kept.profiles.all()
    kept.variables.all()
    kept.availability.all()
    kept.local_list.drop_unless_whole()
    kept.local_limits.all()
    kept.reservations.all()
    kept.firmware.update()
    kept.diagnostics.upload()
    kept.file_statuses.untold()
    kept.journal.entries()
    for transaction, _ in kept.transactions.recent(sys.maxsize):
        kept.transaction_samples.of(transaction.local_id)


@contextmanager
def _legible(damaged: Path, sound: sqlite3.Connection) -> Iterator[sqlite3.Connection | None]:
    """*damaged* opened for reading, under the schema of *sound* where its own is lost; None: it cannot be opened.

    A later release's is opened under its own. Without its schema every table would be gone. A store that began with
    this version of the schema has it on the same pages as *sound*; one that was migrated may not, and then its rows
    do not fit and are refused.
    """
    with _reading(damaged) as source:
        if source is not None and (_is_later(source) or _fits(source, sound)):
            yield source
            return
    copy = beside(damaged, ".reading")
    remove(copy)
    try:
        for suffix in ("", "-wal"):
            if beside(damaged, suffix).exists():
                copy_private(beside(damaged, suffix), beside(copy, suffix))
        _lay_schema(copy, sound)
        with _reading(copy) as source:
            yield source
    finally:
        remove(copy)


@contextmanager
def _before(damaged: Path, source: sqlite3.Connection | None) -> Iterator[sqlite3.Connection | None]:
    """The copy of before the update where *source* is a later release's; None: there is none."""
    copy = copy_for(damaged, released()[-1].version) if source is not None and _is_later(source) else None
    if copy is None:
        yield None
        return
    with _reading(copy) as before:
        yield before


def _tells(source: sqlite3.Connection | None, into: sqlite3.Connection, table: str) -> bool:
    """True where *source* has every column without which *into* takes no row of *table*."""
    if source is None:
        return False
    needed = {name for (name,) in into.execute(_NEEDED, (table,))}
    return needed <= set(_columns(source, table))


def _is_later(source: sqlite3.Connection) -> bool:
    try:
        return version_of(source) > released()[-1].version
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _fits(source: sqlite3.Connection, sound: sqlite3.Connection) -> bool:
    return all(_columns(source, table) == _columns(sound, table) for table in _tables(sound))


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    try:
        connection = open_for_reading(path)
    except sqlite3.Error:
        yield None
        return
    with closing(connection):
        with suppress(sqlite3.Error, UnicodeDecodeError):
            # One table whose definition is damaged is then lost alone.
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("PRAGMA cell_size_check = ON")
        yield connection


def _lay_schema(copy: Path, sound: sqlite3.Connection) -> None:
    """Overwrite the pages of the schema with those of *sound*, in which every other page is the root of a table."""
    content = sound.serialize()
    (size,) = sound.execute("PRAGMA page_size").fetchone()
    roots = {number for (number,) in sound.execute("SELECT rootpage FROM sqlite_master")}
    pages = max(len(content), copy.stat().st_size) // size
    # Bytes 28 to 39 of the header: the size in pages, and the list of free ones, which no reader needs.
    content = content[:28] + pages.to_bytes(4) + bytes(8) + content[40:]
    with copy.open("r+b") as file:
        for number in range(1, len(content) // size + 1):
            if number not in roots:
                file.seek((number - 1) * size)
                file.write(content[(number - 1) * size : number * size])
        file.truncate(pages * size)


def _tables(store: sqlite3.Connection) -> list[str]:
    """Every table in the order of its creation, and so behind those that it refers to."""
    found = store.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def _tables_by(migrations: Sequence[Migration]) -> set[str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, migrations)
        return set(_tables(fresh))


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    try:
        return [name for (name,) in connection.execute(_COLUMNS, (table,))]
    except (sqlite3.Error, UnicodeDecodeError):
        return []


def _copy(source: sqlite3.Connection, into: sqlite3.Connection, table: str) -> bool:
    """Take over a table; False where not all of it could be read."""
    there = _columns(source, table)
    columns = [column for column in _columns(into, table) if column in there]
    if not columns:
        return False
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    reader = TableReader(source, table, columns)
    for rowid, row in sorted(reader.rows().items()):
        try:
            if not 0 <= rowid <= _HIGHEST_ROWID:
                raise sqlite3.IntegrityError(f"rowid {rowid} cannot be")
            into.execute(insert, row)
        except sqlite3.IntegrityError as error:
            quarantine(into, table, dict(zip(columns, row, strict=True)), f"after damage: {error}")
    return reader.whole


def _count(connection: sqlite3.Connection, rows: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(count)
