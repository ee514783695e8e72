"""The random wait before charging profiles raise the current: what waits, for how long, and what never does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from cpd.clock import ClockSource
from cpd.domain.profile_book import ProfileBook, ProfileFilter
from cpd.domain.profiles import Capabilities, Purpose
from cpd.domain.supply import Cap, ConstraintKind, Supply
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.limits import LimitScheduler
from cpd.station.random_delay import RandomDelay
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from tests.hal.bench import virtual
from tests.station.bench import profile, supply
from tests.station.test_limits import START, START_S, FakeOutlet
from tests.virtual_time import VirtualClock

MAX_S = 600
SEEDS = 1_000
BINS, CRITICAL = 20, 43.8
"""Evenly drawn numbers in 20 bins exceed this sum of squares once in a thousand times (19 degrees of freedom)."""


class Charger:
    """A scheduler with its own chance; *offers* are (seconds since the test began, amperes) on connector 1."""

    def __init__(self, ledger: Ledger, clock: VirtualClock, given: Supply, max_s: int, seed: int) -> None:
        self.journal: list[tuple[float, int, float]] = []
        self.outlets = {one.id: FakeOutlet(clock, self.journal, one.id) for one in given.connectors}
        self.scheduler = LimitScheduler(
            given, ledger, Timebase(clock), lambda: None, random_delay=RandomDelay(max_s, Random(seed))
        )

    @property
    def offers(self) -> list[tuple[float, float]]:
        return [(at_s, amperes) for at_s, connector, amperes in self.journal if connector == 1]

    @property
    def wait_s(self) -> float | None:
        """How long connector 1 still waits for a random delay, None where it does not."""
        applied = self.outlets[1].last
        assert applied is not None
        until_s = applied.delayed_until_s
        return None if until_s is None else until_s - self.outlets[1].clock.monotonic_s()


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """Chargers that hear the same."""

    clock: VirtualClock
    ledger: Ledger
    chargers: list[Charger]

    @property
    def charger(self) -> Charger:
        return self.chargers[0]

    async def start(self, connector: int = 1) -> None:
        await self.ledger.start(connector, "TAG", None, 0, bind_profile=False)

    async def install(self, limit_a: int, then_a: dict[int, int] | None = None, **more: object) -> None:
        wanted = profile(1, limit_a, then_a=then_a, start_at_s=START_S, **more)  # type: ignore[arg-type]
        assert await self.ledger.install(wanted, 0, Capabilities()) is None

    async def restart(self) -> None:
        """The daemon ends and comes back, with the session that ran."""
        fresh = Charger(self.ledger, self.clock, supply(), MAX_S, seed=99)
        self.chargers[:] = [fresh]
        fresh.scheduler.recompute()
        fresh.scheduler.drive(fresh.outlets)


@asynccontextmanager
async def street(
    folder: Path,
    *,
    chargers: int = 1,
    max_s: int = MAX_S,
    given: Supply | None = None,
    source: ClockSource = ClockSource.NTP,
) -> AsyncIterator[Street]:
    clock, made = VirtualClock(START, source=source), list[Charger]()

    def changed() -> None:
        for charger in made:
            charger.scheduler.recompute()

    async with Database.open(folder / "cpd.db") as store:
        ledger = Ledger(
            store,
            Journal(store, queued=0, dead=0),
            Timebase(clock),
            book=ProfileBook(),
            next_order=1,
            changed=changed,
        )
        made += [Charger(ledger, clock, given or supply(), max_s, seed) for seed in range(chargers)]
        async with asyncio.TaskGroup() as tasks:
            for charger in made:
                charger.scheduler.drive(charger.outlets)
                charger.journal.clear()
            running = [tasks.create_task(charger.scheduler.run()) for charger in made]
            yield Street(clock=clock, ledger=ledger, chargers=made)
            for task in running:
                task.cancel()


@virtual
async def test_at_a_boundary_a_thousand_chargers_begin_evenly_spread(tmp_path: Path) -> None:
    async with street(tmp_path, chargers=SEEDS) as here:
        await here.install(0, {3_600: 16})
        await here.start()
        await here.clock.sleep(3_600 + MAX_S + 1)
        assert all([amperes for _, amperes in one.offers] == [16] for one in here.chargers)
        waits_s = [one.offers[-1][0] - 3_600 for one in here.chargers]
    assert min(waits_s) >= 0
    assert max(waits_s) <= MAX_S + 0.1
    counts = [0] * BINS
    for wait_s in waits_s:
        counts[min(int(wait_s * BINS / MAX_S), BINS - 1)] += 1
    expected = SEEDS / BINS
    assert sum((count - expected) ** 2 / expected for count in counts) < CRITICAL


@virtual
async def test_each_boundary_has_one_draw_of_its_own(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0, {1_000: 10, 2_000: 16, 3_000: 20})
        await here.start()
        await here.clock.sleep(1_001)
        first_s = here.charger.wait_s
        assert first_s is not None
        here.charger.scheduler.recompute()
        assert here.charger.wait_s == first_s
        await here.clock.sleep(3_000)
        waits_s = [at_s - 1_000 * place for place, (at_s, _) in enumerate(here.charger.offers, 1)]
        assert len({round(wait_s, 1) for wait_s in waits_s}) == len(waits_s) == 3
        assert all(0 < wait_s < MAX_S for wait_s in waits_s)


@virtual
async def test_a_second_rise_within_a_delay_does_not_put_off_the_first(tmp_path: Path) -> None:
    async with street(tmp_path, chargers=50) as here:
        await here.install(0, {1_000: 10, 1_010: 16})
        await here.start()
        await here.clock.sleep(1_001)
        firsts_s = [one.wait_s for one in here.chargers]
        await here.clock.sleep(1_000)
        for one, first_s in zip(here.chargers, firsts_s, strict=True):
            begun = [at_s for at_s, amperes in one.offers if amperes > 0]
            assert first_s is not None
            assert begun[0] == pytest.approx(1_001 + first_s, abs=0.1)
            assert one.offers[-1][1] == 16


@virtual
async def test_what_falls_falls_at_once_and_the_rise_after_it_waits(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(20, {1_000: 10, 2_000: 16})
        await here.start()
        await here.clock.sleep(2_001)
        assert here.charger.offers == [(0, 20), (1_000, 10)]
        assert here.charger.wait_s is not None
        await here.clock.sleep(MAX_S)
        assert here.charger.offers[-1][1] == 16


@virtual
async def test_a_fall_within_a_delay_is_obeyed_and_ends_it(tmp_path: Path) -> None:
    async with street(tmp_path, chargers=30) as here:
        await here.install(10, {1_000: 20, 1_001: 8})
        await here.start()
        await here.clock.sleep(1_002)
        for one in here.chargers:
            assert one.offers[-1] == (1_001, 8)
            assert one.wait_s is None


@virtual
async def test_a_session_that_begins_does_not_wait(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0, {1_000: 16})
        await here.clock.sleep(1_001)
        await here.start()
        assert here.charger.offers == [(1_001, 16)]


@virtual
async def test_a_remote_start_that_brings_its_own_profile_does_not_wait(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0)
        own = profile(2, 16, purpose=Purpose.TX)
        assert await here.ledger.hold(own, 1, Capabilities()) is None
        await here.ledger.start(1, "TAG", None, 0, bind_profile=True)
        assert here.charger.offers == [(0, 16)]


@virtual
async def test_a_session_that_begins_within_the_delay_of_another_does_not_wait(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0, {1_000: 16})
        await here.start()
        await here.clock.sleep(1_001)
        await here.ledger.end(1, 0)
        await here.start()
        assert here.charger.offers == [(1_001, 16)]


@virtual
async def test_what_the_csms_sets_or_clears_waits_as_well(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0)
        await here.start()
        await here.install(10)
        assert here.charger.wait_s is not None
        await here.clock.sleep(MAX_S + 1)
        await here.ledger.clear(ProfileFilter())
        assert here.charger.wait_s is not None
        assert [amperes for _, amperes in here.charger.offers] == [10]


@virtual
async def test_what_a_person_a_cable_or_the_fail_safe_gives_back_does_not_wait(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(16)
        await here.start()
        outlet, scheduler = here.charger.outlets[1], here.charger.scheduler
        outlet.caps = (Cap(kind=ConstraintKind.LOCAL, current_ma=8_000, until_s=START_S + 100),)
        scheduler.recompute()
        await here.clock.sleep(101)
        assert here.charger.offers == [(0, 16), (0, 8), (100, 16)]
        outlet.caps = ()
        scheduler.hold_to(10_000)
        scheduler.hold_to(None)
        assert [amperes for _, amperes in here.charger.offers][3:] == [10, 16]


@virtual
async def test_what_else_lowers_a_limit_for_a_while_ends_no_delay(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(10, {1_000: 20})
        await here.start()
        await here.clock.sleep(1_001)
        until_s = here.charger.scheduler.applied[1].delayed_until_s
        here.charger.scheduler.hold_to(8_000)
        here.charger.scheduler.hold_to(None)
        assert [amperes for _, amperes in here.charger.offers] == [10, 8, 10]
        assert here.charger.scheduler.applied[1].delayed_until_s == until_s


@virtual
async def test_a_rise_taken_back_and_given_again_waits_for_its_own_draw_alone(tmp_path: Path) -> None:
    async with street(tmp_path, chargers=30) as here:
        await here.install(10, {1_000: 20, 1_001: 10, 1_002: 20})
        await here.start()
        await here.clock.sleep(1_003)
        for seed, one in enumerate(here.chargers):
            chance = Random(seed)
            _, second_s = chance.uniform(0, MAX_S), chance.uniform(0, MAX_S)
            assert one.wait_s == pytest.approx(second_s - 1, abs=0.1)


@virtual
async def test_what_another_connector_gives_back_does_not_wait_beyond_its_giving_way(tmp_path: Path) -> None:
    async with street(tmp_path, given=supply(2)) as here:
        await here.install(20, purpose=Purpose.CHARGE_POINT_MAX)
        await here.start(1)
        await here.start(2)
        await here.ledger.end(2, 0)
        await here.clock.sleep(10)
        assert here.charger.outlets[1].last is not None
        assert here.charger.outlets[1].last.offer_ma == 20_000


@virtual
async def test_a_shared_supply_that_a_profile_raises_waits_for_each_connector(tmp_path: Path) -> None:
    async with street(tmp_path, given=supply(2)) as here:
        await here.install(20, {1_000: 40}, purpose=Purpose.CHARGE_POINT_MAX)
        await here.start(1)
        await here.start(2)
        await here.clock.sleep(1_000.5)
        applied = here.charger.scheduler.applied
        assert [one.offer_ma for one in applied.values()] == [10_000, 10_000]
        waits_s = {one.delayed_until_s for one in applied.values()}
        assert len(waits_s - {None}) == 2


@virtual
async def test_skipping_lets_it_begin_at_once_and_the_next_rise_wait_again(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0, {1_000: 16, 2_000: 20})
        await here.start()
        assert not here.charger.scheduler.skip_delay(1)
        await here.clock.sleep(1_002)
        assert here.charger.scheduler.skip_delay(1)
        assert here.charger.offers[-1] == (1_002, 16)
        assert not here.charger.scheduler.skip_delay(1)
        await here.clock.sleep(1_000)
        assert here.charger.wait_s is not None


@virtual
async def test_after_a_restart_the_session_waits_for_a_new_draw(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0, {1_000: 16})
        await here.start()
        await here.clock.sleep(1_001)
        before_s = here.charger.wait_s
        await here.restart()
        assert here.charger.offers == [(1_001, 0)]
        assert here.charger.wait_s not in (None, before_s)


@virtual
async def test_once_the_clock_is_known_what_it_held_down_waits(tmp_path: Path) -> None:
    async with street(tmp_path, source=ClockSource.NONE) as here:
        await here.install(20, {3_600: 10})
        await here.start()
        assert here.charger.offers == [(0, 10)]
        here.clock.learn(START)
        here.ledger.clock_stepped()
        assert here.charger.offers == [(0, 10)]
        assert here.charger.wait_s is not None


@virtual
async def test_without_a_longest_delay_nothing_waits(tmp_path: Path) -> None:
    async with street(tmp_path, max_s=0) as here:
        await here.install(0, {1_000: 16})
        await here.start()
        await here.clock.sleep(1_001)
        assert here.charger.offers == [(1_000, 16)]


@virtual
async def test_the_limit_itself_knows_no_delay(tmp_path: Path) -> None:
    async with street(tmp_path) as here:
        await here.install(0, {1_000: 16})
        await here.start()
        await here.clock.sleep(1_001)
        applied = here.charger.scheduler.applied[1]
        assert (applied.limit.offer_ma, applied.offer_ma) == (16_000, 0)
        assert applied.limit.constrained_by.kind is ConstraintKind.PROFILE
