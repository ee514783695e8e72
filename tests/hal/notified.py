"""A stand-in for systemd's end of the notification socket, and of the journal's."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Heard:
    """The datagrams that came."""

    def __init__(self, way: socket.socket, path: Path) -> None:
        self._way = way
        self.path = path

    def now(self) -> list[str]:
        """Those that are there and were not taken yet, in order."""
        found: list[str] = []
        while True:
            try:
                found.append(self._way.recv(1 << 18).decode())
            except BlockingIOError:
                return found

    def fill(self) -> None:
        """Let the socket take nothing more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.setblocking(False)
            way.connect(str(self.path))
            while True:
                try:
                    way.send(b"FULL=1")
                except BlockingIOError:
                    return


@contextmanager
def heard(folder: Path) -> Iterator[Heard]:
    """A datagram socket in *folder* for the length of the body."""
    path = folder / "systemd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
        way.bind(str(path))
        way.setblocking(False)
        yield Heard(way, path)
