"""Cards and starts that wait for their decision: one after the other, in the order in which they came."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cpd.domain.authorization import shortened
from hal.evse import CardRead

log = logging.getLogger(__name__)

QUEUED_REQUESTS = 16
"""Cards and starts that may wait while one is being decided on; further ones are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """A start on *connector* (None: whichever is plugged in first); *with_profile*: one is held for it."""

    id_tag: str
    connector: int | None
    with_profile: bool


class Requests:
    """What is undecided: the one that is being decided on, and those behind it."""

    def __init__(self) -> None:
        self._waiting: deque[CardRead | StartRequest] = deque()
        self._deciding: CardRead | StartRequest | None = None

    def put(self, request: CardRead | StartRequest) -> bool:
        """Add *request* at the end; False where too many wait already."""
        if len(self._waiting) >= QUEUED_REQUESTS:
            log.warning("id_tag=%s dropped, %d wait already", shortened(request.id_tag), QUEUED_REQUESTS)
            return False
        self._waiting.append(request)
        return True

    @property
    def wait(self) -> bool:
        """True while there is one to be decided on."""
        return bool(self._waiting)

    @contextmanager
    def first(self) -> Iterator[CardRead | StartRequest]:
        """The oldest that waits; it is undecided until this ends."""
        self._deciding = self._waiting.popleft()
        try:
            yield self._deciding
        finally:
            self._deciding = None

    def concern(self, connector: int) -> bool:
        """True where one may be for *connector*."""
        return any(one.connector in (None, connector) for one in self._undecided)

    @property
    def starts(self) -> list[StartRequest]:
        """The starts, which were accepted as far as whoever asked knows."""
        return [one for one in self._undecided if isinstance(one, StartRequest)]

    @property
    def _undecided(self) -> list[CardRead | StartRequest]:
        return [*([] if self._deciding is None else [self._deciding]), *self._waiting]
