"""The store: one SQLite file, one connection, one thread that uses it.

Decides when a transaction is durable and what its failure is called; what is kept is for the repositories.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Literal, Self, TypeVar

from cpd.errors import StorageError
from cpd.station.repositories import Repositories, StoreHealth
from cpd.storage.failures import sqlite_words
from cpd.storage.files import real_path
from cpd.storage.opening import locked, open_file
from cpd.storage.replacement import Damage
from cpd.storage.repositories import SqliteRepositories

T = TypeVar("T")

_Synchronous = Literal["FULL", "NORMAL"]


class Database:
    """A `cpd.station.repositories.Store` over one file; made by `open`.

    Works run one after the other in the order of their calls. A task that is cancelled while it waits leaves
    its work to the writer thread, which ends it whole or has not begun it.
    """

    def __init__(self, writer: "_Writer", thread: ThreadPoolExecutor) -> None:
        self._writer = writer
        self._thread = thread
        self._asked_s: dict[int, float] = {}
        self.moved: str | None = None
        """Why the store seems to belong to another machine; None where it does not."""
        self._works = count()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open or create the store at *path*, and close it at the end; errors as in `open_file`."""
        loop = asyncio.get_running_loop()
        path = real_path(path)
        writer = _Writer(path)
        with (
            locked(path),
            ThreadPoolExecutor(max_workers=1, thread_name_prefix="store") as thread,
        ):
            try:
                await loop.run_in_executor(thread, writer.open)
                yield cls(writer, thread)
            finally:
                await loop.run_in_executor(thread, writer.close)

    @property
    def damage(self) -> Damage | None:
        """What became of a damaged store that this start has found; None where there was none."""
        return self._writer.damage

    @property
    def health(self) -> StoreHealth:
        """Whether the last work succeeded, and what this start has found."""
        damage = self._writer.damage
        return StoreHealth(
            failure=self._writer.failure,
            damage=None if damage is None else damage.sentence,
            moved=self.moved,
        )

    def silent_s(self, now_s: float) -> float:
        """The age of the oldest work that somebody waits for; 0 where nobody does."""
        return now_s - min(self._asked_s.values(), default=now_s)

    async def commit(self, work: Callable[[Repositories], T]) -> T:
        """Run *work* as one SQL transaction that survives a power cut once this returns.

        An exception of *work* undoes it and passes through; raises `StorageError` where SQLite fails.
        """
        return await self._run("FULL", work)

    async def relaxed(self, work: Callable[[Repositories], T]) -> T:
        """Run *work* as one SQL transaction that a power cut may undo whole; errors as in `commit`.

        It can never outlive an earlier work that was undone: the log is replayed in order, up to a point.
        """
        return await self._run("NORMAL", work)

    async def _run(self, synchronous: _Synchronous, work: Callable[[Repositories], T]) -> T:
        loop = asyncio.get_running_loop()
        number = next(self._works)
        self._asked_s[number] = loop.time()
        try:
            return await loop.run_in_executor(self._thread, self._writer.transact, synchronous, work)
        finally:
            del self._asked_s[number]


class _Writer:
    """What the writer thread alone touches."""

    def __init__(self, path: Path) -> None:
        self.damage: Damage | None = None
        self.failure: str | None = None
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._repositories: SqliteRepositories | None = None
        self._synchronous: _Synchronous | None = None

    def open(self) -> None:
        self._connection, self.damage = open_file(self._path)
        self._repositories = SqliteRepositories.over(self._connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def transact(self, synchronous: _Synchronous, work: Callable[[Repositories], T]) -> T:
        connection, repositories = self._connection, self._repositories
        if connection is None or repositories is None:
            raise StorageError(f"store {self._path}: it is closed")
        changes = connection.total_changes
        try:
            self._set_synchronous(connection, synchronous)
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(repositories)
                connection.execute("COMMIT")
            finally:
                # After a full disk or an I/O error SQLite may have rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.failure = sqlite_words(error, self._path)
            raise StorageError(self.failure) from error
        # A full disk can still be read: only what was written proves that it takes something.
        if connection.total_changes > changes:
            self.failure = None
        return result

    def _set_synchronous(self, connection: sqlite3.Connection, synchronous: _Synchronous) -> None:
        # SQLite ignores the pragma inside a transaction, so it goes before BEGIN.
        if synchronous != self._synchronous:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
