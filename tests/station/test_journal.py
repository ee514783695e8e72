"""The order of facts, whatever the link and the disk do meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd.domain.transactions import FactKind
from cpd.errors import StorageError
from cpd.station.journal import MOST_HELD, Delivery, Journal
from cpd.station.repositories import Repositories
from cpd.storage.database import Database
from tests.hal.bench import virtual
from tests.station.bench import SlowStore, moment, sample, transaction
from tests.virtual_time import run_virtual


def number_of(delivery: Delivery) -> int:
    """The facts of these tests are numbered: a sample by its register, a start by its transaction's order."""
    if delivery.sample is None:
        return delivery.transaction.order
    assert delivery.sample.energy_wh is not None
    return delivery.sample.energy_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """A journal over a store on disk, and numbered facts for it."""

    store: SlowStore
    journal: Journal

    async def start(self, number: int) -> None:
        begun = transaction(f"tx-{number}", order=number)
        await self.journal.commit(
            lambda repositories: repositories.transactions.put(begun),
            FactKind.STARTED,
            begun.local_id,
            moment(),
        )

    async def sample(self, number: int, *, answered: bool) -> None:
        await self.journal.sample(transaction("tx-0", order=10_000), sample(number), answered=answered)

    async def stored(self) -> list[int]:
        """The numbers that would be delivered after a power cut."""
        entries = await self.store.relaxed(lambda repositories: repositories.journal.entries(dead=False))
        return [one.transaction.order if one.sample is None else one.sample.energy_wh or 0 for one in entries]

    async def deliver_all(self) -> list[int]:
        told = []
        while self.journal.queued:
            delivery = await self.journal.next()
            told.append(number_of(delivery))
            await self.journal.delivered(delivery)
        return told


@asynccontextmanager
async def outbox(path: Path) -> AsyncIterator[Outbox]:
    async with Database.open(path) as database:
        store = SlowStore(database)
        first = transaction("tx-0", order=10_000)
        await store.commit(lambda repositories: repositories.transactions.put(first))
        queued, dead = await store.relaxed(lambda repositories: repositories.journal.counts())
        yield Outbox(store=store, journal=Journal(store, queued=queued, dead=dead))


@virtual
async def test_while_the_csms_answers_a_sample_is_not_written(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=True)
        assert await box.stored() == []
        assert box.journal.queued == 1
        assert await box.deliver_all() == [1]
        assert box.journal.queued == 0


@virtual
async def test_an_unanswered_sample_is_written_before_what_comes_after_it(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=True)
        await box.start(2)
        await box.sample(3, answered=True)
        await box.start(4)
        assert await box.stored() == [1, 2, 3, 4]
        assert await box.deliver_all() == [1, 2, 3, 4]
        assert await box.stored() == []


