"""What runs, and under which profiles: changed in memory only once the store has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cpd.clock import ClockSource
from cpd.domain.profile_book import ProfileBook, ProfileFilter
from cpd.domain.profiles import Capabilities, Purpose, Refusal
from cpd.domain.transactions import FactKind, StopReason, Transaction
from cpd.errors import StorageError
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from tests.hal.bench import virtual
from tests.station.bench import SlowStore, bench, profile, transaction
from tests.virtual_time import VirtualClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TAKES_ALL = Capabilities()


@dataclass(slots=True, kw_only=True)
class Books:
    """A ledger over a store on disk; *changes* counts what it told."""

    store: SlowStore
    journal: Journal
    clock: VirtualClock
    changes: int = 0
    ledger: Ledger

    async def start(self, connector: int = 1, *, bind_profile: bool = False) -> Transaction:
        return await self.ledger.start(connector, "TAG", None, 100, bind_profile=bind_profile)

    async def kept(self) -> list[Transaction]:
        recent = await self.store.relaxed(lambda repositories: repositories.transactions.recent(9))
        return [one for one, _ in recent]

    async def kept_profiles(self) -> list[int]:
        profiles = await self.store.relaxed(lambda repositories: repositories.profiles.all())
        return [one.profile.id for one in profiles]

    async def facts(self) -> list[FactKind]:
        entries = await self.store.relaxed(lambda repositories: repositories.journal.entries())
        return [one.kind for one in entries]


@asynccontextmanager
async def books(folder: Path, *, source: ClockSource = ClockSource.NTP) -> AsyncIterator[Books]:
    async with Database.open(folder / "cpd.db") as database:
        store = SlowStore(database)
        clock = VirtualClock(source=source)
        journal = Journal(store, queued=0, dead=0)
        told: list[Books] = []

        def changed() -> None:
            told[0].changes += 1

        ledger = Ledger(store, journal, Timebase(clock), book=ProfileBook(), next_order=1, changed=changed)
        told.append(Books(store=store, journal=journal, clock=clock, ledger=ledger))
        yield told[0]


@virtual
async def test_a_start_is_kept_with_its_fact_before_it_runs(tmp_path: Path) -> None:
    async with books(tmp_path) as here, asyncio.TaskGroup() as tasks:
        here.store.hold()
        starting = tasks.create_task(here.start())
        await here.clock.sleep(5)
        assert not here.ledger.running
        here.store.let_go()
        started = await starting
        assert here.ledger.running == {1: started}
        assert await here.kept() == [started]
        assert await here.facts() == [FactKind.STARTED]


@virtual
async def test_a_start_that_the_store_refuses_leaves_no_trace(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        await here.ledger.hold(profile(1, purpose=Purpose.TX), 1, TAKES_ALL)
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.start(bind_profile=True)
        assert (dict(here.ledger.running), here.ledger.sessions, here.changes) == ({}, (), 0)
        assert len(here.ledger.book.pending) == 1
        assert (await here.kept(), await here.facts()) == ([], [])
        started = await here.start(bind_profile=True)
        assert started.order == 1
        assert await here.kept_profiles() == [1]


@virtual
async def test_a_start_without_a_profile_drops_one_that_was_held_for_its_connector(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        await here.ledger.hold(profile(1, purpose=Purpose.TX), 1, TAKES_ALL)
        await here.start()
        assert here.ledger.book == ProfileBook()


@virtual
async def test_an_end_takes_its_tx_profiles_along_and_no_others(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        await here.start(1)
        await here.start(2)
        for number, (connector, purpose) in enumerate(
            [(1, Purpose.TX), (2, Purpose.TX), (1, Purpose.TX_DEFAULT)]
        ):
            assert await here.ledger.install(profile(number, purpose=purpose), connector, TAKES_ALL) is None
        await here.ledger.intend_stop(1, StopReason.LOCAL, "TAG")
        ended = await here.ledger.end(1, 150)
        assert (ended.meter_stop_wh, ended.stop_reason, ended.stop_id_tag) == (150, StopReason.LOCAL, "TAG")
        assert list(here.ledger.running) == [2]
        assert await here.kept_profiles() == [1, 2] == [one.profile.id for one in here.ledger.book.profiles]
        assert await here.facts() == [FactKind.STARTED, FactKind.STARTED, FactKind.STOPPED]


@virtual
async def test_an_end_that_the_store_refuses_leaves_the_transaction_running(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        started = await here.start()
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.ledger.end(1, 150)
        assert here.ledger.running == {1: started}
        assert (await here.ledger.end(1, 160)).meter_stop_wh == 160


@virtual
async def test_two_changes_of_the_book_at_once_both_count(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        here.store.hold()
        async with asyncio.TaskGroup() as tasks:
            for number in (1, 2):
                held = profile(number, purpose=Purpose.TX_DEFAULT)
                tasks.create_task(here.ledger.install(held, number, TAKES_ALL))
            tasks.create_task(here.start(1))
            await here.clock.sleep(1)
            assert here.ledger.book == ProfileBook()
            here.store.let_go()
        assert [one.profile.id for one in here.ledger.book.profiles] == [1, 2]
        assert await here.kept_profiles() == [1, 2]


@virtual
async def test_what_is_cleared_is_in_force_until_it_is_gone_from_the_store(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        await here.ledger.install(profile(1), 0, TAKES_ALL)
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.ledger.clear(ProfileFilter())
        assert len(here.ledger.book.profiles) == 1
        assert await here.ledger.clear(ProfileFilter()) == 1
        assert await here.ledger.clear(ProfileFilter()) == 0
        assert await here.kept_profiles() == []


@virtual
async def test_a_refused_profile_changes_nothing(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        refusal = await here.ledger.install(profile(1, purpose=Purpose.TX), 1, TAKES_ALL)
        assert refusal is Refusal.NO_TRANSACTION
        assert (here.ledger.book, here.changes) == (ProfileBook(), 0)


@virtual
async def test_a_number_of_the_csms_is_in_force_at_once_and_kept_by_the_work(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        started = await here.start()
        work = here.ledger.numbered(started, -1)
        session = here.ledger.session(1)
        assert session is not None
        assert (here.ledger.running[1].csms_id, session.transaction_id) == (-1, -1)
        await here.store.commit(work)
        assert [one.csms_id for one in await here.kept()] == [-1]


@virtual
async def test_a_number_that_comes_after_the_end_is_kept_and_not_given_to_the_next_transaction(
    tmp_path: Path,
) -> None:
    async with books(tmp_path) as here:
        first = await here.start()
        await here.ledger.end(1, 150)
        await here.start()
        await here.store.commit(here.ledger.numbered(first, 7))
        assert here.ledger.running[1].csms_id is None
        assert [one.csms_id for one in await here.kept()] == [None, 7]


@virtual
async def test_what_the_csms_said_outlives_an_end_that_did_not_know_it(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        first = await here.start()
        await here.store.commit(lambda repositories: repositories.transactions.number(first.local_id, 7))
        await here.ledger.end(1, 150)
        assert [one.csms_id for one in await here.kept()] == [7]


@virtual
async def test_a_session_keeps_its_duration_when_the_clock_steps(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        await here.start()
        before = here.ledger.session(1)
        await here.clock.sleep(100)
        here.clock.step(3_600)
        here.ledger.clock_stepped()
        after = here.ledger.session(1)
        assert before is not None and after is not None
        assert after.started_at_s - before.started_at_s == 3_600


@virtual
async def test_a_register_that_runs_backwards_is_not_remembered(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        await here.start()
        here.ledger.metered(1, 500)
        here.ledger.metered(1, 400)
        assert (await here.ledger.end(1, None)).meter_stop_wh == 500


@virtual
async def test_what_a_power_cut_interrupted_is_booked_without_having_run(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        left = transaction(connector=9)
        await here.store.commit(lambda repositories: repositories.transactions.put(left))
        booked = await here.ledger.end_interrupted(left, 300)
        assert (booked.stop_reason, booked.meter_stop_wh) == (StopReason.POWER_LOSS, 300)
        assert (here.changes, await here.facts()) == (0, [FactKind.STOPPED])


@virtual
async def test_a_reason_kept_before_the_power_cut_stands(tmp_path: Path) -> None:
    async with books(tmp_path) as here:
        left = transaction().ending(StopReason.REMOTE, None)
        await here.store.commit(lambda repositories: repositories.transactions.put(left))
        assert (await here.ledger.end_interrupted(left, 300)).stop_reason is StopReason.REMOTE


@virtual
async def test_a_restart_books_the_open_transaction_even_of_a_connector_that_is_gone(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        for number in (1, 2):
            left = transaction(f"tx-{number}", connector=number, order=number)
            await database.commit(lambda repositories, left=left: repositories.transactions.put(left))
    async with bench(tmp_path, connectors=1, resume=True) as here:
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.POWER_LOSS] * 2
        assert here.station.journal.queued == 2
        assert not here.station.ledger.running


@virtual
async def test_shutting_down_stops_what_runs_and_survives_a_store_that_refuses(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2) as here:
        await here.charge("A", 1)
        await here.charge("B", 2)
        here.store.failures = 1
        await here.station.shut_down()
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.REBOOT] * 2


@virtual
async def test_what_began_before_the_clock_was_set_is_dated_in_the_store_once_it_is(tmp_path: Path) -> None:
    async with bench(tmp_path, source=ClockSource.NONE) as here:
        await here.charge()
        (undated,) = await here.store.relaxed(lambda repositories: repositories.transactions.running())
        assert undated.started.at is None
        here.store.failures = 1
        here.clock.learn(NOON)
        began_s = here.clock.monotonic_s()
        await here.clock.sleep(120)
        (dated,) = await here.store.relaxed(lambda repositories: repositories.transactions.running())
        assert dated.started.at is not None
        ago_s = (NOON - dated.started.at).total_seconds()
        assert ago_s == pytest.approx(began_s - dated.started.monotonic_s, abs=0.001)
