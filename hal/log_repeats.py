"""Identical log lines, held back: a fault that says the same a thousand times a second fills no SD card.

The first of them is written at once. Of those that follow the last one is, with their number: after 10 s, and while
they keep coming each time after twice as long, up to 10 min.
"""

import logging
from copy import copy
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 10.0
LONGEST_S: Final = 640.0
MOST_LINES: Final = 64
"""Different lines that are remembered at once; of more, the one that was first is settled early."""

_Line = tuple[str, int, str]


@dataclass(slots=True, kw_only=True)
class _Held:
    """One line since its wall time *since*; *last* is the newest of the *count* that were held back."""

    since: float
    window_s: float
    last: logging.LogRecord
    count: int = 0


class Repeats:
    """What of a stream of records is to be written; their texts are complete, without arguments.

    The time is that of the records. A step of the clock, back or forth, ends a window early and no later.
    """

    def __init__(self) -> None:
        self._held: dict[_Line, _Held] = {}

    @property
    def holds(self) -> bool:
        """True while lines are held back."""
        return any(held.count for held in self._held.values())

    def take(self, record: logging.LogRecord) -> list[logging.LogRecord]:
        """The lines that are to be written now that *record* was logged."""
        written = self._due(record.created)
        line = (record.name, record.levelno, str(record.msg))
        held = self._held.get(line)
        if held is not None:
            held.count += 1
            held.last = record
            return written
        if len(self._held) == MOST_LINES:
            written += self._settle(next(iter(self._held)))
        self._held[line] = _Held(since=record.created, window_s=WINDOW_S, last=record)
        return [*written, record]

    def flush(self) -> list[logging.LogRecord]:
        """Whatever is held back, and nothing is remembered."""
        return [record for line in [*self._held] for record in self._settle(line)]

    def _due(self, now: float) -> list[logging.LogRecord]:
        due = [line for line, held in self._held.items() if not 0 <= now - held.since < held.window_s]
        written: list[logging.LogRecord] = []
        for line in due:
            held = self._held[line]
            written += self._settle(line)
            if held.count:
                longer_s = min(2 * held.window_s, LONGEST_S)
                self._held[line] = _Held(since=now, window_s=longer_s, last=held.last)
        return written

    def _settle(self, line: _Line) -> list[logging.LogRecord]:
        held = self._held.pop(line)
        if held.count == 0:
            return []
        last = copy(held.last)
        last.msg = f"{last.msg} [repeated {held.count} times]"
        return [last]
