"""Ending what runs in good order before the daemon goes: every transaction stopped, and the CSMS told in time."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from cpd.domain.transactions import StopReason
from cpd.errors import StorageError
from cpd.station.connector import ConnectorTask
from cpd.station.csms import Csms
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.signal import Signal

log = logging.getLogger(__name__)

SHUT_DOWN_S = 12.0
"""How long a planned stop may take: 6 s for the vehicle, margin for the store; systemd allows 15 s."""

FAREWELL_S = 2.0
"""How long the CSMS may take to hear of what was stopped; otherwise it hears it after the restart."""


class Farewell:
    """Stops all transactions of *connectors*; *changed* fires whenever one of them, or the journal, changes."""

    def __init__(
        self,
        connectors: Mapping[int, ConnectorTask],
        *,
        ledger: Ledger,
        journal: Journal,
        csms: Csms,
        changed: Signal,
    ) -> None:
        self._connectors = connectors
        self._ledger = ledger
        self._journal = journal
        self._csms = csms
        self._changed = changed

    async def end_all(self, reason: StopReason) -> None:
        """Begin nothing any more, stop what runs, wait until it is booked and, online, until the CSMS has heard."""
        for task in self._connectors.values():
            task.closing = True
        if not self._ledger.running:
            return
        for task in self._connectors.values():
            try:
                await task.stop(reason)
            except StorageError as error:
                log.error("stop connector=%d reason=%s is not kept: %s", task.id, reason, error)
        try:
            async with asyncio.timeout(SHUT_DOWN_S):
                while self._ledger.running:
                    await self._changed.wait()
        except TimeoutError:
            log.error("shutdown leaves %d transactions to the next start", len(self._ledger.running))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self._csms.online and self._journal.queued:
                    await self._changed.wait()

    async def take_leave(self) -> None:
        """Hang up, once what the CSMS has asked is answered."""
        self._csms.hold()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self._csms.link.connected:
                    await self._changed.wait()
