"""When a work is kept, when it is undone, and what its failure is called."""

import asyncio
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from cpd.errors import StorageError
from cpd.station.repositories import Repositories, StoredVariable
from cpd.storage.database import Database
from cpd.storage.opening import open_file
from tests.storage.values import moment, transaction
from tests.virtual_time import run_virtual


def put(key: str, value: str = "1"):
    def work(repositories: Repositories) -> None:
        repositories.variables.put(key, StoredVariable(value=value, source="csms"))

    return work


def keys(repositories: Repositories) -> set[str]:
    return set(repositories.variables.all())


async def test_a_commit_is_there_after_reopening(path: Path):
    async with Database.open(path) as store:
        await store.commit(put("A"))
    async with Database.open(path) as store:
        assert await store.relaxed(keys) == {"A"}


async def test_a_commit_is_there_for_others_before_it_returns(store: Database, path: Path):
    await store.commit(put("A"))
    reader = sqlite3.connect(path)
    try:
        assert reader.execute("SELECT key FROM variables").fetchall() == [("A",)]
    finally:
        reader.close()


async def test_an_exception_of_the_work_undoes_it_and_passes_through(store: Database):
    def work(repositories: Repositories) -> None:
        put("A")(repositories)
        raise LookupError("of the work")

    with pytest.raises(LookupError, match="of the work"):
        await store.commit(work)
    assert await store.relaxed(keys) == set()


async def test_a_failure_of_sqlite_is_a_storage_error_and_undoes_the_work(store: Database, path: Path):
    def work(repositories: Repositories) -> None:
        put("A")(repositories)
        repositories.transactions.put(transaction("tx-1", order=1))
        repositories.transactions.put(transaction("tx-2", order=1))

    with pytest.raises(StorageError, match=str(path)):
        await store.commit(work)
    assert await store.relaxed(keys) == set()


async def test_only_commit_waits_for_the_disk(store: Database, path: Path):
    """Seen from the connection that the works share: 2 is FULL, 1 is NORMAL (SQLite's numbers)."""
    seen: list[int] = []

    def look(repositories: Repositories) -> None:
        connection = repositories.variables._connection
        seen.append(connection.execute("PRAGMA synchronous").fetchone()[0])

    for run in (store.commit, store.relaxed, store.relaxed, store.commit):
        await run(look)
    assert seen == [2, 1, 1, 2]


async def test_works_run_in_the_order_of_their_calls_on_one_other_thread(store: Database):
    ran: list[tuple[int, int]] = []

    def note(number: int):
        return lambda _repositories: ran.append((number, threading.get_ident()))

    await asyncio.gather(*(store.commit(note(number)) for number in range(20)))
    assert [number for number, _ in ran] == list(range(20))
    assert len({thread for _, thread in ran}) == 1
    assert threading.get_ident() not in {thread for _, thread in ran}


async def test_a_running_work_ends_although_its_waiter_is_cancelled(store: Database):
    started, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(repositories: Repositories) -> None:
        put("A")(repositories)
        loop.call_soon_threadsafe(started.set)
        go_on.wait(5)
        put("B")(repositories)

    waiter = asyncio.ensure_future(store.commit(slow))
    queued = asyncio.ensure_future(store.commit(put("C")))
    await started.wait()
    waiter.cancel()
    queued.cancel()
    await asyncio.gather(waiter, queued, return_exceptions=True)
    go_on.set()
    await store.commit(put("D"))
    assert await store.relaxed(keys) == {"A", "B", "D"}


