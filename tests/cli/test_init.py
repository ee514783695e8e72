"""`cpd init` in a script: what it takes, what it refuses, and what it leaves alone."""

from pathlib import Path

import pytest

from cpd.cli.main import main
from tests.process.charger import PROGRAM, run_cpd

PASSWORD = "a-password-of-16"


def names(folder: Path) -> list[str]:
    """What is in *folder*."""
    return sorted(one.name for one in folder.iterdir())


def test_a_script_that_gives_too_little_is_told_the_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), "--id", "CP9", "--yes"]) == 2
    assert "give --url, --board" in " ".join(capsys.readouterr().err.split())
    assert names(tmp_path) == []


async def test_a_closed_standard_input_is_nobody_to_ask(tmp_path: Path) -> None:
    without_input = ("sh", "-c", '"$@" <&-', "sh", *PROGRAM)
    closed = await run_cpd("init", "--config", tmp_path / "cpd.toml", program=without_input)
    assert (closed.status, "--id, --url, --board" in closed.stderr) == (2, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--id", "", "--url", "-"), "--id: This value is not allowed. Allowed: text of 1 … 255 characters."),
        (
            ("--id", "a", "--url", "h"),
            "--url: This is not the address of a central system. Allowed: ws://… or",
        ),
        (("--id", "a:b", "--url", "ws://h/", "--password-file", "SECRET"), "station.id cannot have a colon"),
        (("--id", "a", "--url", "-", "--max-current", "90"), "--max-current: This value is not allowed."),
        (("--id", "a", "--url", "-", "--board", "openevse", "--meter", "sdm63"), 'Did you mean "sdm630"?'),
        (
            ("--id", "a", "--url", "-", "--board", "raspberry-pi-socket", "--connectors", "2"),
            "pins of one outlet",
        ),
        (("--id", "a", "--url", "-", "--board", "openevse", "--reader", "nfc"), "There is no reader 'nfc'"),
        (
            ("--id", "a", "--url", "-", "--board", "simpleevse", "--connectors", "2", "--port", "/dev/a"),
            "--port",
        ),
    ],
)
def test_a_wrong_option_is_told_in_the_words_of_config_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], words: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    board = () if "--board" in given else ("--board", "mock")
    options = [str(secret) if one == "SECRET" else one for one in given]
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), *options, *board, "--yes"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in " ".join(told.err.split())
    assert names(tmp_path) == ["secret"]


def test_what_is_there_is_replaced_only_when_that_is_said_and_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text("# mine\n")
    given = ["init", "--config", str(file), "--id", "CP9", "--url", "-", "--board", "mock", "--no-checks"]
    assert main(given) == 2
    assert "--yes replaces it" in " ".join(capsys.readouterr().err.split())
    assert main([*given, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert file.read_text() == "# mine\n"
    assert main([*given, "--yes"]) == 0
    assert file.read_text() == shown.removesuffix("\n")
    assert (tmp_path / "cpd.toml.bak").read_text() == "# mine\n"


def test_what_is_next_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cpd.toml"
    given = (
        "--id",
        "CP9",
        "--url",
        "-",
        "--board",
        "openevse",
        "--port",
        "/dev/serial0",
        "--no-checks",
        "--yes",
    )
    assert main(["init", "--config", str(file), *given]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"python -m hal --config {file} & → cpd run --config {file}" in told
    assert "config/safety.md before anything is energised" in told


def test_a_place_where_it_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cpd.toml").mkdir()
    given = ("--id", "CP9", "--url", "-", "--board", "mock", "--no-checks", "--yes")
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), *given]) == 2
    assert "cannot be written" in " ".join(capsys.readouterr().err.split())
