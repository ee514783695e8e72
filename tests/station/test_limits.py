"""When offers change: at once, at the next instant that changes anything, or after a wait that is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cpd.clock import ClockSource
from cpd.domain.profile_book import ProfileBook, ProfileFilter
from cpd.domain.profiles import Capabilities, Purpose
from cpd.domain.supply import Cap, ConstraintKind, Supply
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.limits import STARVED_PAUSE_S, YIELD_S, AppliedLimit, LimitScheduler
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from tests.hal.bench import virtual
from tests.station.bench import profile, supply
from tests.virtual_time import VirtualClock

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
START_S = int(START.timestamp())
MAX = Purpose.CHARGE_POINT_MAX


@dataclass(slots=True)
class FakeOutlet:
    """Notes what is offered when, in seconds since the test began and amperes."""

    clock: VirtualClock
    journal: list[tuple[float, int, float]]
    number: int
    caps: tuple[Cap, ...] = ()
    least_ma: int = 6_000
    last: AppliedLimit | None = None

    def apply(self, applied: AppliedLimit) -> None:
        if self.last is None or self.last.offer_ma != applied.offer_ma:
            at_s = round(self.clock.monotonic_s() - 1_000, 1)
            self.journal.append((at_s, self.number, applied.offer_ma / 1_000))
        self.last = applied


@dataclass(slots=True, kw_only=True)
class Panel:
    """A scheduler over fake outlets; *offers*: (when, connector, amperes) of each change of an offer."""

    clock: VirtualClock
    ledger: Ledger
    scheduler: LimitScheduler
    outlets: dict[int, FakeOutlet]
    offers: list[tuple[float, int, float]]
    recomputes: list[float] = field(default_factory=list)

    async def start(self, connector: int = 1) -> None:
        await self.ledger.start(connector, "TAG", None, 0, bind_profile=False)

    async def install(
        self, limit_a: int, connector: int = 0, *, purpose: Purpose = Purpose.TX_DEFAULT, **more: object
    ) -> None:
        number = 10 * connector + list(Purpose).index(purpose)
        wanted = profile(number, limit_a, purpose=purpose, **more)  # type: ignore[arg-type]
        assert await self.ledger.install(wanted, connector, Capabilities()) is None


@asynccontextmanager
async def panel(
    folder: Path, given: Supply | None = None, *, source: ClockSource = ClockSource.NTP
) -> AsyncIterator[Panel]:
    async with Database.open(folder / "cpd.db") as store:
        clock = VirtualClock(START, source=source)
        timebase = Timebase(clock)
        made: list[Panel] = []
        ledger = Ledger(
            store,
            Journal(store, queued=0, dead=0),
            timebase,
            book=ProfileBook(),
            next_order=1,
            changed=lambda: made[0].scheduler.recompute(),
        )
        given = given or supply()
        scheduler = LimitScheduler(
            given, ledger, timebase, lambda: made[0].recomputes.append(clock.monotonic_s() - 1_000)
        )
        offers: list[tuple[float, int, float]] = []
        outlets = {one.id: FakeOutlet(clock, offers, one.id) for one in given.connectors}
        made.append(Panel(clock=clock, ledger=ledger, scheduler=scheduler, outlets=outlets, offers=offers))
        scheduler.drive(outlets)
        offers.clear()
        made[0].recomputes.clear()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(scheduler.run())
            yield made[0]
            running.cancel()


@virtual
async def test_nothing_is_offered_without_a_transaction(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.install(10)
        await here.clock.sleep(60)
        assert here.offers == []
        assert here.scheduler.applied[1].limit.current_ma == 10_000


@virtual
async def test_a_day_without_a_change_computes_nothing(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        await here.clock.sleep(86_400)
        assert here.recomputes == [0]
        assert here.offers == [(0, 1, 32)]


@virtual
async def test_the_next_period_begins_on_its_second_and_between_two_nothing_is_computed(
    tmp_path: Path,
) -> None:
    async with panel(tmp_path) as here:
        await here.install(16, then_a={600: 10, 7_200: 20})
        await here.start()
        here.recomputes.clear()
        await here.clock.sleep(10_000)
        assert here.offers == [(0, 1, 16), (600, 1, 10), (7_200, 1, 20)]
        assert [round(at_s) for at_s in here.recomputes] == [600, 7_200]


@virtual
async def test_a_change_of_the_book_is_applied_at_once_and_rearms_the_sleep(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.install(16, then_a={600: 10})
        await here.start()
        await here.clock.sleep(100)
        await here.install(20, then_a={300: 12})
        await here.clock.sleep(1_000)
        assert here.offers == [(0, 1, 16), (100, 1, 20), (300, 1, 12)]
        await here.ledger.clear(ProfileFilter())
        assert here.offers[-1] == (1_100, 1, 32)


@pytest.mark.parametrize(("limit_a", "offer_a"), [(0, 0), (5, 0), (6, 6), (32, 32), (40, 32)])
@virtual
async def test_below_six_amperes_nothing_is_offered(tmp_path: Path, limit_a: int, offer_a: int) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        await here.install(limit_a)
        assert here.scheduler.applied[1].offer_ma == offer_a * 1_000


@virtual
async def test_below_the_least_that_an_outlet_can_offer_is_a_pause(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        await here.install(9)
        assert here.offers[-1] == (0, 1, 9)
        here.outlets[1].least_ma = 10_000
        here.scheduler.recompute()
        applied = here.scheduler.applied[1]
        assert (applied.offer_ma, applied.limit.current_ma, applied.limit.least_ma) == (0, 9_000, 10_000)


@virtual
async def test_a_cable_caps_the_offer_from_when_it_is_known(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        here.outlets[1].caps = (Cap(kind=ConstraintKind.CABLE, current_ma=20_000),)
        here.scheduler.recompute()
        assert here.offers[-1] == (0, 1, 20)
        assert here.scheduler.applied[1].limit.constrained_by.kind is ConstraintKind.CABLE
        here.outlets[1].caps = ()
        here.scheduler.recompute()
        assert here.offers[-1] == (0, 1, 32)


@virtual
async def test_the_fail_safe_holds_while_it_is_set(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        here.scheduler.hold_to(10_000)
        assert here.scheduler.applied[1].limit.constrained_by.kind is ConstraintKind.OFFLINE
        here.scheduler.hold_to(None)
        assert [offer for *_, offer in here.offers] == [32, 10, 32]


@virtual
async def test_who_must_give_way_is_lowered_at_once_and_the_other_raised_after_its_time_to_follow(
    tmp_path: Path,
) -> None:
    async with panel(tmp_path, supply(2, fuse_a=32)) as here:
        await here.start(1)
        await here.clock.sleep(100)
        await here.start(2)
        waiting = here.scheduler.applied[2]
        assert (waiting.offer_ma, waiting.wait_until_s) == (0, 1_100 + YIELD_S)
        assert waiting.limit.current_ma == 16_000
        await here.clock.sleep(60)
        assert here.offers == [(0, 1, 32), (100, 1, 16), (100 + YIELD_S, 2, 16)]


@virtual
async def test_at_no_instant_is_more_offered_than_the_fuse_holds(tmp_path: Path) -> None:
    async with panel(tmp_path, supply(3, fuse_a=40)) as here:
        for connector in (1, 2, 3):
            await here.start(connector)
            await here.clock.sleep(3)
        await here.install(8, 1)
        await here.clock.sleep(20)
        await here.ledger.clear(ProfileFilter())
        await here.clock.sleep(20)
        await here.ledger.end(2, 0)
        await here.clock.sleep(20)
        offered = {1: 0.0, 2: 0.0, 3: 0.0}
        for _, connector, amperes in here.offers:
            offered[connector] = amperes
            assert sum(offered.values()) <= 40
        assert offered == {1: 20, 2: 0, 3: 20}


@virtual
async def test_when_a_profile_takes_from_one_and_gives_to_the_other_lower_comes_first(tmp_path: Path) -> None:
    async with panel(tmp_path, supply(2, fuse_a=32)) as here:
        await here.start(1)
        await here.install(8, 1)
        await here.start(2)
        await here.clock.sleep(10)
        here.offers.clear()
        await here.ledger.clear(ProfileFilter())
        await here.clock.sleep(10)
        assert here.offers == [(10, 2, 16), (10 + YIELD_S, 1, 16)]


@virtual
async def test_without_a_shared_supply_nobody_waits_for_another(tmp_path: Path) -> None:
    async with panel(tmp_path, supply(2)) as here:
        await here.start(1)
        await here.install(10, 1)
        await here.start(2)
        assert here.offers == [(0, 1, 32), (0, 1, 10), (0, 2, 32)]


@virtual
async def test_a_starved_connector_pauses_for_a_while_before_it_gets_a_share_again(tmp_path: Path) -> None:
    async with panel(tmp_path, supply(2, fuse_a=32)) as here:
        await here.start(1)
        await here.start(2)
        await here.clock.sleep(100)
        await here.install(10, purpose=MAX)
        assert here.scheduler.applied[2].limit.constrained_by.kind is ConstraintKind.SHARE
        await here.clock.sleep(10)
        await here.ledger.clear(ProfileFilter())
        assert here.scheduler.applied[2].wait_until_s == 1_100 + STARVED_PAUSE_S
        await here.clock.sleep(100)
        paused = [(at_s, amperes) for at_s, connector, amperes in here.offers if connector == 2 and at_s > 50]
        assert paused == [(100, 0), (100 + STARVED_PAUSE_S, 16)]


@virtual
async def test_the_pause_of_a_starved_connector_ends_with_its_transaction(tmp_path: Path) -> None:
    async with panel(tmp_path, supply(2, fuse_a=32)) as here:
        await here.start(1)
        await here.start(2)
        await here.clock.sleep(100)
        await here.install(10, purpose=MAX)
        await here.ledger.end(2, 0)
        await here.ledger.clear(ProfileFilter())
        await here.clock.sleep(10)
        await here.start(2)
        await here.clock.sleep(10)
        assert here.offers[-1] == (110 + YIELD_S, 2, 16)


@virtual
async def test_a_pause_that_the_csms_ordered_ends_when_it_says(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        await here.install(0, then_a={5: 10})
        await here.clock.sleep(10)
        assert here.offers == [(0, 1, 32), (0, 1, 0), (5, 1, 10)]


@virtual
async def test_a_step_of_the_clock_applies_what_holds_at_the_new_time(tmp_path: Path) -> None:
    async with panel(tmp_path) as here:
        await here.start()
        await here.install(20, start_at_s=START_S - 60, then_a={3_660: 10})
        await here.clock.sleep(10)
        here.clock.step(3_600)
        here.ledger.clock_stepped()
        assert here.offers[-1] == (10, 1, 10)
        here.clock.step(-3_600)
        here.ledger.clock_stepped()
        await here.clock.sleep(4_000)
        assert here.offers[-2:] == [(10, 1, 20), (3_600, 1, 10)]


@virtual
async def test_until_the_clock_is_trusted_a_dated_profile_holds_at_its_lowest(tmp_path: Path) -> None:
    async with panel(tmp_path, source=ClockSource.NONE) as here:
        await here.start()
        await here.install(20, start_at_s=START_S - 60, then_a={3_660: 10})
        assert here.scheduler.applied[1].limit.constrained_by.kind is ConstraintKind.CLOCK
        here.clock.learn(START)
        here.ledger.clock_stepped()
        assert [offer for *_, offer in here.offers] == [32, 10, 20]
