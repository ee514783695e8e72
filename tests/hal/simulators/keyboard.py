"""A USB reader that types like a keyboard, as the kernel's input device shows it."""

import asyncio
import errno
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hal.evse import CardRead
from hal.examination import Finding
from hal.readers.id_format import AS_READ
from hal.readers.keyboard import Keyboard
from hal.readers.presenting import CardPresenter
from hal.serving import serving
from tests.virtual_time import run_virtual

PORT = "/dev/input/by-id/usb-simulated-event-kbd"
CARDS = ("0012345678", "04A31F02B16180")
AGAIN_S = 0.5
"""The reader types a card that stays there once more after so long."""

EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
KEYS = {character: 2 + place for place, character in enumerate("1234567890")}
KEYS |= {"A": 30, "B": 48, "C": 46, "D": 32, "E": 18, "F": 33, "\n": 28}
KEYPAD = {"0": 82, "1": 79, "7": 71, "\n": 96}
SHIFT = 42


@dataclass(frozen=True)
class Event:
    """A `hal.readers.keyboard.InputEvent`."""

    type: int
    code: int
    value: int


class Device:
    """A `hal.readers.keyboard.InputDevice`; *grabbed* by its driver, unless somebody else did before."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._far, self._near = os.pipe2(os.O_NONBLOCK)
        self.plugged = True
        self.taken = False
        self.grabbed = False

    def fileno(self) -> int:
        return self._far

    def grab(self) -> None:
        if self.taken:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.grabbed = True

    def read(self) -> Iterator[Event]:
        if not self.plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        os.read(self._far, 4_096)
        while self._events:
            yield self._events.popleft()

    def close(self) -> None:
        os.close(self._far)
        os.close(self._near)

    def press(self, key: int) -> None:
        """One key goes down and comes up."""
        for value in (1, 0):
            self._events += (Event(EV_KEY, key, value), Event(EV_SYN, 0, 0))
        os.write(self._near, b"!")

    def drop(self) -> None:
        """The kernel had to throw events away."""
        self._events.append(Event(EV_SYN, SYN_DROPPED, 0))
        os.write(self._near, b"!")

    def pull_out(self) -> None:
        self.plugged = False
        os.write(self._near, b"!")


class Rig:
    """A `tests.hal.contract.rig.ReaderRig`."""

    seen_within_s = 0.1
    tags = CARDS

    def __init__(self) -> None:
        self.presented: list[CardRead] = []
        self.device: Device | None = None
        self.there = True
        self.taken = False
        self._again: asyncio.TimerHandle | None = None
        presenter = CardPresenter(self.presented.append, id_format=AS_READ, connector=None)
        self.reader = Keyboard(PORT, presenter, open_input=self.open_input)

    def open_input(self, port: str) -> Device:
        """What the kernel does for the driver."""
        if not self.there:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), port)
        self.device = Device()
        self.device.taken = self.taken
        return self.device

    def examine(self) -> tuple[Finding, ...]:
        return self.reader.examine()

    def type(self, text: str, keys: dict[str, int] = KEYS) -> None:
        """The reader types *text*."""
        assert self.device is not None
        for character in text:
            self.device.press(keys[character])

    def hold(self, card: int) -> None:
        self.take_away()
        self.type(CARDS[card] + "\n")
        self._again = asyncio.get_running_loop().call_later(AGAIN_S, self.hold, card)

    def take_away(self) -> None:
        if self._again is not None:
            self._again.cancel()

    def babble(self) -> None:
        self.type("\n\n04A31")
        assert self.device is not None
        self.device.press(SHIFT)

    def plugged(self, plugged: bool) -> None:
        self.there = plugged
        if not plugged and self.device is not None:
            self.take_away()
            self.device.pull_out()


run = run_virtual


@asynccontextmanager
async def reader_rig(_tmp_path: Path | None = None) -> AsyncIterator[Rig]:
    """A driver at its simulator."""
    rig = Rig()
    await rig.reader.open()
    async with serving(rig.reader.run()):
        yield rig
    rig.take_away()
    rig.reader.close()
