"""Leave to charge at whichever connector is plugged in first, until somebody does or ConnectionTimeOut is over."""

import logging

from cpd.clock import Clock
from cpd.domain.authorization import shortened
from cpd.domain.reservations import Driver
from cpd.station.access import Authorisation
from cpd.station.ledger import Ledger
from cpd.station.reservations import Reservations

log = logging.getLogger(__name__)


class Floating:
    """Authorisations that have no connector yet, one for each driver, the oldest first."""

    def __init__(self, *, ledger: Ledger, reservations: Reservations, clock: Clock) -> None:
        self._ledger = ledger
        self._reservations = reservations
        self._clock = clock
        self._waiting: list[Authorisation] = []

    @property
    def drivers(self) -> list[Driver]:
        """Who may charge at whichever connector is plugged in first."""
        return [one.driver for one in self._waiting]

    def take(self, id_tag: str, *, profile_too: bool) -> Authorisation | None:
        """Take back what *id_tag* has got already, if anything; one with a profile where *profile_too*."""
        for one in self._waiting:
            if one.is_of(id_tag) and (profile_too or not one.with_profile):
                self._waiting.remove(one)
                return one
        return None

    @property
    def holds_profile(self) -> bool:
        """True where the book holds a profile for whichever is plugged in first, of which it takes one."""
        return any(one.with_profile for one in self._waiting)

    def has_place_for(self, driver: Driver) -> bool:
        """True where a connector is left for *driver*, those that are promised or reserved aside."""
        others = [one for one in self._waiting if not one.is_of(driver.id_tag)]
        return self._reservations.has_place_for(driver, len(others))

    def put(self, authorisation: Authorisation) -> None:
        """Add *authorisation*, whose driver has no other."""
        self._waiting.append(authorisation)
        log.info("authorisation id_tag=%s waits for a plug", shortened(authorisation.id_tag))

    def claim(self, connector: int) -> Authorisation | None:
        """Take the oldest that may be used at *connector*, if any."""
        now_s = self._clock.monotonic_s()
        for one in self._waiting:
            if now_s < one.until_s and self._reservations.admits(connector, one.driver):
                self._waiting.remove(one)
                log.info("authorisation id_tag=%s taken by connector=%d", shortened(one.id_tag), connector)
                return one
        return None

    async def lapse(self) -> None:
        """Forget what is over, and the profiles that were held for it."""
        now_s = self._clock.monotonic_s()
        lapsed = [one for one in self._waiting if one.until_s <= now_s]
        self._waiting = [one for one in self._waiting if one.until_s > now_s]
        for one in lapsed:
            log.info("authorisation id_tag=%s lapsed", shortened(one.id_tag))
            if one.with_profile:
                await self._ledger.drop_pending(one.held_for)

    @property
    def until_lapse_s(self) -> float | None:
        """How long until the next one is over; None where there is none."""
        if not self._waiting:
            return None
        return max(0.0, min(one.until_s for one in self._waiting) - self._clock.monotonic_s())
