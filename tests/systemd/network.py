"""A network of its own for a machine: only the loopback interface, and whoever the test lets listen there."""

import ctypes
import os
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """It outlives the machines in it, as a street outlives a power cut."""

    def __init__(self) -> None:
        """Raises OSError where this process may not make one."""
        self.fd = _in_a_thread(_made)

    def listener(self, port: int) -> socket.socket:
        """A socket of this process that listens on *port* of the loopback interface in there; 0 takes a free one."""

        def listen() -> socket.socket:
            _checked(_libc.setns(self.fd, _CLONE_NEWNET))
            return socket.create_server(("127.0.0.1", port))

        return _in_a_thread(listen)

    def close(self) -> None:
        """Give it up; it ends with the last process in it."""
        os.close(self.fd)


def _made() -> int:
    _checked(_libc.unshare(_CLONE_NEWNET))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return os.open(Path("/proc/thread-self/ns/net"), os.O_RDONLY | os.O_CLOEXEC)


def _in_a_thread(job: Callable[[], T]) -> T:
    """Run *job* on a thread that ends with it: a network belongs to a thread, and that one's is changed."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(job).result()


def _checked(status: int) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
