"""Local limits in force: kept before they are promised, ended on time, replaced by the next one of their connector.

How they combine with every other limit is the engine's matter; here they become caps of their connectors.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from cpd.domain.local_limits import LocalLimit, ends_at_s
from cpd.domain.supply import Cap, ConstraintKind
from cpd.errors import StorageError
from cpd.station.repositories import Repositories, Store
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)


class LocalLimits:
    """The local limit of each connector that has one; *changed* is called after every change."""

    def __init__(
        self, store: Store, timebase: Timebase, kept: Iterable[LocalLimit], *, changed: Callable[[], None]
    ) -> None:
        self._store = store
        self._timebase = timebase
        self._changed = changed
        self._limits = {limit.connector: limit for limit in kept}
        # A limit is written and then in force: the end of the one before must not come in between.
        self._change = asyncio.Lock()
        self._rearm = Signal()

    def caps(self, connector: int) -> tuple[Cap, ...]:
        """What the local limit makes of *connector*'s current, and until when as the wall clock is set now."""
        limit = self._limits.get(connector)
        if limit is None:
            return ()
        return (
            Cap(kind=ConstraintKind.LOCAL, current_ma=limit.current_ma, until_s=self._end_epoch_s(limit)),
        )

    async def put(self, connector: int, current_ma: int, for_s: int) -> datetime:
        """Hold *connector* to *current_ma* for *for_s* seconds, in the place of what held it before; returns the end.

        In force, and safe from a power cut, once this returns. Raises `StorageError`, nothing changed.
        """
        async with self._change:
            made = self._timebase.moment()
            limit = LocalLimit(connector=connector, current_ma=current_ma, for_s=for_s, made=made)
            await self._store.commit(lambda repositories: repositories.local_limits.put(limit))
            self._limits[connector] = limit
        log.info("local limit connector=%d current_a=%.1f for_s=%d", connector, current_ma / 1_000, for_s)
        self.rearm()
        self._changed()
        return datetime.fromtimestamp(self._end_epoch_s(limit), UTC)

    async def end(self, connector: int) -> bool:
        """End the local limit of *connector*; False where there is none. Raises `StorageError`, it stays then."""
        async with self._change:
            if connector not in self._limits:
                return False
            await self._store.commit(_removal(connector))
            del self._limits[connector]
        log.info("local limit connector=%d ended on request", connector)
        self._changed()
        return True

    def rearm(self) -> None:
        """The wall clock stepped, or there is another limit: look again when the next one ends."""
        self._rearm.fire()

    async def run(self) -> None:
        """End each limit when its time is up, for ever."""
        while True:
            try:
                async with asyncio.timeout(self._until_next_end_s()):
                    await self._rearm.wait()
            except TimeoutError:
                await self._end_due()

    async def _end_due(self) -> None:
        async with self._change:
            now_s = self._timebase.epoch_s()
            due = [one.connector for one in self._limits.values() if self._end_epoch_s(one) <= now_s]
            for connector in due:
                del self._limits[connector]
                log.info("local limit connector=%d ended, its time is up", connector)
                try:
                    await self._store.commit(_removal(connector))
                except StorageError as error:
                    # Its end is part of it: whoever reads it later finds it ended.
                    log.error("local limit connector=%d is not removed from the store: %s", connector, error)
        self._changed()

    def _until_next_end_s(self) -> float | None:
        now_s = self._timebase.clock.now().timestamp()
        # A millisecond late rather than a rounding error early, which would find nothing to end.
        return min(
            (max(0.0, self._end_epoch_s(one) - now_s + 0.001) for one in self._limits.values()), default=None
        )

    def _end_epoch_s(self, limit: LocalLimit) -> int:
        """The end on the wall clock as it is set now, in whole seconds as the engine counts: up, never short."""
        present = self._timebase.present
        end = present.now + timedelta(seconds=ends_at_s(limit, present) - present.monotonic_s)
        return math.ceil(round(end.timestamp(), 3))


def _removal(connector: int) -> Callable[[Repositories], None]:
    return lambda repositories: repositories.local_limits.remove(connector)
