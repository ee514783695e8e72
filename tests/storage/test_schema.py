"""Migrations: from every version to the newest, each step whole or not at all."""

import sqlite3
from collections.abc import Iterator

import pytest

from cpd.errors import StorageError
from cpd.storage.schema import Migration, migrate, released, version_of

STEPS = (
    Migration(version=1, sql="CREATE TABLE one (a);"),
    Migration(version=2, sql="CREATE TABLE two (b); INSERT INTO one VALUES (1);"),
    Migration(version=3, sql="ALTER TABLE one ADD COLUMN c DEFAULT 7;"),
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def schema_of(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_releases_are_numbered_from_1_without_a_gap():
    assert [migration.version for migration in released()] == list(range(1, len(released()) + 1))


@pytest.mark.parametrize("version", range(len(released())))
def test_every_released_version_becomes_the_newest(connection: sqlite3.Connection, version: int):
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    migrate(fresh, released())
    for migration in released()[:version]:
        migrate(connection, (migration,))
    migrate(connection, released())
    assert schema_of(connection) == schema_of(fresh)
    assert version_of(connection) == released()[-1].version
    fresh.close()


def test_each_step_is_taken_once(connection: sqlite3.Connection):
    migrate(connection, STEPS[:1])
    migrate(connection, STEPS)
    migrate(connection, STEPS)
    assert connection.execute("SELECT a, c FROM one").fetchall() == [(1, 7)]


def test_a_step_that_fails_is_undone_and_the_steps_before_it_stand(connection: sqlite3.Connection):
    broken = Migration(version=2, sql="CREATE TABLE two (b); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.Error):
        migrate(connection, (STEPS[0], broken, STEPS[2]))
    assert version_of(connection) == 1
    assert [name for _, name, _ in schema_of(connection)] == ["one"]
    assert not connection.in_transaction


def test_a_later_version_is_refused_with_both_versions(connection: sqlite3.Connection):
    migrate(connection, STEPS)
    with pytest.raises(StorageError, match="version 3, this release of cpd knows up to 2"):
        migrate(connection, STEPS[:2])
