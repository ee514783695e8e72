"""A PN532 on its serial line, byte for byte as NXP UM0701-02 has it, which can be made to misbehave.

Its frames are made here, by the manual and not by the driver's own encoder.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from hal.evse import CardRead
from hal.examination import Finding
from hal.readers.id_format import AS_READ
from hal.readers.pn532 import Pn532
from hal.readers.presenting import CardPresenter
from hal.serving import serving
from tests.hal.simulators.virtual_device import PORT, VirtualDevice, virtual_device
from tests.virtual_time import run_virtual

ANSWER_S = 0.03
CARDS = ("04A31F02B16180", "DEADBEEF")
ACK = bytes.fromhex("0000FF00FF00")
SYNTAX_ERROR = bytes.fromhex("0000FF01FF7F8100")
NOISE = (
    b"\xff\x00\xfe\x00\x00\xff",
    bytes.fromhex("0000FF0FF1D54B0101004400070104A31F02"),  # half a frame
    bytes.fromhex("0000FF0CF4D54B01010004080401020304C500"),  # a wrong checksum
    bytes.fromhex("0000FF0CF3D54B01010004080401020304C400"),  # a wrong complement of the length
    SYNTAX_ERROR,
)
UNASKED = bytes.fromhex("0000FF0CF4D54B01010004080401020304C400")
"""A whole answer with the card 01020304, which is sent while nobody has asked."""


class Chip:
    """What is on the other end of the line; *send* is its transmitter.

    *silent*: it says nothing. *garbles*: each answer has a wrong checksum. *version*: what it says that it is.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._received = bytearray()
        self._answering: asyncio.TimerHandle | None = None
        self._awake = False
        self._few_attempts = False
        self.card: bytes | None = None
        self.silent = False
        self.garbles = False
        self.version = bytes.fromhex("32010607")
        self.commands: list[int] = []

    def lose_power(self) -> None:
        """All that was set is gone."""
        self._awake = self._few_attempts = False
        self._received.clear()
        if self._answering is not None:
            self._answering.cancel()

    def receive(self, data: bytes) -> None:
        """Bytes from the host, in pieces of any size."""
        self._received += data
        if b"\x55" in self._received:
            self._awake = True
        while (start := self._received.find(b"\x00\xff")) >= 0:
            if self._received[start + 2 : start + 4] == b"\x00\xff":
                self._abort()
                del self._received[: start + 4]
                continue
            if len(self._received) < start + 4:
                return
            length = self._received[start + 2]
            end = start + 4 + length + 2
            if len(self._received) < end:
                return
            content = bytes(self._received[start + 4 : end - 2])
            assert (sum(content) + self._received[end - 2]) & 0xFF == 0, "the host's checksum is wrong"
            assert content[0] == 0xD4
            del self._received[:end]
            self._obey(content[1], content[2:])

    def _obey(self, command: int, data: bytes) -> None:
        self.commands.append(command)
        if self.silent or not self._awake:
            return
        self._abort()
        self._send(ACK)
        match command:
            case 0x02:
                self._answer(command, self.version)
            case 0x14:
                self._answer(command)
            case 0x32:
                self._few_attempts = data[:1] == b"\x05" and data[3] < 0xFF
                self._answer(command)
            case 0x4A:
                assert data == b"\x01\x00"
                self._list()
            case _:
                self._send(SYNTAX_ERROR)

    def _list(self) -> None:
        if self.card is not None:
            sens_res = b"\x00\x44" if len(self.card) > 4 else b"\x00\x04"
            target = b"\x01" + sens_res + b"\x08" + bytes([len(self.card)]) + self.card
            self._answer(0x4A, b"\x01" + target)
        elif self._few_attempts:
            self._answer(0x4A, b"\x00")
        # With endless attempts it goes on looking, and says nothing.

    def _answer(self, command: int, data: bytes = b"") -> None:
        content = bytes([0xD5, command + 1]) + data
        length = len(content)
        checksum = -sum(content) & 0xFF
        if self.garbles:
            checksum ^= 0x10
        frame = b"\x00\x00\xff" + bytes([length, 256 - length]) + content + bytes([checksum, 0x00])
        # In two pieces, as a UART hands them on.
        self._answering = asyncio.get_running_loop().call_later(ANSWER_S, self._say, frame[:7], frame[7:])

    def _say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._send(piece)

    def _abort(self) -> None:
        if self._answering is not None:
            self._answering.cancel()


class Rig:
    """A `tests.hal.contract.rig.ReaderRig`."""

    seen_within_s = 0.4
    tags = CARDS

    def __init__(self, device: VirtualDevice, chip: Chip) -> None:
        self.presented: list[CardRead] = []
        self.device = device
        self.chip = chip
        presenter = CardPresenter(self.presented.append, id_format=AS_READ, connector=None)
        self.reader = Pn532(PORT, presenter, open_port=device.open_port)

    def examine(self) -> tuple[Finding, ...]:
        return self.reader.examine()

    def hold(self, card: int) -> None:
        self.chip.card = bytes.fromhex(CARDS[card])

    def take_away(self) -> None:
        self.chip.card = None

    def babble(self) -> None:
        for noise in NOISE:
            self.device.send(noise)

    def plugged(self, plugged: bool) -> None:
        if plugged:
            self.device.plug_in()
        else:
            self.device.pull_out()
            self.chip.lose_power()


run = run_virtual


@asynccontextmanager
async def bench() -> AsyncIterator[Rig]:
    """A chip, and a driver that has not opened it yet."""
    chip = Chip(lambda data: device.send(data))
    with virtual_device(chip.receive) as device:
        yield Rig(device, chip)


@asynccontextmanager
async def reader_rig(_tmp_path: Path | None = None) -> AsyncIterator[Rig]:
    """A driver at its simulator."""
    async with bench() as rig:
        await rig.reader.open()
        async with serving(rig.reader.run()):
            yield rig
        rig.reader.close()
