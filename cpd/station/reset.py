"""A restart that somebody asked for (OCPP 1.6 §5.14); whoever runs the station carries it out."""

import asyncio
import logging
from enum import StrEnum

from cpd.domain.transactions import StopReason

log = logging.getLogger(__name__)


class ResetKind(StrEnum):
    """What restarts (OCPP 1.6 §7.40 ResetType): the daemon's own state, or the whole charger."""

    SOFT = "Soft"
    HARD = "Hard"

    @property
    def stop_reason(self) -> StopReason:
        """Why the transactions end that it meets."""
        return StopReason.SOFT_RESET if self is ResetKind.SOFT else StopReason.HARD_RESET


class Reset:
    """The wish to restart; of two kinds the harder one counts."""

    def __init__(self) -> None:
        self.kind: ResetKind | None = None
        self._known = asyncio.Event()

    def ask(self, kind: ResetKind) -> None:
        """Restart as soon as everything has ended in good order."""
        log.warning("reset kind=%s is asked for", kind)
        self.kind = ResetKind.HARD if ResetKind.HARD in (kind, self.kind) else kind
        self._known.set()

    async def asked(self) -> None:
        """Wait until a restart is wanted."""
        await self._known.wait()
