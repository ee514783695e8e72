"""A serial device for tests on virtual time.

What is written to a pty arrives a moment later in real time, which a clock that jumps would not wait for. A pair of
sockets has it at once, and is to a `SerialLine` what a port is.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hal.errors import DeviceUnavailable

PORT = "/dev/serial/by-id/simulated"


class VirtualDevice:
    """A device that can be plugged in and pulled out; what is written to it is handed to *received*."""

    def __init__(self, received: Callable[[bytes], None] = lambda data: None) -> None:
        self._received = received
        self._plugged = False
        self._far: socket.socket | None = None

    def open_port(self, port: str, baudrate: int) -> socket.socket:
        """A `hal.serial_line.OpenPort`."""
        if not self._plugged:
            raise DeviceUnavailable(port, "no such device", "see what is there: ls /dev/serial/by-id")
        self._hang_up()
        self._far, near = socket.socketpair()
        for end in (self._far, near):
            end.setblocking(False)
        asyncio.get_running_loop().add_reader(self._far, self._read)
        return near

    def plug_in(self) -> None:
        """The device is there."""
        self._plugged = True

    def pull_out(self) -> None:
        """The device is gone."""
        self._plugged = False
        self._hang_up()

    def send(self, data: bytes) -> None:
        """The device says *data*; nobody hears it where no port is open."""
        if self._far is not None:
            self._far.send(data)

    def _read(self) -> None:
        assert self._far is not None
        data = self._far.recv(4_096)
        if data:
            self._received(data)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._far is not None:
            asyncio.get_running_loop().remove_reader(self._far)
            self._far.close()
            self._far = None


@contextmanager
def virtual_device(received: Callable[[bytes], None] = lambda data: None) -> Iterator[VirtualDevice]:
    """A device that is plugged in."""
    device = VirtualDevice(received)
    device.plug_in()
    try:
        yield device
    finally:
        device.pull_out()
