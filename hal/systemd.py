"""How the service is, told to systemd (sd_notify(3)).

By systemd-python where that is installed, else by the standard library. Without NOTIFY_SOCKET, as on a laptop, every
notification is without effect; nothing that goes wrong with one ends a charger.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import cast


class Notifier:
    """The datagram socket that systemd gave the service."""

    def __init__(self, address: str | None = None, *, may_wait: bool = True) -> None:
        """*address* as in NOTIFY_SOCKET; a leading @ stands for the abstract namespace.

        Not *may_wait*: never by systemd-python, which waits while systemd is busy. Otherwise what cannot be taken at
        once is lost, but for `ready`: a watchdog is fed again soon.
        """
        address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._may_wait = may_wait

    @property
    def heard(self) -> bool:
        """True where somebody is told."""
        return bool(self._address)

    def ready(self) -> None:
        """The socket stands and the outlets are safe."""
        self._send("READY=1", waits=True)

    def reloading(self, monotonic_s: float) -> None:
        """The configuration is read again, as of *monotonic_s*; `ready` tells its end."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_s * 1_000_000)}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def status(self, line: str) -> None:
        """How the service is, in one line for people (systemctl status)."""
        self._send(f"STATUS={line}")

    def watchdog(self) -> None:
        """The service works."""
        self._send("WATCHDOG=1")

    def _send(self, state: str, *, waits: bool = False) -> None:
        if not self._address:
            return
        notify = _library() if self._may_wait else None
        with suppress(OSError):
            if notify is None or not notify(state):
                _send_natively(state, self._address, waits=waits)


def watchdog_s_asked() -> float | None:
    """WATCHDOG_USEC in seconds: after so long without a word systemd kills the service; None where it never does."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1_000_000 if text.isdigit() and int(text) > 0 else None


@cache
def _library() -> Callable[[str], bool] | None:
    """sd_notify of systemd-python, which waits where systemd is busy; None where it is not installed."""
    try:
        from systemd.daemon import notify
    except ImportError:
        return None
    return cast(Callable[[str], bool], notify)


def _send_natively(state: str, address: str, *, waits: bool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
        way.setblocking(waits)
        way.connect(address)
        way.sendall(state.encode())
