"""A factory reset: nothing of what anybody told the charger is left, not even between the rows of the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cpd.domain.register import Register
from cpd.station.repositories import StoredVariable
from cpd.storage.clearing import clear, sweep
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from tests.storage.damage import fill

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


@pytest.fixture
def store(path: Path) -> Iterator[sqlite3.Connection]:
    """A store in the middle of a busy week, on disk."""
    with closing(open_file(path)[0]) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        repositories = SqliteRepositories.over(connection)
        fill(repositories)
        repositories.registers.put(1, Register(lifetime_wh=900, raw_wh=1))
        yield connection


def filled(store: sqlite3.Connection) -> set[str]:
    """The tables that have rows."""
    names = [name for (name,) in store.execute(TABLES)]
    return {name for name in names if store.execute(f"SELECT 1 FROM {name}").fetchone()}


def test_only_the_registers_stay(store: sqlite3.Connection) -> None:
    assert filled(store) > {"registers", "journal", "profiles", "variables", "local_list", "audit"}
    clear(store, keep_journal=False)
    assert filled(store) == {"registers"}


def test_sessions_that_the_csms_was_not_told_of_are_spared_on_request(store: sqlite3.Connection) -> None:
    waiting = store.execute("SELECT count(*), count(DISTINCT local_id) FROM journal").fetchone()
    cleared = clear(store, keep_journal=True)
    assert filled(store) <= {"registers", "journal", "transactions", "transaction_samples"}
    sessions = store.execute("SELECT count(*) FROM transactions").fetchone()
    assert (cleared.messages, *sessions) == tuple(waiting)


@pytest.mark.parametrize("key", ["AuthorizationKey", None])
def test_it_tells_whether_a_password_of_the_csms_went(store: sqlite3.Connection, key: str | None) -> None:
    if key is not None:
        repositories = SqliteRepositories.over(store)
        repositories.variables.put(key, StoredVariable(value="s3cret", source="csms"))
    assert clear(store, keep_journal=False).password == (key is not None)


def test_what_went_cannot_be_read_from_the_file_any_more(store: sqlite3.Connection, path: Path) -> None:
    def content() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

    # What was deleted before, as sessions that are old are, is still in the file at first.
    store.execute("PRAGMA secure_delete = OFF")
    rows = [(f"gone-before-{number}",) for number in range(200)]
    store.executemany("INSERT INTO authorizations (folded, status) VALUES (?, 'Accepted')", rows)
    store.execute("DELETE FROM authorizations")
    assert b"04A3B2C1" in content()
    assert b"gone-before" in content()
    clear(store, keep_journal=False)
    sweep(store)
    assert b"04A3B2C1" not in content()
    assert b"gone-before" not in content()
