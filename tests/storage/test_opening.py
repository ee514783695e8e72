"""Damage, versions and foreign files: what a start makes of the file that it finds."""

import sqlite3
from pathlib import Path

import pytest

from cpd.errors import StorageError
from cpd.station.repositories import StoredVariable
from cpd.storage.database import Database
from cpd.storage.opening import open_file
from cpd.storage.replacement import set_aside
from cpd.storage.repositories import SqliteRepositories
from tests.storage.damage import fill


@pytest.fixture
def not_a_database(path: Path) -> Path:
    path.write_bytes(b"not a database at all" * 100)
    return path


async def test_a_file_that_is_no_database_is_set_aside_and_a_new_store_begun(
    not_a_database: Path, caplog: pytest.LogCaptureFixture
):
    async with Database.open(not_a_database) as store:
        assert store.damage is not None
        assert store.damage.kept_as == not_a_database.with_name("cpd.db.damaged-1")
        await store.commit(fill)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    async with Database.open(not_a_database) as store:
        assert store.damage is None


def test_what_is_set_aside_takes_its_log_with_it_and_overwrites_nothing(path: Path):
    for name in ("cpd.db", "cpd.db-wal", "cpd.db.damaged-1"):
        path.with_name(name).write_text(f"was {name}")
    assert set_aside(path) == path.with_name("cpd.db.damaged-2")
    assert {file.name: file.read_text() for file in path.parent.iterdir()} == {
        "cpd.db.damaged-1": "was cpd.db.damaged-1",
        "cpd.db.damaged-2": "was cpd.db",
        "cpd.db.damaged-2-wal": "was cpd.db-wal",
    }


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        (b"SQLite format 3", b"SQLite formaT 3"),
        (b"\x02\x02\x00\x40\x20\x20", b"\x09\x02\x00\x40\x20\x20"),
        (b"last_meter_wh", b"last_mater_wh"),
        (b"CREATE TABLE audit", b"CREATE TABLE au \xa3t"),
    ],
    ids=["no database", "file format of the future", "another column", "schema that is no text"],
)
def test_damage_of_the_header_and_the_schema_is_recognised(path: Path, sound: bytes, damaged: bytes):
    open_file(path)[0].close()
    content = path.read_bytes()
    assert sound in content
    path.write_bytes(content.replace(sound, damaged, 1))
    connection, damage = open_file(path)
    connection.close()
    assert damage is not None
    assert damage.kept_as == path.with_name("cpd.db.damaged-1")


def test_a_log_that_was_torn_by_a_power_cut_is_replayed_up_to_the_tear(path: Path, tmp_path: Path):
    connection, _ = open_file(path)
    for number in range(5):
        variable = StoredVariable(value="1", source="csms")
        SqliteRepositories.over(connection).variables.put(f"K{number}", variable)
    torn = tmp_path / "torn.db"
    log = path.with_name("cpd.db-wal").read_bytes()
    torn.write_bytes(path.read_bytes())
    torn.with_name("torn.db-wal").write_bytes(log[:-500])
    connection.close()

    connection, damage = open_file(torn)
    assert set(SqliteRepositories.over(connection).variables.all()) == {"K0", "K1", "K2", "K3"}
    assert damage is None
    connection.close()


def test_a_first_start_that_a_power_cut_ended_before_the_store_had_its_log_is_begun_anew(
    path: Path, tmp_path: Path
):
    """Until then SQLite keeps a rollback journal, which only a connection that may write plays back."""
    begun = tmp_path / "begun.db"
    connection = sqlite3.connect(begun, isolation_level=None)
    connection.executescript("PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (written)")
    connection.executemany("INSERT INTO half VALUES (?)", [("x" * 1_000,)] * 50)
    for suffix in ("", "-journal"):
        path.with_name(path.name + suffix).write_bytes(begun.with_name(begun.name + suffix).read_bytes())
    connection.close()

    connection, damage = open_file(path)
    assert damage is None
    fill(SqliteRepositories.over(connection))
    connection.close()


LATER = """
ALTER TABLE transactions ADD COLUMN tariff TEXT NOT NULL DEFAULT 'night';
ALTER TABLE audit RENAME COLUMN method TO action;
ALTER TABLE variables RENAME TO settings;
DROP TABLE local_limits;
CREATE TABLE tariffs (name TEXT);
PRAGMA user_version = 4711;
"""


def test_a_store_of_a_later_release_is_taken_over_as_far_as_this_one_knows_it(path: Path):
    connection, _ = open_file(path)
    repositories = SqliteRepositories.over(connection)
    fill(repositories)
    facts, running = repositories.journal.entries(), repositories.transactions.running()
    assert facts and running
    connection.executescript(LATER)
    connection.close()

    connection, damage = open_file(path)
    repositories = SqliteRepositories.over(connection)
    assert damage is not None and damage.salvage is not None
    assert repositories.journal.entries() == facts
    assert repositories.transactions.running() == running
    assert repositories.variables.all() == {}
    assert set(damage.salvage.torn) == {"variables", "local_limits"}
    assert damage.salvage.refused == 5, "the audited calls, whose method has another name"
    assert "was a later release's at this start" in damage.sentence
    connection.close()
    kept = sqlite3.connect(damage.kept_as)
    assert kept.execute("PRAGMA user_version").fetchone() == (4711,)
    assert kept.execute("SELECT DISTINCT tariff FROM transactions").fetchall() == [("night",)]
    kept.close()
    connection, again = open_file(path)
    connection.close()
    assert again is None


@pytest.mark.parametrize("version", [0, 4711])
def test_the_database_of_something_else_is_refused_and_left_alone(path: Path, version: int):
    other = sqlite3.connect(path)
    other.executescript(f"CREATE TABLE profiles (id); PRAGMA user_version = {version}")
    other.close()
    with pytest.raises(StorageError, match=r"not one of cpd's; correct store\.path"):
        open_file(path)
    assert [file.name for file in path.parent.iterdir()] == ["cpd.db"]
    other = sqlite3.connect(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("profiles",)]
    other.close()


async def test_a_store_that_another_daemon_uses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    async with Database.open(path):
        with pytest.raises(StorageError, match="another cpd uses it"):
            async with Database.open(path):
                pass
    async with Database.open(path):
        pass
