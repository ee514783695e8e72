"""An update, and the way back: what the store tells before, it tells after, and the copy of before is kept."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cpd.station.repositories import Repositories, StoredVariable
from cpd.storage.before_migration import KEPT, copy_for, keep_copy_before
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.schema import migrate, released, version_of
from tests.process.test_sick_disk import tmpfs
from tests.storage.damage import begin, fill

NEWEST = released()[-1].version

LATER = f"""
ALTER TABLE variables RENAME TO settings;
ALTER TABLE audit RENAME COLUMN method TO action;
ALTER TABLE profiles ADD COLUMN tariff TEXT NOT NULL DEFAULT 'night';
PRAGMA user_version = {NEWEST + 1};
"""


def tables_of(store: sqlite3.Connection) -> set[str]:
    found = store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name for (name,) in found}


def columns_of(store: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in store.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def rows_of(store: sqlite3.Connection, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    return [tuple(row) for row in store.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")]


def store_of(version: int, path: Path) -> dict[str, list[tuple[object, ...]]]:
    """A store of that release in use, at *path*; also its rows."""
    today = path.with_name("today.db")
    connection, _ = open_file(today)
    connection.execute("PRAGMA synchronous = OFF")
    fill(SqliteRepositories.over(connection))
    rows = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA synchronous = OFF")
        migrate(store, released()[:version])
        for table in tables_of(store) & tables_of(connection):
            columns = [name for name in columns_of(store, table) if name in columns_of(connection, table)]
            holders = ", ".join("?" * len(columns))
            store.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({holders})",
                rows_of(connection, table, columns),
            )
            rows[table] = rows_of(store, table, columns_of(store, table))
    connection.close()
    return rows


def copies(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("cpd.db.*"))


def told(repositories: Repositories) -> object:
    """What the central system and the technician would be told."""
    return (
        repositories.journal.entries(),
        repositories.transactions.recent(1_000),
        repositories.profiles.all(),
        repositories.variables.all(),
    )


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_a_store_of_every_release_is_migrated_with_all_that_it_tells(path: Path, version: int):
    store_of(version, path)
    connection, damage = open_file(path)
    reference, _ = open_file(path.with_name("today.db"))
    assert damage is None
    assert told(SqliteRepositories.over(connection)) == told(SqliteRepositories.over(reference))
    connection.close()
    reference.close()


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_the_store_of_before_is_kept_as_it_was_for_its_owner_alone(path: Path, version: int):
    rows = store_of(version, path)
    open_file(path)[0].close()
    copy = path.with_name(f"cpd.db.before-{version + 1:04}")
    assert copy_for(path, version) == copy
    assert copies(path) == [copy.name], "a file that is read without making others beside it"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as kept:
        assert version_of(kept) == version
        assert {table: rows_of(kept, table, columns_of(kept, table)) for table in rows} == rows


def test_a_start_without_a_migration_copies_nothing(path: Path):
    open_file(path)[0].close()
    open_file(path)[0].close()
    assert copies(path) == []


def test_what_the_last_power_cut_left_in_the_log_is_in_the_copy(path: Path, tmp_path: Path):
    store_of(1, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
        writer.execute("INSERT INTO variables VALUES ('Last', '1', 'csms')")
        cut = tmp_path / "cut" / "cpd.db"
        cut.parent.mkdir()
        for suffix in ("", "-wal"):
            cut.with_name(cut.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    open_file(cut)[0].close()
    with closing(sqlite3.connect(cut.with_name("cpd.db.before-0002"))) as kept:
        assert kept.execute("SELECT value FROM variables WHERE key = 'Last'").fetchall() == [("1",)]


def test_only_the_copies_of_the_newest_updates_stay(path: Path):
    connection, _ = open_file(path)
    for migration in range(7, 12):
        keep_copy_before(path, connection, migration)
    connection.close()
    assert copies(path) == ["cpd.db.before-0010", "cpd.db.before-0011"]
    assert len(copies(path)) == KEPT


def test_a_copy_that_a_power_cut_left_half_done_is_made_anew(path: Path):
    store_of(1, path)
    path.with_name("cpd.db.copying").write_bytes(b"half of a copy")
    open_file(path)[0].close()
    assert copies(path) == ["cpd.db.before-0002"]
    assert copy_for(path, 1) is not None


def test_without_room_for_the_copy_older_ones_give_way_and_then_it_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """No room must not be the end of the charger: it would try again for ever, and never take cars."""
    with tmpfs(tmp_path / "disk") as folder:
        path = folder / "cpd.db"
        store_of(NEWEST - 1, path)
        path.with_name("today.db").unlink()
        with closing(sqlite3.connect(path)) as store, store:
            rows = [(f"Padding{number}", "x" * 900) for number in range(600)]
            store.executemany("INSERT INTO variables (key, value, source) VALUES (?, ?, 'csms')", rows)
        before = path.read_bytes()
        older = path.with_name("cpd.db.before-0001")
        older.write_bytes(before)
        filler = folder / "filler"
        with suppress(OSError):
            filler.write_bytes(bytes(5 << 20))
        # Room to open it, and none for another one of its size.
        os.truncate(filler, filler.stat().st_size - 256 * 1024)
        open_file(path)[0].close()
        assert copies(path) == [f"cpd.db.before-{NEWEST:04}"], "the older one gave way"
        copy = path.with_name(f"cpd.db.before-{NEWEST:04}")
        assert not caplog.records
        copy.unlink()
        path.write_bytes(before)
        with suppress(OSError), filler.open("ab", buffering=0) as more:
            while True:
                more.write(bytes(1 << 12))
        os.truncate(filler, filler.stat().st_size - 256 * 1024)
        connection, damage = open_file(path)
        assert (damage, version_of(connection)) == (None, NEWEST)
        connection.close()
        assert copies(path) == []
        assert "is migrated without a copy" in caplog.text


def updated(path: Path) -> None:
    """A later release has migrated the store, and was in use since."""
    connection, _ = open_file(path)
    connection.execute("PRAGMA synchronous = OFF")
    repositories = SqliteRepositories.over(connection)
    fill(repositories)
    keep_copy_before(path, connection, NEWEST + 1)
    repositories.profiles.remove(repositories.profiles.all()[:1])
    begin(repositories, 100, running=0, ended=2)
    connection.executescript(LATER)
    connection.close()


def test_the_release_that_comes_back_has_what_was_told_since_and_the_rest_as_before_the_update(path: Path):
    updated(path)
    with closing(sqlite3.connect(path)) as store:
        (profiles,) = store.execute("SELECT count(*) FROM profiles").fetchone()
    connection, damage = open_file(path)
    repositories = SqliteRepositories.over(connection)
    assert damage is not None and damage.salvage is not None
    assert {one.local_id for one, _ in repositories.transactions.recent(2)} == {"tx-100", "tx-101"}
    assert len(repositories.profiles.all()) == profiles, "as the later release left them"
    assert repositories.variables.all()["Key0"] == StoredVariable(value="1", source="csms")
    assert set(damage.salvage.older) == {"variables", "audit"}
    assert (damage.salvage.torn, damage.salvage.refused) == ((), 0)
    assert "variables and audit as before the update; that one is" in damage.sentence
    connection.close()


def test_no_session_comes_from_the_copy(path: Path):
    """It may have been told since: twice told, it would be billed twice."""
    updated(path)
    with closing(sqlite3.connect(path)) as store:
        store.executescript("DELETE FROM journal; ALTER TABLE journal RENAME COLUMN kind TO what")
    connection, damage = open_file(path)
    assert damage is not None and damage.salvage is not None
    assert "journal" not in damage.salvage.older
    assert SqliteRepositories.over(connection).journal.entries() == ()
    connection.close()


def test_a_copy_of_another_release_is_not_taken_for_that_of_before(path: Path):
    updated(path)
    copy = path.with_name(f"cpd.db.before-{NEWEST + 1:04}")
    with closing(sqlite3.connect(copy)) as store:
        store.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection, damage = open_file(path)
    assert damage is not None and damage.salvage is not None
    assert damage.salvage.older == ()
    assert set(damage.salvage.torn) == {"variables"}
    connection.close()
