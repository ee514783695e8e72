"""`cpd bundle`: a new file, or none."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from cpd.cli.main import main
from cpd.domain.diagnostics import Window
from tests.cli.test_main import daemon
from tests.cli.test_main import path as path
from tests.control.fake_target import NOW

NAME = "cpd-CP-0042-20261122T082600Z.tar.gz"


@pytest.fixture
def folder(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is given."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_without_a_name_it_is_called_by_the_charger_and_the_time(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(path):
        assert main(["bundle"]) == 0
    assert names(folder) == [NAME]
    assert (folder / NAME).read_bytes() == b"a bundle"
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert NAME in capsys.readouterr().out


@pytest.mark.parametrize(("given", "file"), [("mine.tgz", "mine.tgz"), (".", NAME)])
def test_it_goes_where_it_is_told_to(path: Path, folder: Path, given: str, file: str) -> None:
    with daemon(path):
        assert main(["bundle", given]) == 0
    assert names(folder) == [file]


def test_json_tells_where_it_is_without_its_content(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(path):
        assert main(["bundle", "mine.tgz", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "schema": "cpd.bundle/1",
        "name": NAME,
        "size_bytes": 8,
        "parts": ["log.txt"],
        "file": "mine.tgz",
    }
    assert captured.err == ""


@pytest.mark.parametrize("given", [["mine.tgz"], []])
def test_nothing_is_overwritten(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    for file in ("mine.tgz", NAME):
        (folder / file).write_text("precious")
    with daemon(path):
        assert main(["bundle", *given]) == 5
    assert "is there already" in capsys.readouterr().err.replace("\n  ", " ")
    assert {(folder / file).read_text() for file in names(folder)} == {"precious"}


def test_a_folder_that_is_not_there_is_named(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(path):
        assert main(["bundle", "nowhere/mine.tgz"]) == 2
    assert "nowhere/mine.tgz" in capsys.readouterr().err


def test_hours_bound_what_is_in_it(path: Path, folder: Path) -> None:
    with daemon(path) as target:
        assert main(["bundle", "--hours", "24"]) == 0
        assert target.acts == [("bundle", Window(start_at=NOW - timedelta(hours=24)))]
