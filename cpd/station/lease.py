"""The offer that stands at one outlet: given, renewed while it is wanted, withdrawn at once when it is not.

It knows how long an offer lives, and nothing of why it is wanted.
"""

import asyncio
from collections.abc import Callable

from cpd.clock import Clock
from hal.evse import LEASE_S, Evse, Offer

RENEW_S = LEASE_S / 3
"""An offer is renewed this often, so that two lost renewals do no harm."""


class OfferLease:
    """Keeps the outlet's offer equal to *wanted*; `run` renews it, so that a hung daemon lets it lapse."""

    def __init__(self, evse: Evse, clock: Clock, wanted: Callable[[], Offer | None]) -> None:
        self._evse = evse
        self._clock = clock
        self._wanted = wanted
        self._given = asyncio.Event()
        self.since_s: float | None = None
        """Since when something is offered without a break (monotonic), None while nothing is."""

    def settle(self) -> None:
        """Offer, renew or withdraw, by what is wanted now; safe to call at any time."""
        offer = self._wanted()
        if offer is None and self.since_s is None:
            return
        if offer is None:
            self.since_s = None
            self._given.clear()
        elif self.since_s is None:
            self.since_s = self._clock.monotonic_s()
            self._given.set()
        self._evse.offer(offer)

    async def run(self) -> None:
        """Renew for ever, while something is offered."""
        while True:
            await self._given.wait()
            await self._clock.sleep(RENEW_S)
            self.settle()
