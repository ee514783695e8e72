"""The schema's versions: forward only, one SQL file each, walked by `PRAGMA user_version`.

A released file is never edited; the next change is the next file.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cpd.errors import StorageError

NOT_OURS: Final = "the file is a database, but not one of cpd's; correct store.path"

_FOLDER: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The step to *version* from the one before it."""

    version: int
    sql: str


def released() -> tuple[Migration, ...]:
    """Every migration of this release: versions 1 … n without a gap."""
    return tuple(
        Migration(version=int(script.name.partition("_")[0]), sql=script.read_text(encoding="utf-8"))
        for script in sorted(_FOLDER.glob("*.sql"))
    )


def version_of(connection: sqlite3.Connection) -> int:
    """The version of an open store; 0 while it is empty."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Bring a store to the last of *migrations*, each step in a transaction of its own.

    Raises `StorageError` where the store is of a later version, or holds the tables of something else;
    `sqlite3.Error` leaves the store at the last version that was reached.
    """
    version, newest = version_of(connection), migrations[-1].version
    if version > newest:
        raise StorageError(
            f"the store has schema version {version}, this release of cpd knows up to {newest}; "
            "install the newer release again, or move the store away"
        )
    if version < 1 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise StorageError(NOT_OURS)
    for migration in migrations:
        if migration.version > version:
            _apply(connection, migration)


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{migration.sql}\nPRAGMA user_version = {migration.version};\nCOMMIT;"
        )
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
