"""Reservations in force: kept before they are promised, used by their holder's start, ended on time or by a fault.

What can be promised and to whom a connector is open is decided in the domain; here it is kept and told.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from cpd.domain.authorization import shortened
from cpd.domain.profiles import STATION
from cpd.domain.reservations import (
    Driver,
    Place,
    Reservation,
    ReservationOutcome,
    expires_at_s,
    honourable,
    kept_for,
    open_places,
    reserve,
    used_by,
)
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.repositories import Repositories, Store
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)


class Reservations:
    """The reservations that hold now; *changed* is called after each change of what is kept for whom.

    *places* tells how each connector stands, *turned* fires whenever that may have changed. *promised*: who was
    authorised for whichever connector is plugged in first.
    """

    def __init__(
        self,
        kept: Iterable[Reservation],
        *,
        places: Callable[[], Mapping[int, Place]],
        promised: Callable[[], Sequence[Driver]],
        store: Store,
        configuration: Configuration,
        timebase: Timebase,
        turned: Signal,
        changed: Callable[[], None],
    ) -> None:
        self._kept = {one.id: one for one in kept}
        self._places = places
        self._promised = promised
        self._store = store
        self._configuration = configuration
        self._timebase = timebase
        self._turned = turned
        self._changed = changed
        self._told: Mapping[int, Reservation | None] = {}
        # What is promised is judged, written and then in force: a start or another promise must not come between.
        self._changing = asyncio.Lock()

    async def reserve(
        self, reservation_id: int, connector: int, driver: Driver, expires_at: datetime
    ) -> ReservationOutcome:
        """Keep *connector* (0: whichever) for *driver*, in the place of a reservation of the same id (§5.13).

        Kept, and in force, once this returns ACCEPTED.
        """
        async with self._changing:
            refusal = self._impossible(connector, expires_at)
            if refusal is not None:
                log.info("reservation id=%d rejected: %s", reservation_id, refusal)
                return ReservationOutcome.REJECTED
            asked = Reservation(
                id=reservation_id,
                connector=connector,
                id_tag=driver.id_tag,
                parent_id_tag=driver.parent_id_tag,
                expires_at=expires_at,
                made=self._timebase.moment(),
            )
            others = [one for one in self._live if one.id != reservation_id]
            outcome = reserve(asked, others, self._places(), promised=self._promised())
            if outcome is ReservationOutcome.ACCEPTED:
                outcome = await self._keep(asked)
        log.info("reservation id=%d connector=%d %s", reservation_id, connector, outcome)
        self._changed()
        return outcome

    async def cancel(self, reservation_id: int) -> bool:
        """End a reservation; False where there is none (§5.1). Raises `StorageError`, it stays then."""
        async with self._changing:
            if not any(one.id == reservation_id for one in self._live):
                return False
            await self._store.commit(_removal(reservation_id))
            self._kept.pop(reservation_id, None)
        log.info("reservation id=%d cancelled", reservation_id)
        self._changed()
        return True

    def of(self, connector: int) -> Reservation | None:
        """What closes *connector* to everybody else; None while it is open."""
        return next(iter(self._closing(connector)), None)

    def admits(self, connector: int, driver: Driver) -> bool:
        """True where *driver* may start on *connector*."""
        closing = self._closing(connector)
        return not closing or any(one.is_for(driver) for one in closing)

    def has_place_for(self, driver: Driver, promised: int) -> bool:
        """True where a connector is left for *driver* behind *promised* other drivers, and what is reserved."""
        return open_places(driver, self._live, self._places()) > promised

    def connector_of(self, driver: Driver) -> int | None:
        """The connector that is reserved for *driver*, if one is."""
        return next((one.connector for one in self._live if one.connector and one.is_for(driver)), None)

    def asks_for_group(self, connector: int | None) -> bool:
        """True where the group of a driver may decide whether they may start on *connector* (None: on any)."""
        return any(
            one.parent_id_tag is not None and (connector is None or one.connector in (connector, STATION))
            for one in self._live
        )

    @asynccontextmanager
    async def using(self, connector: int, driver: Driver) -> AsyncIterator[int | None]:
        """The id of the reservation that a start of *driver* on *connector* uses up, where all goes well within.

        Whoever starts removes it from the store together with the start.
        """
        async with self._changing:
            used = used_by(driver, connector, self._live)
            yield None if used is None else used.id
            if used is not None:
                self._kept.pop(used.id, None)
                log.info("reservation id=%d used connector=%d", used.id, connector)
        if used is not None:
            self._changed()

    async def run(self) -> None:
        """End what is over or cannot be honoured any more, and tell whom it concerns, for ever."""
        while True:
            over = self._take_over()
            # A disk that stalls must not prolong it.
            self._tell()
            if over:
                await self._remove(over)
                continue
            try:
                async with asyncio.timeout(self._until_next_end_s()):
                    await self._turned.wait()
            except TimeoutError:
                continue

    @property
    def _live(self) -> tuple[Reservation, ...]:
        if not self._kept:
            return ()
        present = self._timebase.present
        return tuple(one for one in self._kept.values() if expires_at_s(one, present) > present.monotonic_s)

    def _closing(self, connector: int) -> tuple[Reservation, ...]:
        live = self._live
        return kept_for(connector, live, self._places()) if live else ()

    def _impossible(self, connector: int, expires_at: datetime) -> str | None:
        clock = self._timebase.clock
        if connector != STATION and connector not in self._places():
            return f"there is no connector {connector}"
        if connector == STATION and not self._configuration.variables.boolean(
            "ReserveConnectorZeroSupported"
        ):
            return "the station as a whole is not to be reserved"
        if not clock.trusted:
            return "the clock is not set, so its end would be unknown"
        return "it is over already" if expires_at <= clock.now() else None

    async def _keep(self, asked: Reservation) -> ReservationOutcome:
        """Close the connector while *asked* is being written: nobody may come in between, and it may fail."""
        before = self._kept.get(asked.id)
        self._kept[asked.id] = asked
        try:
            await self._store.commit(lambda repositories: repositories.reservations.put(asked))
        except StorageError as error:
            log.error("reservation id=%d is refused, the store failed: %s", asked.id, error)
            self._kept.pop(asked.id, None)
            if before is not None:
                self._kept[asked.id] = before
            return ReservationOutcome.REJECTED
        # A fault may have ended it meanwhile.
        return ReservationOutcome.ACCEPTED if asked.id in self._kept else ReservationOutcome.REJECTED

    def _take_over(self) -> list[int]:
        """End what is over, or cannot be honoured any more; returns the ids, which the store still has."""
        if not self._kept:
            return []
        live, places = self._live, self._places()
        over = [one for one in self._kept.values() if one not in live or not honourable(one, places)]
        for one in over:
            del self._kept[one.id]
            log.info("reservation id=%d id_tag=%s ended", one.id, shortened(one.id_tag))
        return [one.id for one in over]

    async def _remove(self, over: Sequence[int]) -> None:
        async with self._changing:
            for reservation_id in over:
                # Another one may have come under the same id.
                if reservation_id in self._kept:
                    continue
                try:
                    await self._store.commit(_removal(reservation_id))
                except StorageError as error:
                    # Its end is part of it: whoever reads it later finds it over.
                    log.error("reservation id=%d is not removed from the store: %s", reservation_id, error)

    def _tell(self) -> None:
        if not (self._kept or self._told):
            return
        told = {number: self.of(number) for number in self._places()} if self._kept else {}
        if told != self._told:
            self._told = told
            self._changed()

    def _until_next_end_s(self) -> float | None:
        present = self._timebase.present
        # A millisecond late rather than a rounding error early, which would find nothing to end.
        return min(
            (
                max(0.0, expires_at_s(one, present) - present.monotonic_s + 0.001)
                for one in self._kept.values()
            ),
            default=None,
        )


def _removal(reservation_id: int) -> Callable[[Repositories], None]:
    return lambda repositories: repositories.reservations.remove(reservation_id)
