"""Once a day, what nobody needs any more is thrown away: ended profiles, delivered transactions, the old audit."""

import logging
from datetime import datetime, timedelta

from cpd.errors import StorageError
from cpd.station.ledger import Ledger
from cpd.station.repositories import Repositories, Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

EVERY_S = 86_400.0
"""The first round is a day after the start: a charger that restarts often has no time for it."""

STEADY = timedelta(hours=1)
"""A wall clock that moved by more than this since the last round may yet be corrected: nothing goes then."""


class Housekeeping:
    """Keeps the store small; without a trusted clock nothing is called old."""

    def __init__(self, store: Store, ledger: Ledger, timebase: Timebase, *, keep_days: int) -> None:
        self._store = store
        self._ledger = ledger
        self._timebase = timebase
        self.keep_days = keep_days

    async def run(self) -> None:
        """Tidy up for ever."""
        while True:
            zero = self._timebase.at_zero
            await self._timebase.clock.sleep(EVERY_S)
            if self._timebase.clock.trusted and abs(self._timebase.at_zero - zero) <= STEADY:
                try:
                    await self._tidy()
                except StorageError as error:
                    log.error("housekeeping waits for the store: %s", error)

    async def _tidy(self) -> None:
        profiles = await self._ledger.sweep()
        before = self._timebase.clock.now() - timedelta(days=self.keep_days)
        transactions, audited = await self._store.relaxed(lambda kept: _prune(kept, before))
        log.info("housekeeping profiles=%d transactions=%d audit=%d", profiles, transactions, audited)


def _prune(repositories: Repositories, before: datetime) -> tuple[int, int]:
    return repositories.transactions.prune(before), repositories.audit.prune(before)
