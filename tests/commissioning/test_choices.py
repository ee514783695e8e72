"""What can be chosen: the ready sections, also once cpd is installed, and the lines that a machine has."""

import tomllib
from pathlib import Path

from cpd.commissioning.choices import (
    SECTIONS,
    boards,
    delivered_baudrate,
    keyboards,
    meter_models,
    serial_ports,
)

ROOT = Path(__file__).parents[2]


def test_every_ready_section_can_be_chosen_and_the_simulated_one_comes_first() -> None:
    names = [board.name for board in boards()]
    assert names[0] == "mock"
    assert sorted(names) == sorted(file.stem for file in (ROOT / "config/boards").glob("*.toml"))


def test_every_ready_section_has_a_title_of_one_short_sentence() -> None:
    assert [
        board.name for board in boards() if not 10 <= len(board.title) <= 110 or "\n" in board.title
    ] == []


def test_the_ready_sections_go_into_the_package() -> None:
    """Without a second copy of them: the package has config/boards itself."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    (pattern,) = data["cpd.commissioning"]
    package = ROOT / "cpd/commissioning"
    assert {file.name for file in package.glob(pattern)} == {f"{board.name}.toml" for board in boards()}
    assert SECTIONS.resolve() == (ROOT / "config/boards").resolve()


def test_lines_are_told_by_the_names_that_stay(tmp_path: Path) -> None:
    for name in (
        "serial/by-id/usb-B",
        "serial/by-id/usb-A",
        "serial0",
        "ttyUSB0",
        "input/by-id/usb-R-event-kbd",
    ):
        (tmp_path / "dev" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev" / name).touch()
    assert serial_ports(tmp_path) == ["/dev/serial/by-id/usb-A", "/dev/serial/by-id/usb-B", "/dev/serial0"]
    assert keyboards(tmp_path) == ["/dev/input/by-id/usb-R-event-kbd"]


def test_every_meter_has_the_speed_that_it_is_delivered_with() -> None:
    assert [model for model in meter_models() if delivered_baudrate(model) is None] == []
    assert delivered_baudrate("no-such-meter") is None
