import asyncio

import pytest

from cpd.station.lease import OfferLease
from hal.evse import LEASE_S, Offer
from tests.hal.bench import virtual
from tests.virtual_time import VirtualClock


class FakeOutlet:
    """Notes each offer and when it came."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.offers: list[tuple[float, int]] = []

    def offer(self, offer: Offer | None) -> None:
        self.offers.append((self._clock.monotonic_s() - 1_000, 0 if offer is None else offer.current_ma))


class Wish:
    """What is wanted, in mA; 0: nothing."""

    current_ma = 0
    asked = 0

    def __call__(self) -> Offer | None:
        self.asked += 1
        return Offer(current_ma=self.current_ma, phases=3) if self.current_ma else None


@virtual
async def test_an_offer_is_renewed_in_time_for_two_losses_while_it_is_wanted_and_no_longer() -> None:
    clock, wish = VirtualClock(), Wish()
    outlet = FakeOutlet(clock)
    lease = OfferLease(outlet, clock, wish)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(lease.run())
        await clock.sleep(3_600)
        assert outlet.offers == []

        wish.current_ma = 16_000
        lease.settle()
        assert lease.since_s == 4_600
        await clock.sleep(2.5)
        assert outlet.offers == [(3_600, 16_000), (3_601, 16_000), (3_602, 16_000)]
        assert outlet.offers[2][0] - outlet.offers[0][0] < LEASE_S

        wish.current_ma = 0
        lease.settle()
        assert lease.since_s is None
        asked = wish.asked
        await clock.sleep(3_600)
        assert wish.asked <= asked + 1
        assert outlet.offers[3:] == [(3_602.5, 0)]
        renewing.cancel()


@virtual
async def test_what_is_no_longer_wanted_is_withdrawn_at_the_next_renewal_at_the_latest() -> None:
    clock, wish = VirtualClock(), Wish()
    outlet = FakeOutlet(clock)
    lease = OfferLease(outlet, clock, wish)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(lease.run())
        wish.current_ma = 16_000
        lease.settle()
        wish.current_ma = 0
        await clock.sleep(10)
        assert outlet.offers == [(0, 16_000), (pytest.approx(1), 0)]
        renewing.cancel()
