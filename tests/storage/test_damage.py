"""Stores damaged at random: a start never fails for it, nothing is lost silently, and what can be read is saved."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cpd.domain.transactions import FactKind
from cpd.errors import StorageError
from cpd.storage.database import Database
from cpd.storage.opening import open_file
from cpd.storage.replacement import Damage, finish_replacement, set_aside
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.schema import migrate, released
from tests.storage.damage import (
    DAMAGES,
    ENDED,
    LISTED,
    PAGE_BYTES,
    PROFILES,
    RUNNING,
    StoreFiles,
    busy_store,
    counted,
)
from tests.storage.values import NOON, moment, transaction


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> StoreFiles:
    return busy_store(tmp_path_factory.mktemp("busy"))


def opened(path: Path) -> tuple[dict[str, int], Damage | None]:
    """Open the store, use it as a daemon does, and close it; returns the rows that it opened with."""
    connection, damage = open_file(path)
    with closing(connection):
        rows = counted(connection)
        repositories = SqliteRepositories.over(connection)
        repositories.transactions.running()
        repositories.transactions.recent(100)
        repositories.journal.entries()
        repositories.profiles.all()
        repositories.variables.all()
        listed = [repositories.local_list.get(one.id_tag) for one in LISTED.tags]
        whole = [one.info for one in LISTED.tags], LISTED.version
        assert (listed, repositories.local_list.version()) in (whole, ([None] * len(listed), 0))
        repositories.transactions.prune(NOON - timedelta(days=1))
        repositories.transactions.put(transaction("new", order=repositories.transactions.next_order()))
        repositories.journal.append(FactKind.STARTED, "new", moment())
    return rows, damage


def content_of(path: Path) -> dict[str, bytes]:
    """A store's files that hold facts, by what is added to the name."""
    found = {suffix: path.with_name(path.name + suffix) for suffix in ("", "-wal")}
    return {
        suffix: file.read_bytes() for suffix, file in found.items() if file.exists() and file.stat().st_size
    }


def survive(files: StoreFiles, path: Path) -> Damage | None:
    """Start on damaged files twice; returns what the first start said of the damage."""
    files.write(path)
    before = content_of(path)
    rows, damage = opened(path)
    if damage is not None and damage.salvage is None:
        # The store goes on without the end of its log, a copy of which is kept.
        assert content_of(damage.kept_as)["-wal"] == before["-wal"]
    elif damage is not None:
        assert content_of(damage.kept_as) == before, "the damaged store is kept to the byte"
        assert damage.salvage is not None
        assert damage.salvage.rows == sum(rows.values()) - rows["quarantine"]
    _, again = opened(path)
    assert again is None, "the second start finds nothing wrong"
    return damage


@pytest.mark.timeout(1_800)
def test_a_start_survives_any_damage_and_keeps_what_was_damaged(
    busy: StoreFiles,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    counts: Counter[str] = Counter()
    for seed in range(1_000 if request.config.getoption("torture") else 20):
        chance = random.Random(seed)
        kind = DAMAGES[seed % len(DAMAGES)]
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            damage = survive(kind(busy, chance), folder / "cpd.db")
        except StorageError as refusal:
            # A damaged version number cannot be told from something else's, where the tables cannot be read.
            assert "not one of cpd's" in str(refusal), f"seed {seed}: {refusal}"
            counts["refused"] += 1
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}, {kind.__name__}") from error
        counts["nothing noticed" if damage is None else "damage found"] += 1
        if damage is not None and damage.salvage is not None:
            counts["rows salvaged"] += damage.salvage.rows
            counts["rows set aside"] += damage.salvage.refused
    for what, count in counts.items():
        record_property(f"damaged stores: {what}", count)
    assert counts["damage found"] > counts["refused"]


