"""A store as it is in the middle of a busy week, and the ways in which its files can be damaged."""

import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.local_list import ListedTag, ListUpdate
from cpd.domain.transactions import FactKind, StopReason
from cpd.station.repositories import Repositories, StoredVariable
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from tests.storage.values import installed, moment, sample, transaction

PAGE_BYTES = 1024
ENDED, RUNNING, PROFILES, KEYS = 30, 3, 12, 10
LISTED = ListUpdate(
    version=7,
    full=True,
    tags=tuple(
        ListedTag(id_tag=f"CARD{number}", info=IdTagInfo(status=AuthorizationStatus.BLOCKED))
        for number in range(40)
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFiles:
    """The content of a store's file and of its write-ahead log, as a power cut leaves them."""

    database: bytes
    log: bytes

    def write(self, path: Path) -> None:
        """Put them at *path*."""
        path.write_bytes(self.database)
        if self.log:
            path.with_name(f"{path.name}-wal").write_bytes(self.log)


def busy_store(folder: Path) -> StoreFiles:
    """Made in *folder*: sessions told and untold, profiles, keys; what came last is in the log alone."""
    path = folder / "busy.db"
    connection, _ = open_file(path)
    repositories = SqliteRepositories.over(connection)
    fill(repositories)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    begin(repositories, ENDED + RUNNING, running=1)
    files = StoreFiles(database=path.read_bytes(), log=path.with_name(f"{path.name}-wal").read_bytes())
    connection.close()
    return files


def fill(repositories: Repositories) -> None:
    """Everything but the newest running transaction."""
    begin(repositories, 1, running=0, ended=ENDED)
    begin(repositories, ENDED + 1, running=RUNNING - 1)
    for number in range(1, PROFILES + 1):
        repositories.profiles.replace(installed(number), ())
    for number in range(KEYS):
        repositories.variables.put(f"Key{number}", StoredVariable(value="1", source="csms"))
    repositories.local_list.apply(LISTED)
    for number in range(5):
        repositories.audit.append(uid=0, method="stop", params=str(number), at=moment())


def begin(repositories: Repositories, first: int, *, running: int, ended: int = 0) -> None:
    """Transactions from number *first* on; the CSMS knows of every second one."""
    for order in range(first, first + ended + running):
        one = transaction(f"tx-{order}", order=order)
        if order % 2:
            one = replace(one, csms_id=order)
        if order < first + ended:
            one = replace(one, stopped=moment(2000.0), stop_reason=StopReason.LOCAL, meter_stop_wh=5_000)
        repositories.transactions.put(one)
        if not order % 2:
            repositories.journal.append(FactKind.STARTED, one.local_id, moment())
            repositories.journal.append(FactKind.METERED, one.local_id, moment(), sample())
            if not one.active:
                repositories.journal.append(FactKind.STOPPED, one.local_id, moment(2000.0))


def _flipped(files: StoreFiles, chance: random.Random) -> StoreFiles:
    length = chance.choice((1, 16, 512, 4096))
    return replace(files, database=_patched(files.database, chance, chance.randbytes(length)))


def _zeroed(files: StoreFiles, chance: random.Random) -> StoreFiles:
    page = chance.randrange(len(files.database) // PAGE_BYTES)
    return replace(files, database=_overwritten(files.database, page * PAGE_BYTES, bytes(PAGE_BYTES)))


def _cut_off(files: StoreFiles, chance: random.Random) -> StoreFiles:
    return replace(files, database=files.database[: chance.randrange(1, len(files.database))])


def _moved(files: StoreFiles, chance: random.Random) -> StoreFiles:
    """A page where another one should be."""
    source, target = (PAGE_BYTES * chance.randrange(len(files.database) // PAGE_BYTES) for _ in range(2))
    page = files.database[source : source + PAGE_BYTES]
    return replace(files, database=_overwritten(files.database, target, page))


def _log_flipped(files: StoreFiles, chance: random.Random) -> StoreFiles:
    return replace(files, log=_patched(files.log, chance, chance.randbytes(16)))


def _log_garbage(files: StoreFiles, chance: random.Random) -> StoreFiles:
    return replace(files, log=chance.randbytes(len(files.log)))


def _both(files: StoreFiles, chance: random.Random) -> StoreFiles:
    return _log_flipped(_flipped(files, chance), chance)


Damaging = Callable[[StoreFiles, random.Random], StoreFiles]

DAMAGES: Sequence[Damaging] = (
    _flipped,
    _flipped,
    _flipped,
    _zeroed,
    _zeroed,
    _cut_off,
    _cut_off,
    _moved,
    _log_flipped,
    _log_garbage,
    _both,
)


def counted(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for (table,) in tables
        if not table.startswith("sqlite_")
    }


def _patched(content: bytes, chance: random.Random, patch: bytes) -> bytes:
    return _overwritten(content, chance.randrange(len(content)), patch)


def _overwritten(content: bytes, start: int, patch: bytes) -> bytes:
    return (content[:start] + patch + content[start + len(patch) :])[: len(content)]
