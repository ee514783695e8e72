"""What the CSMS is still to be told of firmware and diagnostics: kept with the step it tells of, told in order."""

from collections.abc import Sequence

from cpd.station.repositories import Store, UntoldStatus
from cpd.station.signal import Signal


class FileStatuses:
    """The statuses that wait, from whichever file they are."""

    def __init__(self, store: Store, kept: Sequence[UntoldStatus]) -> None:
        self._store = store
        self._untold = list(kept)
        self.told_next = Signal()
        """Fires when there is something more to tell."""

    @property
    def untold(self) -> Sequence[UntoldStatus]:
        """What the CSMS is to be told, in order."""
        return self._untold

    def add(self, untold: UntoldStatus | None) -> None:
        """*untold* is kept, and is to be told; None: nothing is."""
        if untold is not None:
            self._untold.append(untold)
            self.told_next.fire()

    async def told(self, untold: UntoldStatus) -> None:
        """The CSMS has taken it, or will not: durable once this returns, for each is to be told once.

        Raises `StorageError`; then a restart tells it once more.
        """
        self._untold.remove(untold)
        await self._store.commit(lambda repositories: repositories.file_statuses.told(untold.seq))
