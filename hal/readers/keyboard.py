"""The USB readers that type each card's number as a keyboard would, through the evdev package where it is installed.

The device is grabbed: nobody else gets its keys, no console and no login prompt.
"""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from hal.errors import DeviceUnavailable
from hal.examination import Finding
from hal.readers.findings import lost, working
from hal.readers.keys import TypedCards
from hal.readers.presenting import CardPresenter
from hal.serving import pause

log = logging.getLogger(__name__)

REOPEN_MIN_S, REOPEN_MAX_S = 0.1, 5.0

_KEY_EVENT = 0x01
"""EV_KEY of linux/input-event-codes.h."""

_DROPPED = (0x00, 3)
"""EV_SYN with SYN_DROPPED: the kernel keeps few more events than one card makes, and has thrown some away."""

_LOOK = "see what is there: ls /dev/input/by-id"


class InputEvent(Protocol):
    """An event as the kernel tells it: *type* 1 is a key, *value* 1 its going down."""

    @property
    def type(self) -> int: ...
    @property
    def code(self) -> int: ...
    @property
    def value(self) -> int: ...


class InputDevice(Protocol):
    """An open input device, non-blocking."""

    def fileno(self) -> int: ...
    def grab(self) -> None: ...
    def read(self) -> Iterable[InputEvent]: ...
    def close(self) -> None: ...


def open_input(port: str) -> InputDevice:
    """The input device at *port*. Raises OSError, and DeviceUnavailable where evdev is missing."""
    try:
        from evdev import InputDevice as EvdevDevice
    except ModuleNotFoundError:
        raise DeviceUnavailable(
            port, "the package evdev is missing", "install it: pip install 'cpd[keyboard]'"
        ) from None
    opened: InputDevice = EvdevDevice(port)
    return opened


class Keyboard:
    """A `hal.board.CardReader` at the input device *port*.

    What it types is the card's bytes where it can be: an even number of hexadecimal digits. Anything else is sent as
    it is typed.
    """

    def __init__(
        self,
        port: str,
        presenter: CardPresenter,
        *,
        open_input: Callable[[str], InputDevice] = open_input,
    ) -> None:
        self._port = port
        self._presenter = presenter
        self._open_input = open_input
        self._cards = TypedCards()
        self._device: InputDevice | None = None
        self._lost = asyncio.Event()
        self._trouble: DeviceUnavailable | None = None

    @property
    def connector(self) -> int | None:
        """Whose reader this is; None: everybody's."""
        return self._presenter.connector

    async def open(self) -> None:
        """Open and grab the device. Raises DeviceUnavailable."""
        self._open()

    async def run(self) -> None:
        """Read cards for ever, and open the device again where it is lost."""
        wait_s = REOPEN_MIN_S
        while True:
            if self._device is not None:
                await self._lost.wait()
                wait_s = REOPEN_MIN_S
            await pause(wait_s)
            wait_s = min(REOPEN_MAX_S, 2 * wait_s)
            with suppress(DeviceUnavailable):
                self._open()
                log.info("reader back port=%s", self._port)

    def close(self) -> None:
        """Release the device."""
        if self._device is not None:
            asyncio.get_running_loop().remove_reader(self._device.fileno())
            self._device.close()
            self._device = None

    def online(self) -> bool:
        """True while the device is there."""
        return self._device is not None

    def examine(self) -> tuple[Finding, ...]:
        """Whether the device is there."""
        if self._trouble is not None:
            return (lost(self.connector, self._trouble),)
        return (working(self.connector, f"grabbed, {self._presenter.seen_ago}"),)

    def _open(self) -> None:
        try:
            device = self._open_input(self._port)
            try:
                device.grab()
            except OSError:
                device.close()
                raise
        except OSError as error:
            self._trouble = _unavailable(self._port, error.errno)
            raise self._trouble from error
        self._device, self._trouble = device, None
        self._cards = TypedCards()
        self._lost.clear()
        asyncio.get_running_loop().add_reader(device.fileno(), self._read)

    def _read(self) -> None:
        if self._device is None:
            return
        now_s = asyncio.get_running_loop().time()
        try:
            for event in self._device.read():
                if (event.type, event.code) == _DROPPED:
                    self._cards.lose()
                elif event.type == _KEY_EVENT:
                    self._see(self._cards.feed(event.code, event.value, now_s))
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("reader lost port=%s", self._port)
            self.close()
            self._trouble = _unavailable(self._port, error.errno)
            self._lost.set()

    def _see(self, typed: str | None) -> None:
        if typed is None:
            return
        uid = _bytes_of(typed)
        if uid is None:
            self._presenter.see_name(typed)
        else:
            self._presenter.see(uid)


def _bytes_of(typed: str) -> bytes | None:
    with suppress(ValueError):
        uid = bytes.fromhex(typed)
        if 1 <= len(uid) <= 10:
            return uid
    return None


def _unavailable(port: str, number: int | None) -> DeviceUnavailable:
    match number:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return DeviceUnavailable(port, "no such device", _LOOK)
        case errno.EACCES | errno.EPERM:
            return DeviceUnavailable(port, "no permission", "add the user of the service to the group input")
        case errno.EBUSY:
            return DeviceUnavailable(
                port, "used by another program", f"find and stop it: sudo fuser -v {port}"
            )
        case errno.ENOTTY | errno.EINVAL:
            return DeviceUnavailable(port, "no input device", _LOOK)
        case _:
            return DeviceUnavailable(port, os.strerror(number or errno.EIO), _LOOK)
