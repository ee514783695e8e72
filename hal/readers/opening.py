"""Open the configured card readers: which kind is which driver, and nothing else."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hal.board import CardReader
from hal.evse import CardRead
from hal.examination import Finding
from hal.readers.id_format import AS_READ, IdFormat
from hal.readers.presenting import CardPresenter
from hal.serving import serving


class ReaderKind(StrEnum):
    """The readers that can be driven."""

    RDM6300 = "rdm6300"
    PN532 = "pn532"
    KEYBOARD = "keyboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderConfig:
    """A reader at *port*, of *connector* or (None) of all; *baudrate* None: that of its kind."""

    kind: ReaderKind
    port: str
    baudrate: int | None = None
    connector: int | None = None
    id_format: IdFormat = AS_READ


class Reader(CardReader, Protocol):
    """A reader as it is opened, served and looked at."""

    @property
    def connector(self) -> int | None:
        """Whose reader this is; None: everybody's."""

    async def open(self) -> None:
        """Open the device and see that it is the one that is configured. Raises DeviceUnavailable."""

    async def run(self) -> None:
        """Read cards for ever. A device that is lost is opened again as soon as it is back."""

    def close(self) -> None:
        """Release the device."""

    def examine(self) -> tuple[Finding, ...]:
        """What `cpd doctor` shows."""


@asynccontextmanager
async def open_readers(
    configs: Sequence[ReaderConfig], presented: Callable[[CardRead], None]
) -> AsyncIterator[tuple[Reader, ...]]:
    """The readers of *configs*, served on the running loop; *presented* is told there of each swipe, once.

    Raises DeviceUnavailable for the first that cannot be opened.
    """
    with ExitStack() as opened:
        readers = tuple(_reader_of(config, presented) for config in configs)
        for reader in readers:
            opened.callback(reader.close)
            await reader.open()
        async with serving(*(reader.run() for reader in readers)):
            yield readers


def reader_for(readers: Sequence[Reader], connector: int) -> Reader | None:
    """The reader whose loss concerns *connector*: its own, else the first that serves all; None: there is none."""
    return min(
        (reader for reader in readers if reader.connector in (connector, None)),
        key=lambda reader: reader.connector is None,
        default=None,
    )


def _reader_of(config: ReaderConfig, presented: Callable[[CardRead], None]) -> Reader:
    presenter = CardPresenter(presented, id_format=config.id_format, connector=config.connector)
    match config.kind:
        case ReaderKind.RDM6300:
            from hal.readers import rdm6300

            baudrate = config.baudrate or rdm6300.BAUDRATE
            return rdm6300.Rdm6300(config.port, presenter, baudrate=baudrate)
        case ReaderKind.PN532:
            from hal.readers import pn532

            return pn532.Pn532(config.port, presenter, baudrate=config.baudrate or pn532.BAUDRATE)
        case ReaderKind.KEYBOARD:
            from hal.readers import keyboard

            return keyboard.Keyboard(config.port, presenter)
