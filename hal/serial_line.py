"""A serial line that stays open: bytes in, bytes out, and opened again by itself once its device is back.

It knows no protocol. Everything happens on the loop that opened it, and nothing here waits for the device.
"""

import asyncio
import errno
import logging
import os
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from hal.errors import DeviceUnavailable
from hal.serving import pause

log = logging.getLogger(__name__)

REOPEN_MIN_S = 0.1
REOPEN_MAX_S = 5.0
"""The wait before a lost line is opened again doubles from the one to the other, and starts anew once it held."""

UNSENT_MAX = 4_096
"""Bytes that may wait for the device. One that takes nothing for so long does not answer either."""

_READ_SIZE = 4_096


class Port(Protocol):
    """An open port, non-blocking; a read of nothing means that its device is gone."""

    def fileno(self) -> int: ...

    def close(self) -> None: ...


OpenPort = Callable[[str, int], Port]
"""Opens a port by its path at a baudrate; raises DeviceUnavailable."""


def open_port(port: str, baudrate: int, parity: str = "N") -> Port:
    """A serial port of this machine, 8 data bits, 1 stop bit, no flow control, used by this process alone.

    *parity* is N, E or O. Raises DeviceUnavailable, which says what a person can do.
    """
    with suppress(OSError):
        if is_console(port, Path("/proc/consoles").read_text()):
            raise DeviceUnavailable(
                port, "the console of this machine", "sudo raspi-config: Serial Port, no login shell"
            )
    try:
        from serial import Serial, SerialException
    except ModuleNotFoundError:
        raise DeviceUnavailable(
            port, "the package pyserial is missing", "install it: pip install 'cpd[pi]'"
        ) from None
    try:
        # Without the time between bytes, a read with nothing to read would look like an unplugged device.
        opened: Port = Serial(port, baudrate, parity=parity, timeout=0, inter_byte_timeout=0, exclusive=True)
    except SerialException as error:
        raise DeviceUnavailable(port, *_words_for(port, error.errno)) from error
    except (OSError, termios.error, ValueError) as error:
        raise DeviceUnavailable(port, str(error), "check port and baudrate") from error
    return opened


def is_console(port: str, consoles: str) -> bool:
    """True where the kernel writes its messages to *port*, by *consoles*, the text of /proc/consoles.

    A Raspberry Pi comes so: what it says would be commands to whatever is wired to its pins.
    """
    name = Path(port).resolve().name
    return name in (line.split()[0] for line in consoles.splitlines() if line.strip())


class SerialLine:
    """The line at *port*.

    *received* gets bytes as they come, in pieces of any size. *changed* is told of each opening (True, the first
    one included) and of each loss (False). Both are called on the loop, and may write.
    """

    def __init__(
        self,
        port: str,
        *,
        baudrate: int,
        received: Callable[[bytes], None],
        changed: Callable[[bool], None],
        open_port: OpenPort = open_port,
    ) -> None:
        self.port = port
        self._baudrate = baudrate
        self._received = received
        self._changed = changed
        self._open_port = open_port
        self._handle: Port | None = None
        self._fd = -1
        self._unsent = bytearray()
        self._lost = asyncio.Event()
        self._opened_s = 0.0
        self._trouble: DeviceUnavailable | None = None

    @property
    def is_open(self) -> bool:
        """True while the device is there."""
        return self._handle is not None

    @property
    def trouble(self) -> DeviceUnavailable | None:
        """Why the line is not open; None while it is, and before the first attempt."""
        return self._trouble

    def open(self) -> None:
        """Open the line; without effect where it is open. Raises DeviceUnavailable.

        The running loop serves it from now on. A driver opens it once, so that a wrong configuration stops the
        start, and leaves the rest to `run`.
        """
        if self.is_open:
            return
        try:
            handle = self._open_port(self.port, self._baudrate)
        except DeviceUnavailable as error:
            self._trouble = error
            raise
        loop = asyncio.get_running_loop()
        self._handle, self._fd, self._trouble = handle, handle.fileno(), None
        self._opened_s = loop.time()
        self._lost.clear()
        loop.add_reader(self._fd, self._read)
        self._changed(True)

    async def run(self) -> None:
        """Keep the line open for ever; when cancelled, close it."""
        wait_s = REOPEN_MIN_S
        loop = asyncio.get_running_loop()
        try:
            while True:
                if self.is_open:
                    await self._lost.wait()
                    if loop.time() - self._opened_s >= REOPEN_MAX_S:
                        wait_s = REOPEN_MIN_S
                await pause(wait_s)
                wait_s = min(REOPEN_MAX_S, 2 * wait_s)
                with suppress(DeviceUnavailable):
                    self.open()
                    log.info("serial line back port=%s", self.port)
        finally:
            self.close()

    def write(self, data: bytes) -> bool:
        """Send *data* as soon as the device takes it; False, with nothing sent, while the line is not open.

        A device that leaves `UNSENT_MAX` bytes untaken is lost.
        """
        if not self.is_open:
            return False
        if len(self._unsent) + len(data) > UNSENT_MAX:
            self._lose("takes no bytes")
            return False
        idle = not self._unsent
        self._unsent += data
        if idle:
            self._send()
        return self.is_open

    def close(self) -> None:
        """Close the line once and for all; what the kernel could not take yet is not sent."""
        self._release(taking=not self._unsent)

    def _release(self, *, taking: bool) -> None:
        if self._handle is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        if not taking:
            # The kernel would wait for such a device, for up to 30 s, and the loop with it.
            with suppress(termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
        with suppress(OSError):
            self._handle.close()
        self._handle, self._fd = None, -1
        self._unsent.clear()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(os.strerror(error.errno or errno.EIO))
            return
        if data:
            self._received(data)
        else:
            self._lose("was unplugged")

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(os.strerror(error.errno or errno.EIO))
            return
        del self._unsent[:sent]
        if self._unsent:
            loop.add_writer(self._fd, self._send)
        else:
            loop.remove_writer(self._fd)

    def _lose(self, reason: str) -> None:
        log.warning("serial line lost port=%s reason=%s", self.port, reason)
        self._release(taking=False)
        self._trouble = DeviceUnavailable(self.port, reason, "check its cable")
        self._lost.set()
        self._changed(False)


def _words_for(port: str, number: int | None) -> tuple[str, str]:
    """Reason and next step for a port that cannot be opened."""
    match number:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return "no such device", "see what is there: ls /dev/serial/by-id"
        case errno.EACCES | errno.EPERM:
            return "no permission", "add the user of the service to the group dialout"
        case errno.EBUSY | errno.EAGAIN:
            return "used by another program", f"find and stop it: sudo fuser -v {port}"
        case None:
            return "no serial device", "see what is there: ls /dev/serial/by-id"
        case _:
            return os.strerror(number), "check its cable"
