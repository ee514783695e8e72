"""What is kept of the local authorization list, and what becomes of one that is not whole any more."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.local_list import ListedTag, ListUpdate
from cpd.storage.local_list import SqliteLocalList
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.salvage import salvage
from cpd.storage.schema import migrate, released
from tests.storage.values import NOON

GOOD = IdTagInfo(
    status=AuthorizationStatus.ACCEPTED, parent_id_tag="Fleet", expires_at=NOON + timedelta(days=1)
)
BLOCKED = IdTagInfo(status=AuthorizationStatus.BLOCKED)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened, _ = open_file(path)
    yield opened
    opened.close()


@pytest.fixture
def kept(connection: sqlite3.Connection) -> SqliteLocalList:
    return SqliteLocalList(connection)


def full(version: int, **tags: IdTagInfo) -> ListUpdate:
    listed = tuple(ListedTag(id_tag=id_tag, info=info) for id_tag, info in tags.items())
    return ListUpdate(version=version, full=True, tags=listed)


def changes(version: int, **tags: IdTagInfo | None) -> ListUpdate:
    listed = tuple(ListedTag(id_tag=id_tag, info=info) for id_tag, info in tags.items())
    return ListUpdate(version=version, full=False, tags=listed)


def test_a_list_that_nobody_sent_is_empty(kept: SqliteLocalList) -> None:
    assert kept.version() == 0
    assert kept.get("A") is None


def test_an_entry_comes_back_as_it_was_sent_whatever_the_case_of_its_id_tag(kept: SqliteLocalList) -> None:
    assert kept.apply(full(7, aB=GOOD, C=BLOCKED)) == 2
    assert kept.version() == 7
    assert (kept.get("Ab"), kept.get("c"), kept.get("D")) == (GOOD, BLOCKED, None)


def test_a_full_list_takes_the_place_of_the_one_before(kept: SqliteLocalList) -> None:
    kept.apply(full(7, A=GOOD, B=GOOD))
    assert kept.apply(full(3, B=BLOCKED)) == 1
    assert (kept.version(), kept.get("A"), kept.get("B")) == (3, None, BLOCKED)


def test_changes_add_replace_and_take_off(kept: SqliteLocalList) -> None:
    kept.apply(full(7, A=GOOD, B=GOOD, C=GOOD))
    assert kept.apply(changes(8, a=None, b=BLOCKED, D=GOOD, unknown=None)) == 3
    assert [kept.get(id_tag) for id_tag in "ABCD"] == [None, BLOCKED, GOOD, GOOD]
    assert kept.version() == 8


def test_an_emptied_list_has_the_version_of_an_empty_one(kept: SqliteLocalList) -> None:
    kept.apply(full(7, A=GOOD))
    kept.apply(changes(8, A=None))
    assert kept.version() == 0
    kept.apply(full(9))
    assert kept.version() == 0


def test_what_is_listed_is_forgotten_by_the_cache(connection: sqlite3.Connection) -> None:
    repositories = SqliteRepositories.over(connection)
    for id_tag in ("A", "B"):
        repositories.authorizations.put(id_tag, GOOD)
    repositories.local_list.apply(full(1, a=GOOD))
    assert repositories.authorizations.get("A") is None
    assert repositories.authorizations.get("B") == GOOD


def test_a_list_with_an_entry_that_cannot_be_read_is_given_up_whole(
    connection: sqlite3.Connection, kept: SqliteLocalList
) -> None:
    kept.apply(full(7, A=GOOD, B=GOOD))
    connection.execute("UPDATE local_list SET status = 'Perhaps' WHERE folded = 'a'")
    assert kept.get("A") is None
    assert (kept.version(), kept.get("B")) == (0, None)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM local_list WHERE folded = 'a'",
        "UPDATE local_list SET expires_at_us = 9000000000000000000 WHERE folded = 'a'",
        "DELETE FROM local_list_version",
        "UPDATE local_list_version SET entries = 3",
    ],
)
def test_of_a_damaged_store_a_list_is_taken_over_whole_or_not_at_all(
    connection: sqlite3.Connection, tmp_path: Path, damage: str
) -> None:
    SqliteLocalList(connection).apply(full(7, a=GOOD, b=BLOCKED))
    for number, sql in enumerate(("SELECT 1", damage)):
        connection.execute(sql)
        damaged = tmp_path / f"damaged-{number}.db"
        connection.execute("VACUUM INTO ?", (str(damaged),))
        fresh = sqlite3.connect(":memory:", isolation_level=None)
        fresh.row_factory = sqlite3.Row
        migrate(fresh, released())
        salvage(damaged, fresh)
        saved = SqliteLocalList(fresh)
        whole = number == 0
        assert (saved.version(), saved.get("B")) == ((7, BLOCKED) if whole else (0, None))
        fresh.close()