def test_a_damaged_page_costs_the_rows_that_are_on_it(busy: StoreFiles, tmp_path: Path) -> None:
    path = tmp_path / "sound.db"
    busy.write(path)
    rows, damage = opened(path)
    assert damage is None
    total = sum(rows.values())
    shares = []
    for page in range(1, len(busy.database) // PAGE_BYTES + 1):
        start = (page - 1) * PAGE_BYTES
        database = busy.database[:start] + bytes(PAGE_BYTES) + busy.database[start + PAGE_BYTES :]
        path = tmp_path / f"{page}.db"
        StoreFiles(database=database, log=busy.log).write(path)
        rows, _ = opened(path)
        shares.append((sum(rows.values()) - rows["quarantine"]) / total)
    # The pages that name other pages are few, and what is behind them cannot be found without them.
    assert sum(shares) / len(shares) > 0.9
    assert sorted(shares)[len(shares) // 20] > 0.5


def page_of(busy: StoreFiles, folder: Path, text: bytes) -> int:
    """Where the page begins that has *text* on it."""
    return busy.database.index(text) // PAGE_BYTES * PAGE_BYTES


@pytest.fixture
def without_header(busy: StoreFiles, tmp_path: Path) -> Path:
    path = tmp_path / "cpd.db"
    StoreFiles(database=bytes(PAGE_BYTES) + busy.database[PAGE_BYTES:], log=b"").write(path)
    return path


def test_without_its_first_page_a_store_still_tells_its_sessions_and_profiles(without_header: Path) -> None:
    connection, damage = open_file(without_header)
    with closing(connection):
        kept = SqliteRepositories.over(connection)
        assert len(kept.transactions.recent(100)) == ENDED + RUNNING - 1
        assert len(kept.profiles.all()) == PROFILES
        assert len(kept.variables.all()) == 10
    assert damage is not None and damage.salvage is not None
    assert damage.salvage.torn == ()


@pytest.fixture
def journal_root(busy: StoreFiles, tmp_path: Path) -> int:
    """Where the page begins that every reading of the journal goes through."""
    path = tmp_path / "look.db"
    StoreFiles(database=busy.database, log=b"").write(path)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'journal'").fetchone()
    return (int(page) - 1) * PAGE_BYTES


def test_a_lost_journal_is_made_anew_from_the_transactions(
    busy: StoreFiles, tmp_path: Path, journal_root: int
) -> None:
    path = tmp_path / "cpd.db"
    database = busy.database[:journal_root] + bytes(PAGE_BYTES) + busy.database[journal_root + PAGE_BYTES :]
    StoreFiles(database=database, log=b"").write(path)
    connection, damage = open_file(path)
    with closing(connection):
        journal = SqliteRepositories.over(connection).journal
        waiting = [(entry.kind, entry.transaction.order) for entry in journal.entries(dead=False)]
        dead = [(entry.kind, entry.transaction.order) for entry in journal.entries(dead=True)]
    untold = range(2, ENDED + RUNNING, 2)
    assert {order for kind, order in waiting if kind is FactKind.STARTED} == set(untold)
    assert {order for kind, order in waiting if kind is FactKind.STOPPED} == set(range(2, ENDED + 1, 2))
    assert all(
        waiting.index((FactKind.STARTED, order)) < waiting.index((FactKind.STOPPED, order))
        for order in range(2, ENDED, 2)
    )
    # The others have a number of the CSMS: their starts were told, and their stops may have been.
    assert dead == [(FactKind.STOPPED, order) for order in range(1, ENDED + 1, 2)]
    assert damage is not None and damage.salvage is not None
    assert damage.salvage.torn == ("journal",)


def test_a_start_whose_entry_is_unreadable_goes_before_what_followed_it(
    busy: StoreFiles, tmp_path: Path
) -> None:
    path = tmp_path / "cpd.db"
    busy.write(path)
    connection, _ = open_file(path)
    connection.execute("UPDATE journal SET kind = 'stxrted' WHERE local_id = 'tx-4' AND kind = 'started'")
    connection.close()
    # Something else is damaged as well, so that the store is salvaged.
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE audit", b"CREATE TABLE au \xa3t", 1))
    connection, damage = open_file(path)
    with closing(connection):
        entries = SqliteRepositories.over(connection).journal.entries(dead=False)
        told = [(entry.kind.value, entry.transaction.order) for entry in entries]
    assert damage is not None
    assert [kind for kind, order in told if order == 4] == ["started", "metered", "stopped"]
    assert [order for kind, order in told if kind == "started"][:3] == [2, 4, 6]


@pytest.mark.parametrize("version", [0, 1])
def test_a_damaged_version_number_is_damage(busy: StoreFiles, tmp_path: Path, version: int) -> None:
    sound, path = tmp_path / "sound.db", tmp_path / "cpd.db"
    sound.write_bytes(busy.database)
    database = busy.database[:60] + version.to_bytes(4) + busy.database[64:]
    damage = survive(StoreFiles(database=database, log=b""), path)
    assert damage is not None and damage.salvage is not None
    assert damage.salvage.rows == sum(opened(sound)[0].values())


def test_a_damaged_store_of_an_earlier_release_is_salvaged_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA page_size = 1024")
        migrate(old, released()[:1])
        for number in range(200):
            old.execute("INSERT INTO variables VALUES (?, '1', 'csms')", (f"Key{number}",))
    content = bytearray(path.read_bytes())
    page = content.rindex(b"Key150") // PAGE_BYTES * PAGE_BYTES
    content[page : page + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(content)
    rows, damage = opened(path)
    assert damage is not None
    assert 100 < rows["variables"] < 200
    assert rows.keys() == opened(tmp_path / "new.db")[0].keys()


def test_a_row_number_that_cannot_be_does_not_use_up_the_others(busy: StoreFiles, tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    busy.write(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute(
            "UPDATE journal SET seq = 9223372036854775807 WHERE seq = (SELECT max(seq) FROM journal)"
        )
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE audit", b"CREATE TABLE au \xa3t", 1))
    rows, damage = opened(path)
    assert damage is not None
    assert rows["quarantine"] == 1
    _, again = opened(path)
    assert again is None


def test_a_cut_in_the_log_is_reported_and_a_copy_kept(busy: StoreFiles, tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    middle = 32 + (len(busy.log) - 32) // (PAGE_BYTES + 24) // 2 * (PAGE_BYTES + 24)
    log = busy.log[:middle] + bytes(200) + busy.log[middle + 200 :]
    damage = survive(StoreFiles(database=busy.database, log=log), path)
    assert damage is not None and damage.salvage is None


def test_what_an_earlier_round_left_in_the_log_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    connection, _ = open_file(path)
    connection.execute("PRAGMA journal_size_limit = -1")
    for number in range(60):
        connection.execute(
            "INSERT INTO audit VALUES (?, 0, 'stop', ?, 'boot', 0, NULL)", (number + 1, "x" * 900)
        )
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("DELETE FROM audit WHERE id = 1")
    files = StoreFiles(database=path.read_bytes(), log=path.with_name("cpd.db-wal").read_bytes())
    connection.close()
    assert survive(files, tmp_path / "cut.db") is None


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 8192, b"not a database at all" * 100], ids=["empty", "zeros", "text"]
)
def test_a_file_that_holds_no_store_is_followed_by_an_empty_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cpd.db"
    path.write_bytes(content)
    rows, damage = opened(path)
    assert set(rows.values()) == {0}
    assert (damage is None) == (content == b"")


@pytest.mark.parametrize("log", [b"garbage" * 700, b"\0" * 5000, b"x"], ids=["garbage", "zeros", "one byte"])
def test_garbage_beside_a_sound_store_costs_nothing(busy: StoreFiles, tmp_path: Path, log: bytes) -> None:
    path = tmp_path / "cpd.db"
    StoreFiles(database=busy.database, log=log).write(path)
    path.with_name("cpd.db-shm").write_bytes(log)
    rows, _ = opened(path)
    assert rows["transactions"] == ENDED + RUNNING - 1


@pytest.mark.parametrize(
    "after", ["the new store is complete", "the log is set aside", "the store is set aside"]
)
def test_a_power_cut_while_a_store_is_replaced_loses_nothing(
    busy: StoreFiles, tmp_path: Path, after: str
) -> None:
    """The steps are those of `replace_damaged`; the new store is told from the old one by its one key."""
    path = tmp_path / "cpd.db"
    new = tmp_path / "cpd.db.salvaged"
    connection, _ = open_file(new)
    connection.execute("INSERT INTO variables VALUES ('New', '1', 'csms')")
    connection.close()
    damaged = StoreFiles(database=b"damaged", log=b"its log")
    damaged.write(path)
    if after == "the log is set aside":
        path.with_name("cpd.db-wal").rename(tmp_path / "cpd.db.damaged-1-wal")
    elif after == "the store is set aside":
        set_aside(path)
    connection, _ = open_file(path)
    with closing(connection):
        assert set(SqliteRepositories.over(connection).variables.all()) == {"New"}
    assert content_of(tmp_path / "cpd.db.damaged-1") == {"": b"damaged", "-wal": b"its log"}
    assert not new.exists()


async def test_a_damaged_store_behind_a_link_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cpd.db").write_bytes(b"not a database at all" * 100)
    (tmp_path / "cpd.db").symlink_to(tmp_path / "data" / "cpd.db")
    async with Database.open(tmp_path / "cpd.db") as store:
        assert store.damage is not None
        assert store.damage.kept_as == tmp_path / "data" / "cpd.db.damaged-1"
    assert (tmp_path / "cpd.db").is_symlink()


def test_a_new_store_that_was_not_complete_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    path.write_bytes(b"damaged")
    for suffix in (".salvaging", ".salvaging-wal"):
        path.with_name(path.name + suffix).write_bytes(b"half")
    finish_replacement(path)
    assert [file.name for file in tmp_path.iterdir()] == ["cpd.db"]


def test_nothing_of_a_store_is_for_the_eyes_of_others(busy: StoreFiles, tmp_path: Path) -> None:
    path = tmp_path / "cpd.db"
    for files in (
        StoreFiles(database=busy.database, log=busy.log[:60] + bytes(50) + busy.log[110:]),
        StoreFiles(database=bytes(2_000) + busy.database[2_000:], log=b""),
    ):
        files.write(path)
        for file in tmp_path.iterdir():
            file.chmod(0o600)
        opened(path)
    assert len(list(tmp_path.glob("cpd.db.damaged-*"))) >= 2
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