async def test_leaving_the_store_waits_for_the_work_of_a_cancelled_waiter(path: Path):
    go_on = threading.Event()
    async with Database.open(path) as store:
        waiter = asyncio.ensure_future(
            store.commit(lambda repositories: (go_on.wait(5), put("A")(repositories)))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiter.cancel()
        go_on.set()
    async with Database.open(path) as store:
        # The thread may have taken the work before it was cancelled, or not: it is whole or absent.
        assert await store.relaxed(keys) in ({"A"}, set())


def test_the_store_works_on_a_virtual_loop(path: Path):
    async def main() -> set[str]:
        async with Database.open(path) as store, asyncio.timeout(1):
            await store.commit(put("A"))
            return await store.relaxed(keys)

    assert run_virtual(main()) == {"A"}


async def test_a_new_store_is_private(path: Path, store: Database):
    await store.commit(put("AuthorizationKey", "secret"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    names = ("cpd.db", "cpd.db-wal", "cpd.db-shm", "cpd.db.lock")
    assert modes == dict.fromkeys(names, 0o600)


async def test_a_full_disk_undoes_the_work_and_leaves_the_store_usable(store: Database):
    def fill(repositories: Repositories) -> None:
        connection = repositories.variables._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(1000):
            put(f"Key{number}", "x" * 100)(repositories)

    with pytest.raises(StorageError, match="full"):
        await store.commit(fill)
    assert await store.relaxed(keys) == set()


async def test_the_failure_of_a_full_disk_stands_until_something_is_written(store: Database):
    def pages(repositories: Repositories, most: int) -> None:
        repositories.variables._connection.execute(f"PRAGMA max_page_count = {most}")

    assert store.health.failure is None
    await store.relaxed(lambda repositories: pages(repositories, 1))
    with pytest.raises(StorageError, match="full"):
        await store.commit(
            lambda repositories: [put(f"Key{number}", "x" * 500)(repositories) for number in range(50)]
        )
    assert await store.relaxed(keys) == set()
    assert "the disk is full" in (store.health.failure or "")
    await store.relaxed(lambda repositories: pages(repositories, 100_000))
    await store.commit(put("A"))
    assert store.health.failure is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("missing/cpd.db", "missing does not exist; create it"),
        (".", "is a directory"),
        ("file/cpd.db", "file is not a directory"),
        ("/sys/cpd.db", "may not write it|cannot be opened|read-only"),
    ],
)
async def test_a_store_that_cannot_be_opened_says_why_and_what_to_do(tmp_path: Path, place: str, words: str):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=words):
        async with Database.open(tmp_path / place):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_refused_at_the_start(path: Path):
    path.touch(mode=0o400)
    with pytest.raises(StorageError, match="may not write it"):
        open_file(path)


async def test_somebody_who_writes_by_hand_is_named(path: Path, store: Database):
    def hurry(repositories: Repositories) -> None:
        repositories.variables._connection.execute("PRAGMA busy_timeout = 1")

    await store.relaxed(hurry)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageError, match="another process holds it"):
            await store.commit(put("A"))
    finally:
        other.close()
    await store.commit(put("A"))


async def test_the_log_does_not_grow_without_end(path: Path, store: Database):
    for _ in range(30):
        await store.relaxed(lambda r: [put(f"Key{number}", "x" * 1000)(r) for number in range(100)] and None)
    assert path.with_name("cpd.db-wal").stat().st_size < 3_000_000


async def test_a_rolled_back_work_leaves_no_trace_in_the_sequence_of_the_journal(store: Database):
    def start(repositories: Repositories) -> int:
        repositories.transactions.put(transaction())
        return repositories.journal.append("started", "tx-1", moment())

    def fail(repositories: Repositories) -> None:
        start(repositories)
        raise LookupError

    with pytest.raises(LookupError):
        await store.commit(fail)
    assert await store.commit(start) == 1


async def test_a_store_that_hangs_is_known_by_the_age_of_its_oldest_work(store: Database):
    loop, goes_on = asyncio.get_running_loop(), threading.Event()
    assert store.silent_s(loop.time() + 1_000) == 0
    async with asyncio.TaskGroup() as tasks:
        try:
            tasks.create_task(store.commit(lambda _: goes_on.wait()))
            await asyncio.sleep(0)
            between_s = loop.time()
            tasks.create_task(store.commit(keys))
            await asyncio.sleep(0)
            assert store.silent_s(between_s + 1_000) >= 1_000
        finally:
            goes_on.set()
    assert store.silent_s(loop.time() + 1_000) == 0
