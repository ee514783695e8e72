"""What the meter said during a transaction, on disk: bounded, dated, and gone with its transaction."""

import itertools
from dataclasses import replace
from datetime import timedelta

from cpd.domain.metering import MeterSample, SampleContext
from cpd.storage.database import Database
from tests.storage.values import NOON, moment, sample, transaction


def taken(at_s: float, context: SampleContext = SampleContext.PERIODIC, boot: str = "boot-1") -> MeterSample:
    return replace(sample(moment(at_s, boot=boot)), context=context)


async def append(store: Database, *samples: MeterSample, at_most: int = 100, local_id: str = "tx-1") -> None:
    await store.relaxed(
        lambda repositories: repositories.transaction_samples.append(local_id, samples, at_most=at_most)
    )


async def kept(store: Database, local_id: str = "tx-1") -> list[MeterSample]:
    return list(await store.relaxed(lambda repositories: repositories.transaction_samples.of(local_id)))


async def begin(store: Database, local_id: str = "tx-1", order: int = 1) -> None:
    await store.relaxed(lambda repositories: repositories.transactions.put(transaction(local_id, order)))


async def test_samples_come_back_as_they_were_in_their_order(store: Database) -> None:
    await begin(store)
    samples = [taken(1.0, SampleContext.BEGIN), taken(2.5), taken(3.0, SampleContext.CLOCK)]
    await append(store, *samples[:2])
    await append(store, samples[2])
    assert await kept(store) == samples


async def test_each_transaction_has_its_own(store: Database) -> None:
    await begin(store)
    await begin(store, "tx-2", 2)
    await append(store, taken(1.0))
    await append(store, taken(2.0), local_id="tx-2")
    await store.relaxed(lambda repositories: repositories.transaction_samples.remove("tx-1"))
    assert await kept(store) == []
    assert await kept(store, "tx-2") == [taken(2.0)]


async def test_however_many_come_they_stay_few_and_evenly_apart(store: Database) -> None:
    await begin(store)
    await append(store, taken(0.0, SampleContext.BEGIN))
    for minute in range(48 * 60):
        await append(store, taken(60.0 * minute), at_most=100)
    samples = await kept(store)
    assert 40 <= len(samples) <= 100
    assert samples[0].context is SampleContext.BEGIN
    instants_s = [one.taken.monotonic_s for one in samples[1:]]
    assert instants_s[0] == 0.0
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(instants_s)]
    assert max(gaps_s) <= 5 * 3_600


async def test_a_restart_between_two_samples_does_not_upset_the_thinning(store: Database) -> None:
    await begin(store)
    await append(store, *(taken(1_000.0 + place) for place in range(10)))
    await append(store, *(taken(5.0 + place, boot="boot-2") for place in range(10)), at_most=15)
    samples = await kept(store)
    assert samples[0] == taken(1_000.0)
    assert samples[-1] == taken(14.0, boot="boot-2")
    assert 5 <= len(samples) <= 7
    assert {one.taken.boot for one in samples[1:-1]} == {"boot-1", "boot-2"}


async def test_a_sample_is_dated_once_the_clock_is_set(store: Database) -> None:
    await begin(store)
    await append(store, replace(sample(moment(70.0, at=None)), context=SampleContext.PERIODIC))
    await store.commit(lambda repositories: repositories.transactions.date("boot-1", NOON))
    (one,) = await kept(store)
    assert one.taken.at == NOON + timedelta(seconds=70)


async def test_what_is_left_goes_with_its_transaction(store: Database) -> None:
    ended = replace(transaction().ended(moment(), 500), stopped=moment(2_000.0))
    await store.relaxed(lambda repositories: repositories.transactions.put(ended))
    await append(store, taken(1.0))
    pruned = await store.commit(
        lambda repositories: repositories.transactions.prune(NOON + timedelta(days=1))
    )
    assert pruned == 1
    assert await kept(store) == []
