"""What was stamped while nobody had set the wall clock is dated in the store, once somebody has."""

import logging

from cpd.errors import StorageError
from cpd.station.journal import Journal
from cpd.station.repositories import Repositories, Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

RETRY_S = 60.0
"""What the store refused to date is tried again this much later."""


async def date_moments(store: Store, timebase: Timebase, journal: Journal) -> None:
    """Wait until the wall clock is trusted, and date what has no date, so that a restart does not lose it.

    What *journal* holds in memory is written first: nobody would date it behind this.
    """

    def date(repositories: Repositories) -> None:
        for boot, at_zero in zeros.items():
            repositories.transactions.date(boot, at_zero)

    while not timebase.clock.trusted:
        await timebase.clock.stepped()
    zeros = timebase.settle()
    while True:
        try:
            await journal.keep()
            await store.commit(date)
        except StorageError as error:
            log.error("moments before the clock was set are not dated in the store yet: %s", error)
            await timebase.clock.sleep(RETRY_S)
        else:
            return
