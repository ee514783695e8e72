"""An RDM6300 reader for 125 kHz cards, byte for byte, and what a long cable makes of it.

It is a written list of bytes, not a user of the driver's parser: what a reader sends is looked up in its datasheet.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hal.evse import CardRead
from hal.examination import Finding
from hal.readers.id_format import AS_READ
from hal.readers.presenting import CardPresenter
from hal.readers.rdm6300 import Rdm6300
from hal.serving import serving
from tests.hal.simulators.virtual_device import PORT, VirtualDevice, virtual_device
from tests.virtual_time import run_virtual

REPEAT_S = 0.05
CARDS = ("3000E2F442", "0F00A1B2C3")
RDM6300 = {"3000E2F442": b"\x023000E2F44264\x03", "0F00A1B2C3": b"\x020F00A1B2C3DF\x03"}
ID12 = {"3000E2F442": b"\x023000E2F44264\r\n\x03", "0F00A1B2C3": b"\x020F00A1B2C3DF\r\n\x03"}
"""Each card's frame as the one and as the other reader sends it."""

NOISE = (
    b"\xff\x00\xfe",
    b"\x023000E2F44265\x03",  # a wrong checksum
    b"\x023000E2F442",  # half a frame
    b"\x023000E2G44264\x03",  # no digit
    b"\x0230\x023000\x03\x03",
    b"3000E2F44264\x03",  # no beginning
)


class Reader:
    """The reader with at most one card on it, which it tells again and again."""

    def __init__(self, device: VirtualDevice, frames: dict[str, bytes] = RDM6300) -> None:
        self._device = device
        self._frames = frames
        self._card: str | None = None
        self._repeating: asyncio.TimerHandle | None = None

    def hold(self, card: str | None) -> None:
        """*card* is at the reader from now on; None: no card."""
        if self._repeating is not None:
            self._repeating.cancel()
        self._card = card
        self._tell()

    def _tell(self) -> None:
        if self._card is not None:
            self._device.send(self._frames[self._card])
            self._repeating = asyncio.get_running_loop().call_later(REPEAT_S, self._tell)


class Rig:
    """A `tests.hal.contract.rig.ReaderRig`."""

    seen_within_s = 0.1
    tags = CARDS

    def __init__(self, device: VirtualDevice) -> None:
        self.presented: list[CardRead] = []
        self.device = device
        self.simulated = Reader(device)
        presenter = CardPresenter(self.presented.append, id_format=AS_READ, connector=None)
        self.reader = Rdm6300(PORT, presenter, open_port=device.open_port)

    def examine(self) -> tuple[Finding, ...]:
        return self.reader.examine()

    def hold(self, card: int) -> None:
        self.simulated.hold(CARDS[card])

    def take_away(self) -> None:
        self.simulated.hold(None)

    def babble(self) -> None:
        for noise in NOISE:
            self.device.send(noise)

    def plugged(self, plugged: bool) -> None:
        if plugged:
            self.device.plug_in()
        else:
            self.device.pull_out()


run = run_virtual


@asynccontextmanager
async def reader_rig(_tmp_path: Path) -> AsyncIterator[Rig]:
    """A driver at its simulator."""
    with virtual_device() as device:
        rig = Rig(device)
        await rig.reader.open()
        async with serving(rig.reader.run()):
            yield rig
        rig.take_away()
