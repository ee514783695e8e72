"""The control socket as a file; see `hal.unix_socket`, which does the same for the guard's."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cpd.errors import CpdError
from hal.errors import SocketUnavailable
from hal.unix_socket import SocketName
from hal.unix_socket import listening as listening_at

CONTROL_SOCKET = SocketName(name="control socket", program="cpd", setting="[control] socket", group="cpd")


class ControlSocketError(CpdError):
    """The control socket cannot be opened; the text says why, and what to do."""


@contextmanager
def listening(path: Path, *, group: str = CONTROL_SOCKET.group) -> Iterator[socket.socket]:
    """The listening control socket at *path*, removed at the end. Raises `ControlSocketError`."""
    try:
        with listening_at(path, replace(CONTROL_SOCKET, group=group)) as listener:
            yield listener
    except SocketUnavailable as error:
        raise ControlSocketError(str(error)) from error