@virtual
async def test_samples_that_must_wait_are_written_in_one_go_when_they_are_to_be_kept(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.start(1)
        await box.sample(2, answered=False)
        await box.sample(3, answered=True)
        assert await box.stored() == [1]
        assert box.journal.queued == 3
        assert [one.seq for one in await box.journal.entries()] == [1, None, None]
        await box.journal.keep()
        assert await box.stored() == [1, 2, 3]
        assert box.journal.queued == 3
        await box.sample(4, answered=False)
        assert await box.deliver_all() == [1, 2, 3, 4]


@virtual
async def test_samples_of_a_short_outage_are_never_written(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=False)
        await box.sample(2, answered=False)
        told = []
        while box.journal.queued:
            delivery = await box.journal.next()
            assert delivery.seq is None
            told.append(number_of(delivery))
            await box.journal.delivered(delivery)
            if told == [1]:
                await box.sample(3, answered=True)
        assert told == [1, 2, 3]


@virtual
async def test_the_oldest_sample_is_lost_when_too_many_wait_for_a_sick_store(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        for number in range(MOST_HELD):
            await box.sample(number, answered=False)
        assert await box.stored() == []
        box.store.failures = 2
        with pytest.raises(StorageError):
            await box.journal.keep()
        with pytest.raises(StorageError):
            await box.sample(MOST_HELD, answered=False)
        await box.sample(MOST_HELD + 1, answered=False)
        assert await box.stored() == list(range(1, MOST_HELD + 2))
        assert box.journal.queued == MOST_HELD + 1


@virtual
async def test_a_lost_link_leaves_nothing_in_memory_alone(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=True)
        await box.sample(2, answered=True)
        await box.journal.next()
        await box.journal.write_unanswered()
        assert await box.stored() == [1, 2]


@virtual
async def test_what_was_queued_before_a_restart_goes_first(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.start(1)
        await box.sample(2, answered=False)
        await box.journal.keep()
    async with outbox(tmp_path / "cpd.db") as box:
        assert box.journal.queued == 2
        await box.sample(3, answered=True)
        assert await box.deliver_all() == [1, 2, 3]


@virtual
async def test_attempts_are_counted_and_survive_a_restart(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=True)
        for attempts in (0, 1):
            delivery = await box.journal.next()
            assert delivery.attempts == attempts
            await box.journal.failed(delivery, "no answer")
    async with outbox(tmp_path / "cpd.db") as box:
        assert (await box.journal.next()).attempts == 2


@virtual
async def test_what_was_given_up_is_kept_out_of_the_way_and_can_come_back_in_its_place(
    tmp_path: Path,
) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.start(1)
        await box.start(2)
        await box.journal.given_up(await box.journal.next(), "refused")
        assert (box.journal.queued, box.journal.dead) == (1, 1)
        (dead,) = await box.store.relaxed(lambda repositories: repositories.journal.entries(dead=True))
        assert (dead.transaction.order, dead.attempts, dead.last_error) == (1, 1, "refused")
        assert dead.seq is not None
        assert await box.journal.revive([dead.seq])
        assert not await box.journal.revive([dead.seq])
        assert (box.journal.queued, box.journal.dead) == (2, 0)
        assert (await box.journal.next()).attempts == 0
        assert await box.deliver_all() == [1, 2]


async def give_up_start(box: Outbox, number: int) -> None:
    """A transaction whose start was given up, and whose stop is the next to be delivered."""
    await box.start(number)
    local_id = f"tx-{number}"
    ended = transaction(local_id, order=number).ended(moment(), 200)
    await box.journal.given_up(await box.journal.next(), "refused")
    await box.journal.commit(
        lambda repositories: repositories.transactions.put(ended), FactKind.STOPPED, local_id, moment()
    )


async def kinds_of_all(box: Outbox) -> list[FactKind]:
    told = []
    while box.journal.queued:
        delivery = await box.journal.next()
        told.append(delivery.kind)
        await box.journal.delivered(delivery)
    return told


async def revive_the_start(box: Outbox) -> list[FactKind]:
    dead = await box.journal.entries(dead=True)
    (seq,) = [one.seq for one in dead if one.kind is FactKind.STARTED]
    assert seq is not None
    return [one.kind for one in await box.journal.revive([seq])]


@virtual
@pytest.mark.parametrize("stop_is", ["waiting", "delivered", "dead"])
async def test_a_start_that_comes_back_is_followed_by_its_stop_once(tmp_path: Path, stop_is: str) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await give_up_start(box, 1)
        if stop_is == "delivered":
            await box.journal.delivered(await box.journal.next())
        elif stop_is == "dead":
            await box.journal.given_up(await box.journal.next(), "no such transaction")
        back = await revive_the_start(box)
        both = [FactKind.STARTED, FactKind.STOPPED]
        assert back == (both[:1] if stop_is == "waiting" else both)
        assert (box.journal.queued, box.journal.dead) == (2, 0)
        assert await kinds_of_all(box) == both


@virtual
async def test_a_start_that_comes_back_while_its_session_runs_brings_no_stop(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.start(1)
        await box.journal.given_up(await box.journal.next(), "refused")
        assert await revive_the_start(box) == [FactKind.STARTED]
        assert await kinds_of_all(box) == [FactKind.STARTED]


@virtual
async def test_what_goes_straight_out_is_listed_behind_what_was_written(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=True)
        (straight,) = await box.journal.entries()
        assert (straight.kind, straight.seq, straight.dead) == (FactKind.METERED, None, False)
        assert await box.journal.entries(dead=True) == ()
        await box.start(2)
        assert [one.seq is None for one in await box.journal.entries()] == [False, False]


@virtual
async def test_without_a_csms_nothing_waits_but_what_a_csms_knows_of(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.start(1)
        await box.start(2)
        await box.journal.delivered(
            await box.journal.next(), lambda repositories: repositories.transactions.number("tx-1", 77)
        )
        alone = Journal(box.store, queued=1, dead=0, has_csms=False)

        async def stop(number: int) -> None:
            ended = transaction(f"tx-{number}", order=number).ended(moment(), 200)
            await alone.commit(
                lambda repositories: repositories.transactions.put(ended),
                FactKind.STOPPED,
                ended.local_id,
                moment(),
            )

        begun = transaction("tx-3", order=3)
        await alone.commit(
            lambda repositories: repositories.transactions.put(begun),
            FactKind.STARTED,
            begun.local_id,
            moment(),
        )
        await alone.sample(begun, sample(5), answered=False)
        for number in (1, 2, 3):
            await stop(number)
        waits = [(one.transaction.order, one.kind) for one in await alone.entries()]
        assert waits == [(2, FactKind.STARTED), (1, FactKind.STOPPED), (2, FactKind.STOPPED)]
        assert alone.queued == 3


@virtual
async def test_that_a_stop_was_delivered_survives_a_power_cut_and_meter_values_spare_the_disk(
    tmp_path: Path,
) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await give_up_start(box, 1)
        await box.sample(2, answered=False)
        commits = box.store.commits
        await box.journal.delivered(await box.journal.next())
        assert box.store.commits == commits + 1
        assert (await box.journal.next()).kind is FactKind.METERED
        await box.journal.delivered(await box.journal.next())
        assert box.store.commits == commits + 1
        assert await box.stored() == []


@virtual
async def test_what_an_answer_brought_is_kept_with_the_delivery_or_not_at_all(tmp_path: Path) -> None:
    def number(repositories: Repositories) -> None:
        repositories.transactions.number("tx-1", 77)

    async with outbox(tmp_path / "cpd.db") as box:
        await box.start(1)
        delivery = await box.journal.next()
        box.store.failures = 1
        with pytest.raises(StorageError):
            await box.journal.delivered(delivery, number)
        assert await box.stored() == [1]
        await box.journal.delivered(delivery, number)
        assert await box.stored() == []
        recent = await box.store.relaxed(lambda repositories: repositories.transactions.recent(2))
        assert [one.csms_id for one, _ in recent if one.local_id == "tx-1"] == [77]


@virtual
async def test_a_refused_commit_changes_nothing_and_loses_no_sample(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await box.sample(1, answered=True)
        box.store.failures = 1
        with pytest.raises(StorageError):
            await box.start(2)
        assert box.journal.queued == 1
        await box.start(3)
        assert await box.deliver_all() == [1, 3]


async def give_up_sample(box: Outbox, number: int) -> None:
    """A dead sample, so that the one behind it is among those that a thinning takes."""
    await box.sample(number, answered=False)
    await box.journal.given_up(await box.journal.next(), "refused")


@virtual
async def test_what_is_read_for_delivery_is_not_thinned_meanwhile(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box, asyncio.TaskGroup() as tasks:
        await give_up_sample(box, 1)
        for number in (2, 3):
            await box.sample(number, answered=False)
        await box.journal.keep()
        await box.sample(4, answered=False)
        box.journal.quota_bytes = 0
        box.store.hold()
        reading = tasks.create_task(box.journal.next())
        await asyncio.sleep(0)
        appending = tasks.create_task(box.journal.keep())
        await asyncio.sleep(0)
        box.store.let_go()
        delivery = await reading
        await appending
        assert number_of(delivery) == 2
        await box.journal.delivered(delivery)
        assert box.journal.queued == len(await box.stored())
        assert await box.deliver_all() == [3, 4]


@virtual
async def test_what_is_on_its_way_when_it_is_written_is_not_thinned_at_once(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await give_up_sample(box, 1)
        box.journal.quota_bytes = 0
        await box.sample(2, answered=True)
        delivery = await box.journal.next()
        await box.sample(3, answered=False)
        await box.journal.keep()
        await box.journal.delivered(delivery)
        assert box.journal.queued == len(await box.stored())
        assert await box.deliver_all() == [3]


@virtual
async def test_what_was_thinned_before_it_is_given_up_or_delivered_is_counted_once(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box:
        await give_up_sample(box, 1)
        box.journal.quota_bytes = 0
        for number in (2, 3, 4):
            await box.sample(number, answered=True)
        lost = await box.journal.next()
        await box.journal.write_unanswered()
        await box.sample(5, answered=False)
        await box.journal.keep()
        assert await box.stored() == [3, 5]
        await box.journal.given_up(lost, "refused")
        assert (box.journal.queued, box.journal.dead) == (2, 1)
        await box.journal.delivered(lost)
        assert await box.deliver_all() == [3, 5]
        assert await box.stored() == []


@virtual
async def test_who_delivers_is_woken_by_what_is_appended(tmp_path: Path) -> None:
    async with outbox(tmp_path / "cpd.db") as box, asyncio.TaskGroup() as tasks:
        due = tasks.create_task(box.journal.until_due())
        next_one = tasks.create_task(box.journal.next())
        await asyncio.sleep(10)
        assert not due.done()
        await box.sample(1, answered=False)
        assert number_of(await next_one) == 1
        await due


pauses = st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0])
appends = st.lists(st.tuples(st.sampled_from(["direct", "offline", "kept", "start"]), pauses), max_size=10)
outcomes = st.lists(st.tuples(st.sampled_from(["ok", "ok", "failed", "lost", "dead"]), pauses), max_size=10)
stalls = st.lists(st.tuples(pauses, pauses), max_size=4)


async def _append(box: Outbox, plan: list[tuple[str, float]], first: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number, (kind, pause_s) in enumerate(plan, start=first):
            if kind == "start":
                tasks.create_task(box.start(number))
            elif kind == "kept":
                tasks.create_task(box.sample(number, answered=False))
                tasks.create_task(box.journal.keep())
            else:
                tasks.create_task(box.sample(number, answered=kind == "direct"))
            await asyncio.sleep(pause_s)


async def _deliver(box: Outbox, plan: list[tuple[str, float]], told: list[int], count: int) -> None:
    while len(told) < count:
        outcome, pause_s = plan.pop(0) if plan else ("ok", 0.0)
        delivery = await box.journal.next()
        await asyncio.sleep(pause_s)
        match outcome:
            case "failed":
                await box.journal.failed(delivery, "refused")
            case "lost":
                await box.journal.write_unanswered()
            case "dead":
                await box.journal.given_up(delivery, "refused")
                told.append(number_of(delivery))
            case _:
                await box.journal.delivered(delivery)
                told.append(number_of(delivery))


async def _stall(box: Outbox, plan: list[tuple[float, float]]) -> None:
    for running_s, stalled_s in plan:
        await asyncio.sleep(running_s)
        box.store.hold()
        await asyncio.sleep(stalled_s)
        box.store.let_go()


@settings(max_examples=80)
@given(before=appends, after=appends, answers=outcomes, disk=stalls)
def test_every_fact_is_told_once_and_in_order_whatever_happens_meanwhile(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, float]],
    after: list[tuple[str, float]],
    answers: list[tuple[str, float]],
    disk: list[tuple[float, float]],
) -> None:
    async def story() -> None:
        told: list[int] = []
        count = len(before) + len(after)
        async with outbox(tmp_path_factory.mktemp("journal") / "cpd.db") as box:
            await _append(box, before, 1)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_append(box, after, 1 + len(before)))
                tasks.create_task(_deliver(box, answers, told, count))
                tasks.create_task(_stall(box, disk))
            assert told == list(range(1, count + 1))
            assert box.journal.queued == 0
            assert await box.stored() == []

    run_virtual(story())


@settings(max_examples=40)
@given(plan=appends, answers=outcomes, cut_s=st.floats(min_value=0, max_value=6))
def test_after_a_power_cut_what_is_left_is_in_order_and_no_start_is_missing(
    tmp_path_factory: pytest.TempPathFactory,
    plan: list[tuple[str, float]],
    answers: list[tuple[str, float]],
    cut_s: float,
) -> None:
    async def story() -> None:
        told: list[int] = []
        path = tmp_path_factory.mktemp("journal") / "cpd.db"
        answers[:] = [(outcome, pause_s) for outcome, pause_s in answers if outcome != "dead"]
        async with outbox(path) as box:
            async with asyncio.TaskGroup() as tasks:
                jobs = [
                    tasks.create_task(_append(box, plan, 1)),
                    tasks.create_task(_deliver(box, answers, told, len(plan))),
                ]
                await asyncio.sleep(cut_s)
                for job in jobs:
                    job.cancel()
            committed = {
                one.order
                for one, _ in await box.store.relaxed(
                    lambda repositories: repositories.transactions.recent(99)
                )
                if one.order < 10_000
            }
        async with outbox(path) as box:
            left = await box.deliver_all()
        assert left == sorted(left)
        assert committed <= {*told, *left}
        assert len({*told} & {*left}) <= 1

    run_virtual(story())
