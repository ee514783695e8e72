"""Where the log goes: to the journal with its fields, else to standard error.

To the journal by systemd-python where that is installed, else by the journal's own protocol, which the standard
library speaks. Both may wait for the disk: who must not logs on a thread (`hal.logging_thread`).
"""

import logging
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hal.log_fields import fields_of

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")

MOST_BYTES = 48 * 1024
"""Of a longer text the beginning goes to the journal: one datagram takes no more without special permission."""

Send = Callable[[dict[str, str]], None]
"""Hands one entry to the journal, by field; raises OSError."""

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def reaches_journal() -> bool:
    """True where standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    with suppress(OSError):
        state = os.fstat(sys.stderr.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{state.st_dev}:{state.st_ino}"
    return False


def log_handler(identifier: str, *, journal: Path = JOURNAL_SOCKET) -> logging.Handler:
    """To the journal as *identifier* where standard error leads there, else to standard error."""
    if not reaches_journal():
        return stderr_handler()
    return JournalHandler(identifier, journal_sender(journal))


def stderr_handler() -> logging.Handler:
    """Sends the log to standard error, with the time of day."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    return handler


def journal_sender(journal: Path = JOURNAL_SOCKET) -> Send:
    """The way to the journal: systemd-python's where it is installed, else over the socket *journal*."""
    try:
        from systemd.journal import sendv
    except ImportError:
        return lambda entry: _send_natively(entry, journal)
    return lambda entry: sendv(*(f"{name}={value}" for name, value in entry.items()))


class JournalHandler(logging.Handler):
    """One entry for each record. What the journal does not take goes to standard error, which it reads as well."""

    def __init__(self, identifier: str, send: Send) -> None:
        super().__init__()
        self._identifier = identifier
        self._send = send
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._emit(record)
        # The boundary of every handler in logging: what is wrong with a line is told, and the next one is sent.
        except Exception:
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        text = _sendable(self.format(record)).encode()[:MOST_BYTES].decode(errors="ignore")
        priority = next((code for level, code in _PRIORITIES if record.levelno >= level), 7)
        entry = {
            "MESSAGE": text,
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": self._identifier,
            "CPD_LOGGER": record.name,
            **{name: _sendable(value) for name, value in fields_of(record).items()},
        }
        try:
            self._send(entry)
        except OSError:
            # sd-daemon(3): journald takes the priority from the beginning of each line.
            lines = "".join(f"<{priority}>{line}\n" for line in text.splitlines())
            with suppress(OSError, ValueError):
                sys.stderr.write(lines)
                sys.stderr.flush()


def log_to(handler: logging.Handler) -> None:
    """Make *handler* the one of the whole process, from INFO on."""
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What no line shows need not be found out for each of them (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None


def _sendable(text: str) -> str:
    """*text* with a question mark for each half of a character, which UTF-8 does not have."""
    return text.encode(errors="replace").decode()


def _send_natively(entry: dict[str, str], journal: Path) -> None:
    """The native protocol of systemd-journald: a value of several lines goes with its length (64 bits)."""
    parts: list[bytes] = []
    for name, value in entry.items():
        data = value.encode()
        if b"\n" in data:
            parts += [name.encode(), b"\n", struct.pack("<Q", len(data)), data, b"\n"]
        else:
            parts += [name.encode(), b"=", data, b"\n"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
        way.sendto(b"".join(parts), str(journal))
