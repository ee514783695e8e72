"""The log on a thread of its own: who logs never waits for the terminal, the journal or a full pipe."""

import logging
import logging.handlers
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from hal.journal import log_handler, log_to, reaches_journal
from hal.log_fields import FIELDS, fields_of
from hal.log_repeats import WINDOW_S, Repeats

BACKLOG = 10_000
"""Lines that may wait. Behind a pipe that nobody reads later ones are lost, and the next that fits tells of it."""

CLOSE_WITHIN_S = 2.0
"""A process whose log nobody reads ends without its last lines."""

_Lines = queue.Queue[logging.LogRecord | None]


@contextmanager
def logging_on_a_thread(
    identifier: str, prepare: Callable[[], None] = lambda: None
) -> Iterator[threading.Thread]:
    """Write the log from a thread, as `log_handler` says; *prepare* is called on it first.

    At the end what waits is written. Where the thread still lives after that, nobody reads the log, and an orderly
    end of the process would wait for them for ever. Into the journal identical lines go once, with their number.
    """
    lines: _Lines = queue.Queue(BACKLOG)
    log_to(_Queued(lines))
    write = _write_once if reaches_journal() else _write

    def run() -> None:
        prepare()
        write(lines, log_handler(identifier))

    writer = threading.Thread(target=run, name="log", daemon=True)
    writer.start()
    try:
        yield writer
    finally:
        with suppress(queue.Full):
            lines.put_nowait(None)
            writer.join(CLOSE_WITHIN_S)


def _write(lines: _Lines, handler: logging.Handler) -> None:
    while (record := lines.get()) is not None:
        handler.handle(record)


def _write_once(lines: _Lines, handler: logging.Handler) -> None:
    repeats = Repeats()
    while True:
        try:
            record = lines.get(timeout=WINDOW_S if repeats.holds else None)
        except queue.Empty:
            written = repeats.flush()
        else:
            written = repeats.flush() if record is None else repeats.take(record)
            if record is None:
                break
        for one in written:
            handler.handle(one)
    for one in written:
        handler.handle(one)


class _Queued(logging.handlers.QueueHandler):
    """Puts each line into the queue, with its text complete, or counts it as lost."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__(lines)
        # Nothing but the text: what it is preceded by is the business of the handler behind.
        self.setFormatter(logging.Formatter("%(message)s"))
        self._lines = lines
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        fields = fields_of(record)
        prepared: logging.LogRecord = super().prepare(record)
        setattr(prepared, FIELDS, fields)
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._lost:
            record.msg = f"{record.msg} [{self._lost} lines before this one are lost]"
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self._lost += 1
        else:
            self._lost = 0
