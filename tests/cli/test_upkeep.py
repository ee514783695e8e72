"""`cpd backup`, `cpd restore` and `cpd factory-reset` where no daemon runs: what they refuse, and what they leave."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from cpd.belonging import machine_identity
from cpd.cli.main import main
from cpd.settings import load_settings
from cpd.station.repositories import KnownMachine
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from cpd.upkeep.backup_file import unpacked
from cpd.upkeep.store import UpkeepRefused, reset_to_factory
from tests.process.test_sick_disk import tmpfs
from tests.storage.damage import begin

CONFIGURATION = """
[station]
id = "{station}"
[store]
path = "cpd.db"
[control]
socket = "run/cpd.sock"
[hal]
state_dir = "hal"
[[connector]]
id = 1
"""
ID_TAG = b"04A3B2C1"

KILLED_BY_LARGE_FILES = """
import resource, signal, sys
from cpd.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
main(sys.argv[1:])
"""
"""A program that a write to the middle of a file ends, as a power cut would."""

Command = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A charger that is stopped, with a session that the CSMS knows and one that it was not told of."""
    return stopped_charger(tmp_path / "one", ended=2)


def stopped_charger(folder: Path, *, station: str = "CP-0042", ended: int = 0, running: int = 0) -> Path:
    (folder / "hal").mkdir(parents=True)
    (folder / "cpd.toml").write_text(CONFIGURATION.format(station=station))
    with closing(open_file(folder / "cpd.db")[0]) as store:
        begin(SqliteRepositories.over(store), 1, running=running, ended=ended)
    return folder


def run(folder: Path, *arguments: str | Path) -> int:
    return main([*map(str, arguments), "--config", str(folder / "cpd.toml")])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def files(folder: Path) -> dict[str, bytes]:
    """What is kept in *folder*; SQLite makes the files beside a store whenever it is read."""
    every = (one for one in folder.rglob("*") if one.is_file())
    return {one.name: one.read_bytes() for one in every if not one.name.endswith(("-shm", "-wal", ".lock"))}


