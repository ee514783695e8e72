"""Messages that the CSMS asked for with TriggerMessage, sent after its request was answered (OCPP 1.6 §5.17)."""

import logging
from collections.abc import Awaitable, Callable

from cpd.ocpp.calls import CallFailed
from cpd.station.signal import Signal

log = logging.getLogger(__name__)


class TriggeredMessages:
    """Each message with its connector (None: all) in the order asked."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int | None], None] = {}
        self._was_asked = Signal()

    def ask(self, message: str, connector: int | None) -> None:
        """Asked twice before it was sent, a message goes once: a flood of triggers costs nothing."""
        self._asked[message, connector] = None
        self._was_asked.fire()

    async def run(self, send: Callable[[str, int | None], Awaitable[None]]) -> None:
        """*send* what is asked for, for ever; it may raise `CallFailed`."""
        while True:
            while not self._asked:
                await self._was_asked.wait()
            message, connector = next(iter(self._asked))
            del self._asked[message, connector]
            try:
                await send(message, connector)
            except CallFailed as error:
                log.warning("triggered message=%s not answered: %s", message, error)
