"""The log on a thread of its own: who logs never waits for the terminal, the journal or a full pipe."""

import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hal.realtime import SERVICE_PRIORITY, prepare_thread
from hal.systemd import log_to, stderr_handler

BACKLOG = 10_000
"""Lines that may wait. Behind a pipe that nobody reads later ones are lost, and the next that fits tells of it."""

CLOSE_WITHIN_S = 2.0
"""A process whose log nobody reads ends without its last lines."""

_Lines = queue.Queue[logging.LogRecord | None]


@contextmanager
def logging_on_a_thread() -> Iterator[threading.Thread]:
    """Send the log to standard error from a thread; at the end what waits is written.

    Where the thread still lives after that, nobody reads the log, and an orderly end of the process would wait for
    them for ever.
    """
    lines: _Lines = queue.Queue(BACKLOG)
    log_to(_Queued(lines))
    writer = threading.Thread(target=_write, args=(lines, stderr_handler()), name="hal-log", daemon=True)
    writer.start()
    try:
        yield writer
    finally:
        with suppress(queue.Full):
            lines.put_nowait(None)
            writer.join(CLOSE_WITHIN_S)


def _write(lines: _Lines, handler: logging.Handler) -> None:
    prepare_thread(SERVICE_PRIORITY)
    while (record := lines.get()) is not None:
        handler.handle(record)


class _Queued(logging.handlers.QueueHandler):
    """Puts each line into the queue, with its text complete, or counts it as lost."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__(lines)
        # Nothing but the text: what it is preceded by is the business of the handler behind.
        self.setFormatter(logging.Formatter("%(message)s"))
        self._lines = lines
        self._lost = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._lost:
            record.msg = f"{record.msg} [{self._lost} lines before this one are lost]"
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self._lost += 1
        else:
            self._lost = 0
