"""What the CSMS is still to be told of firmware and diagnostics: kept with the step it tells of, told in order."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from cpd.station.repositories import Store, UntoldStatus
from cpd.station.signal import Signal


class FileStatuses:
    """The statuses that wait, from whichever file they are."""

    def __init__(self, store: Store, kept: Sequence[UntoldStatus]) -> None:
        self._store = store
        self._untold = list(kept)
        self.told_next = Signal()
        """Fires when there is something more to tell."""
        self._open = len(self._untold)
        self._told = Signal()

    @property
    def untold(self) -> Sequence[UntoldStatus]:
        """What the CSMS is to be told, in order."""
        return self._untold

    def add(self, untold: UntoldStatus | None) -> None:
        """*untold* is kept, and is to be told; None: nothing is."""
        if untold is not None:
            self._untold.append(untold)
            self._open += 1
            self.told_next.fire()

    async def told(self, untold: UntoldStatus) -> None:
        """The CSMS has taken it, or will not: durable once this returns, for each is to be told once.

        Raises `StorageError`; then a restart tells it once more.
        """
        self._untold.remove(untold)
        await self._store.commit(lambda repositories: repositories.file_statuses.told(untold.seq))
        self._open = max(0, self._open - 1)
        self._told.fire()

    async def until_told(self, at_most_s: float) -> None:
        """Wait until nothing is left to tell, and that is kept; but not for longer than so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while self._open:
                    await self._told.wait()
