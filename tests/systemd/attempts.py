"""What a process of a unit may do: each attempt by name with "done", or what it failed with. It runs in there.

python attempts.py STATE_DIRECTORY FOREIGN_DIRECTORY
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


def called(function: str, *arguments: object) -> Callable[[], None]:
    """A call of the C library, whose failure is an OSError."""

    def call() -> None:
        if getattr(_libc, function)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), function)

    return call


def attempts(own: Path, foreign: Path) -> dict[str, Callable[[], object]]:
    """What is tried, by name."""
    return {
        "open a serial line": lambda: os.close(
            os.open("/dev/ttyS0", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        ),
        "open another device": lambda: os.close(os.open("/dev/fuse", os.O_RDWR)),
        "an internet socket": lambda: socket.socket(socket.AF_INET).close(),
        "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
        "a netlink socket": lambda: socket.socket(socket.AF_NETLINK).close(),
        "write to /etc": lambda: Path("/etc/cpd/attempt").touch(),
        "write to its code": lambda: Path("/opt/cpd/attempt").touch(),
        "write to /var": lambda: Path("/var/attempt").touch(),
        "write to its state": lambda: (own / "attempt").touch(),
        "make a setuid file": lambda: (own / "attempt").chmod(0o4755),
        "read another's state": lambda: list(foreign.iterdir()),
        "read homes": lambda: list(Path("/root").iterdir()),
        "change the kernel's settings": lambda: Path("/proc/sys/kernel/hostname").write_text("attempt"),
        "change cgroups": lambda: Path("/sys/fs/cgroup/attempt").mkdir(),
        "memory to write and execute": lambda: mmap.mmap(
            -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        ).close(),
        "a namespace of its own": called("unshare", 0x1000_0000),
        "mount": called("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        "be another user": lambda: os.setuid(65534),
    }


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:]]
    print(json.dumps({name: outcome(attempt) for name, attempt in attempts(*folders).items()}))
