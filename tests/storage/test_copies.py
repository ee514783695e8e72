"""A store as bytes: as it is now, of whatever release made it, and nothing that is damaged."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cpd.errors import StorageError
from cpd.station.repositories import StoredVariable
from cpd.storage.copies import store_content, store_in_memory
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.schema import migrate, released, version_of

NEWEST = released()[-1].version


def of_version(path: Path, version: int) -> Path:
    """A store of an earlier release, or of a later one."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        migrate(store, released()[:version])
        store.execute("INSERT INTO variables (key, value, source) VALUES ('Old', '1', 'csms')")
        store.execute(f"PRAGMA user_version = {version}")
    return path


def test_what_a_daemon_has_committed_is_in_it_while_that_goes_on(path: Path) -> None:
    with closing(open_file(path)[0]) as daemon:
        SqliteRepositories.over(daemon).variables.put("New", StoredVariable(value="1", source="csms"))
        daemon.execute("BEGIN IMMEDIATE")
        daemon.execute("DELETE FROM variables")
        with closing(store_in_memory(store_content(path))) as copy:
            assert set(SqliteRepositories.over(copy).variables.all()) == {"New"}
        daemon.execute("COMMIT")
        with closing(store_in_memory(store_content(path))) as copy:
            assert SqliteRepositories.over(copy).variables.all() == {}


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_one_of_an_earlier_release_is_brought_to_this_ones_schema(path: Path, version: int) -> None:
    with closing(store_in_memory(store_content(of_version(path, version)))) as copy:
        assert version_of(copy) == NEWEST
        assert set(SqliteRepositories.over(copy).variables.all()) == {"Old"}


def test_one_of_a_later_release_is_refused(path: Path) -> None:
    with pytest.raises(StorageError, match="install the newer release again"):
        store_in_memory(store_content(of_version(path, NEWEST + 1)))


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StorageError, match="none of cpd's"):
        store_in_memory(store_content(path))


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + bytes(3_000)])
def test_what_is_no_store_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError):
        store_in_memory(content)


def test_a_store_without_a_table_is_none(path: Path) -> None:
    path.touch()
    with pytest.raises(StorageError, match="none of cpd's"):
        store_in_memory(store_content(path))


def half(content: bytearray) -> None:
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)


def freelist(content: bytearray) -> None:
    """Pages that are free by the header, and nowhere: nothing stumbles over it but a check."""
    content[36:40] = (7).to_bytes(4)


@pytest.mark.parametrize("damage", [half, freelist])
def test_a_damaged_store_is_not_copied(path: Path, damage: Callable[[bytearray], None]) -> None:
    with closing(open_file(path)[0]) as store:
        store.executemany("INSERT INTO variables VALUES (?, '1', 'csms')", [(f"K{n}",) for n in range(900)])
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        store_content(path)
