"""What there is to choose from: boards, meters, readers, and the lines that this machine has for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from hal.errors import DeviceUnavailable
from hal.meters.family import family_of, models

SECTIONS: Final = Path(__file__).parent / "boards"
"""The ready sections of config/boards."""

READERS: Final = ("rdm6300", "pn532", "keyboard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A ready section: *title* in a sentence, *text* in TOML."""

    name: str
    title: str
    text: str

    @property
    def simulated(self) -> bool:
        """True where nothing is wired."""
        return 'backend = "mock"' in self.text

    @property
    def on_serial_line(self) -> bool:
        """True for a controller with a pilot and a contactor of its own."""
        return "[connector.serial]" in self.text


@cache
def boards() -> tuple[Board, ...]:
    """All of them, the simulated one first."""
    found = [_board(file) for file in sorted(SECTIONS.glob("*.toml"))]
    return tuple(sorted(found, key=lambda board: not board.simulated))


def board_of(name: str) -> Board | None:
    """The board called *name*."""
    return next((board for board in boards() if board.name == name), None)


def meter_models() -> tuple[str, ...]:
    """The names of all meters that can be configured."""
    return models()


def delivered_baudrate(model: str) -> int | None:
    """The baudrate that a meter leaves the factory with; None where no such meter is known."""
    try:
        return family_of(model).model(model.lower()).baudrate
    except DeviceUnavailable:
        return None


def serial_ports(root: Path = Path("/")) -> Sequence[str]:
    """The serial lines of this machine, by the names that stay when plugs are changed."""
    patterns = ("dev/serial/by-id/*", "dev/serial[0-9]")
    return [f"/{one.relative_to(root)}" for pattern in patterns for one in sorted(root.glob(pattern))]


def keyboards(root: Path = Path("/")) -> Sequence[str]:
    """The devices that type, as some card readers do."""
    return [f"/{one.relative_to(root)}" for one in sorted(root.glob("dev/input/by-id/*-event-kbd"))]


def _board(file: Path) -> Board:
    text = file.read_text(encoding="utf-8")
    first = text.partition("\n\n")[0].replace("\n#", "").removeprefix("#").strip()
    return Board(name=file.stem, title=first.partition(". ")[0].rstrip("."), text=text)
