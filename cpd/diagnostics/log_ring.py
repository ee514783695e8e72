"""The last lines of the daemon's own log, in memory: for a bundle where no journal is kept, and beside it."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MAX_LINES: Final = 5_000
MAX_CHARACTERS: Final = 1 << 19


class LogRing(logging.Handler):
    """Keeps the newest lines, at most `MAX_LINES` and `MAX_CHARACTERS` of them, by the clock *monotonic_s*.

    Wall time would not do: the system's may be wrong, and be known better later.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._lines: deque[tuple[float, str]] = deque()
        self._characters = 0
        self.setFormatter(logging.Formatter("%(levelname)-7s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._lines.append((self._monotonic_s(), line))
        self._characters += len(line)
        while len(self._lines) > MAX_LINES or self._characters > MAX_CHARACTERS:
            self._characters -= len(self._lines.popleft()[1])

    def lines(self) -> list[tuple[float, str]]:
        """Each line with the instant at which it was logged; oldest first."""
        return list(self._lines)


@contextmanager
def recorded_log(monotonic_s: Callable[[], float]) -> Iterator[LogRing]:
    """What is logged until the body ends."""
    ring = LogRing(monotonic_s)
    root = logging.getLogger()
    root.addHandler(ring)
    try:
        yield ring
    finally:
        root.removeHandler(ring)
