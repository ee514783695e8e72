"""A serial device at the far end of a pty, which can be pulled out and put back like a USB plug."""

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class PluggedDevice:
    """The plug of a device: *port* is where it appears, and what is written there is handed to *received*."""

    def __init__(self, port: Path, received: Callable[[bytes], None] = lambda data: None) -> None:
        self.port = port
        self._received = received
        self._far = self._near = -1

    @property
    def plugged(self) -> bool:
        return self._far >= 0

    def plug_in(self) -> None:
        """The device is there."""
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        os.set_blocking(self._far, False)
        self.port.symlink_to(os.ttyname(self._near))
        asyncio.get_running_loop().add_reader(self._far, self._read)

    def pull_out(self) -> None:
        """The device is gone, and its port with it."""
        if not self.plugged:
            return
        asyncio.get_running_loop().remove_reader(self._far)
        os.close(self._far)
        os.close(self._near)
        self._far = self._near = -1
        self.port.unlink()

    def send(self, data: bytes) -> None:
        """The device says *data*."""
        if self.plugged:
            os.write(self._far, data)

    def deafen(self) -> None:
        """From now on the device takes nothing."""
        asyncio.get_running_loop().remove_reader(self._far)

    def _read(self) -> None:
        self._received(os.read(self._far, 4_096))


@contextmanager
def plugged(port: Path, received: Callable[[bytes], None] = lambda data: None) -> Iterator[PluggedDevice]:
    """A device that is plugged in at *port*."""
    device = PluggedDevice(port, received)
    device.plug_in()
    try:
        yield device
    finally:
        device.pull_out()
