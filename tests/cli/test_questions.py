"""What `cpd init` asks for wired hardware: what this machine has is offered by number, and judged at once."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cpd.cli.given import Given
from cpd.cli.questions import Questions
from cpd.cli.terminal import Terminal, columns_of
from cpd.commissioning.draft import Answers, Device

LINES = ("/dev/serial/by-id/usb-A", "/dev/serial/by-id/usb-B")
KEYBOARD = "/dev/input/by-id/usb-R-event-kbd"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with two serial lines and a reader that types."""
    for device in (*LINES, KEYBOARD):
        (tmp_path / device.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / device.lstrip("/")).touch()
    return tmp_path


def answered(machine: Path, given: Given, *typed: str) -> tuple[Answers, str]:
    """The answers of who types *typed*, line by line, and what was shown."""
    held: list[Answers] = []

    @click.command()
    def asked() -> None:
        questions = Questions(given, Terminal(width=40), asks=True, root=machine)
        held.append(questions.answers(machine / "none.toml"))

    result = CliRunner().invoke(asked, input="".join(f"{line}\n" for line in typed))
    assert result.exception is None, result.output
    return held[0], result.output


def test_lines_are_chosen_by_their_numbers(machine: Path) -> None:
    given = Given(station_id="CP9", url="-", board="openevse")
    typed = ("1", "16", "1", "sdm120", "2", "keyboard", "1")
    answers, shown = answered(machine, given, *typed)
    assert answers.ports == (LINES[0],)
    assert answers.meter == Device(kind="sdm120", port=LINES[1])
    assert answers.reader == Device(kind="keyboard", port=KEYBOARD)
    assert [line for line in shown.splitlines() if columns_of(line) > 40] == []


def test_the_one_line_that_is_left_is_proposed_for_the_meter(machine: Path) -> None:
    given = Given(station_id="CP9", url="-", board="simpleevse", ports=(LINES[0],))
    answers, _ = answered(machine, given, "", "", "sdm630", "", "-")
    assert answers.meter == Device(kind="sdm630", port=LINES[1])
    assert answers.reader is None


def test_one_line_for_two_kinds_of_device_is_refused_at_once(machine: Path) -> None:
    given = Given(station_id="CP9", url="-", board="openevse", reader="-")
    answers, shown = answered(machine, given, "1", "16", "1", "sdm120", "1", "2")
    assert "This line belongs to connector 1" in " ".join(shown.split())
    assert answers.meter == Device(kind="sdm120", port=LINES[1])


def test_a_meter_that_nobody_knows_is_asked_for_again(machine: Path) -> None:
    given = Given(station_id="CP9", url="-", board="raspberry-pi-socket", reader="-")
    answers, shown = answered(machine, given, "32", "sdm63", "sdm630", "1")
    assert 'Did you mean "sdm630"?' in " ".join(shown.split())
    assert answers.meter == Device(kind="sdm630", port=LINES[0])


def test_a_board_is_never_chosen_by_pressing_enter(machine: Path) -> None:
    answers, shown = answered(machine, Given(station_id="CP9", url="-"), "", "", "1", "", "")
    assert answers.board.name == "mock"
    assert shown.count("Board: ") == 3