@pytest.fixture
def backup(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A backup of the charger in `folder`."""
    file = folder.parent / "CP-0042.backup"
    assert run(folder, "backup", file) == 0
    capsys.readouterr()
    return file


def test_a_backup_is_for_its_owner_alone_and_names_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "backup", folder.parent, "--json") == 0
    document = told(capsys)
    file = Path(document["file"])
    assert file.parent == folder.parent
    assert file.name.startswith("cpd-CP-0042-2")
    assert file.stat().st_mode & 0o777 == 0o600
    made = unpacked(file.read_bytes())
    assert (made.station_id, made.configuration) == ("CP-0042", (folder / "cpd.toml").read_bytes())


def test_a_backup_replaces_no_file(folder: Path, backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = backup.read_bytes()
    assert run(folder, "backup", backup) == 5
    assert backup.read_bytes() == before


@pytest.mark.parametrize("command", ["restore", "factory-reset"])
def test_nobody_is_there_to_be_asked(folder: Path, backup: Path, command: str) -> None:
    before = files(folder)
    assert run(folder, command, *([backup] if command == "restore" else [])) == 2
    assert files(folder) == before


@pytest.mark.parametrize("command", ["restore", "factory-reset --drop-journal"])
def test_a_dry_run_changes_nothing(
    folder: Path, backup: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert (
        run(folder, *command.split(), *([backup] if command == "restore" else []), "--dry-run", "--json") == 0
    )
    assert not told(capsys)["done"]
    assert files(folder) == before


@pytest.mark.parametrize("command", ["restore", "factory-reset --drop-journal"])
def test_a_session_that_is_open_is_ended_first(
    tmp_path: Path, backup: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    charging = stopped_charger(tmp_path / "charging", running=1)
    before = files(charging)
    assert run(charging, *command.split(), *([backup] if command == "restore" else []), "--yes") == 5
    words = " ".join(capsys.readouterr().err.split())
    assert "the session on 1 is open" in words
    assert "cpd stop 1" in words
    assert files(charging) == before


@pytest.mark.parametrize("begun_on", ["here", "elsewhere"])
def test_a_session_that_another_machine_has_open_is_not_for_a_copied_card_to_end(
    tmp_path: Path, begun_on: str
) -> None:
    charging = stopped_charger(tmp_path / "charging", running=1)
    machine = charging / "machine/etc/machine-id"
    machine.parent.mkdir(parents=True)
    machine.write_text("another" if begun_on == "elsewhere" else "this")
    known = machine_identity(charging / "machine")
    assert known is not None
    machine.write_text("this")
    with closing(open_file(charging / "cpd.db")[0]) as store:
        repositories = SqliteRepositories.over(store)
        repositories.machine.put(KnownMachine(identity=known, station_id="CP-0042"))
    settings = load_settings(charging / "cpd.toml")

    def reset(*, drop: bool) -> None:
        reset_to_factory(
            settings, keep_journal=False, drop_journal=drop, dry_run=False, root=charging / "machine"
        )

    with pytest.raises(UpkeepRefused, match="is open"):
        reset(drop=False)
    with nullcontext() if begun_on == "elsewhere" else pytest.raises(UpkeepRefused, match="is open"):
        reset(drop=True)


@pytest.mark.parametrize("length", [0, 20, -200])
def test_a_file_that_is_no_whole_backup_changes_nothing(
    folder: Path, backup: Path, length: int, capsys: pytest.CaptureFixture[str]
) -> None:
    backup.write_bytes(backup.read_bytes()[:length])
    before = files(folder)
    assert run(folder, "restore", backup, "--yes") == 2
    assert "is no backup of cpd" in " ".join(capsys.readouterr().err.split())
    assert files(folder) == before


def test_the_store_of_before_stays_beside_the_restored_one(
    folder: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        assert run(folder, "restore", backup, "--yes", "--json") == 0
        assert told(capsys)["kept_as"] == str(folder / f"cpd.db.replaced-{number}")
        assert ID_TAG in (folder / f"cpd.db.replaced-{number}").read_bytes()


def test_a_restore_that_is_killed_while_it_copies_the_store_leaves_no_half_of_it(
    folder: Path, backup: Path
) -> None:
    with closing(sqlite3.connect(folder / "cpd.db")) as store, store:
        rows = [(f"Padding{number}", "x" * 900) for number in range(400)]
        store.executemany("INSERT INTO variables (key, value, source) VALUES (?, ?, 'csms')", rows)
    arguments = ["restore", str(backup), "--yes", "--config", str(folder / "cpd.toml")]
    killed = subprocess.run([sys.executable, "-c", KILLED_BY_LARGE_FILES, *arguments], capture_output=True)
    assert killed.returncode == -signal.SIGXFSZ, killed.stderr
    assert not list(folder.glob("*replaced*"))
    assert run(folder, "restore", backup, "--yes") == 0
    assert set(files(folder)) == {"cpd.toml", "cpd.db", "cpd.db.replaced-1"}


def test_the_backup_of_another_charge_point_is_named_as_such(
    tmp_path: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = stopped_charger(tmp_path / "other", station="CP-0043")
    assert run(other, "restore", backup, "--yes") == 0
    assert "it is that of CP-0042: settings only, no sessions" in " ".join(capsys.readouterr().out.split())


def test_latched_faults_come_back_where_the_guard_has_kept_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latches, file = folder / "hal/latches.json", folder / "backup"
    latches.write_bytes(b"welded")
    assert run(folder, "backup", file) == 0
    latches.write_bytes(b"of today")
    capsys.readouterr()
    assert run(folder, "restore", file, "--yes", "--json") == 0
    assert (told(capsys)["latches"], latches.read_bytes()) == (False, b"of today")
    latches.unlink()
    assert run(folder, "restore", file, "--yes", "--json") == 0
    assert (told(capsys)["latches"], latches.read_bytes()) == (True, b"welded")


def test_a_factory_reset_waits_for_what_the_csms_was_not_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert run(folder, "factory-reset", "--yes") == 5
    words = " ".join(capsys.readouterr().err.split())
    assert "3 messages of sessions have not reached the CSMS" in words
    assert "--keep-journal" in words
    assert files(folder) == before
    assert run(folder, "factory-reset", "--yes", "--keep-journal", "--drop-journal") == 2
    assert files(folder) == before
    assert run(folder, "factory-reset", "--yes", "--keep-journal", "--json") == 0
    document = told(capsys)
    assert (document["rows"]["transactions"], document["messages"]) == (1, 3)


def test_where_only_dead_letters_wait_the_next_step_is_to_send_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(folder / "cpd.db")) as store, store:
        store.execute("UPDATE journal SET dead = 1")
    assert run(folder, "factory-reset", "--yes") == 5
    words = " ".join(capsys.readouterr().err.split())
    assert "cpd queue retry" in words
    assert "let cpd deliver" not in words


def test_latched_faults_that_cannot_be_written_are_told_in_words(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latches, file = folder / "hal/latches.json", folder / "backup"
    latches.write_bytes(b"welded")
    assert run(folder, "backup", file) == 0
    latches.unlink()
    (folder / "hal/latches.json.restoring").mkdir()
    assert run(folder, "restore", file, "--yes") == 1
    assert "the store is restored" in " ".join(capsys.readouterr().err.split())


def test_a_factory_reset_leaves_no_copy_and_no_latch_out(folder: Path, backup: Path) -> None:
    assert run(folder, "restore", backup, "--yes") == 0
    (folder / "firmware").write_bytes(b"half of it")
    (folder / "frames").mkdir()
    (folder / "frames/1").write_bytes(ID_TAG)
    (folder / "run").mkdir()
    (folder / "run/frames.jsonl").write_bytes(ID_TAG)
    (folder / "hal/latches.json").write_bytes(b"welded")
    assert run(folder, "factory-reset", "--yes", "--drop-journal") == 0
    left = files(folder)
    assert set(left) == {"cpd.toml", "cpd.db", "latches.json"}
    assert ID_TAG not in left["cpd.db"]


def test_a_disk_that_its_copies_fill_can_be_reset(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk") as disk:
        full = stopped_charger(disk / "one", ended=20)
        copy = full / "cpd.db.damaged-1"
        with suppress(OSError):
            copy.write_bytes(bytes(5 << 20))
        # Room to open the store, which is read from its log, and none for a row.
        os.truncate(copy, copy.stat().st_size - 48 * 1024)
        assert run(full, "factory-reset", "--yes", "--drop-journal") == 0
        assert not copy.exists()


def test_without_a_directory_for_the_store_the_next_step_is_named(
    tmp_path: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = stopped_charger(tmp_path / "fresh")
    (fresh / "cpd.toml").write_text(
        CONFIGURATION.format(station="CP-0042").replace("cpd.db", "nowhere/cpd.db")
    )
    for command in (["backup"], ["restore", backup, "--yes"], ["factory-reset", "--yes"]):
        assert run(fresh, *command) == 5
        assert "start cpd once" in " ".join(capsys.readouterr().err.split())
