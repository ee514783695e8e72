"""Talks to systemd with nothing but the standard library: how the service is (sd_notify(3)), and its log.

Without NOTIFY_SOCKET, as on a laptop, every notification is without effect.
"""

import logging
import os
import socket
from contextlib import suppress


class Notifier:
    """The datagram socket that systemd gave the service."""

    def __init__(self, address: str | None = None) -> None:
        """*address* as in NOTIFY_SOCKET; a leading @ stands for the abstract namespace."""
        address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def ready(self) -> None:
        """The socket stands and the outlets are safe."""
        self._send("READY=1", waits=True)

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """The service lives."""
        self._send("WATCHDOG=1")

    def _send(self, state: str, *, waits: bool = False) -> None:
        """What systemd cannot take at once is lost, where nobody *waits*: a watchdog is fed again soon.

        Nothing that goes wrong with it may end a guard.
        """
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.setblocking(waits)
            with suppress(OSError):
                notify.connect(self._address)
                notify.sendall(state.encode())


def watchdog_interval_s() -> float | None:
    """Half of WATCHDOG_USEC: how often systemd is to be told that the service lives; None where it does not ask."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 2_000_000 if text.isdigit() and int(text) > 0 else None


_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class _JournalFormatter(logging.Formatter):
    """Lines with the priority prefix that journald parses (sd-daemon(3)); it adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((code for level, code in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def stderr_handler() -> logging.Handler:
    """Sends the log to standard error: with priorities under journald, with the time of day elsewhere."""
    handler = logging.StreamHandler()
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(_JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    return handler


def log_to(handler: logging.Handler) -> None:
    """Make *handler* the one of the whole process, from INFO on."""
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What no line shows need not be found out for each of them (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
