"""A local limit is in force when it is kept, and not before; and its end does not wait for the disk."""

import asyncio
from pathlib import Path

import pytest

from cpd.errors import StorageError
from tests.station.bench import Bench, bench
from tests.virtual_time import run_virtual


def offered_ma(here: Bench) -> int:
    return here.guard.evses[1].snapshot().offer_ma


def test_it_is_in_force_once_it_is_kept_and_not_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as here:
            await here.charge()
            here.store.hold()
            asked = asyncio.ensure_future(here.station.local_limits.put(1, 10_000, 600))
            await here.clock.sleep(5)
            assert not asked.done()
            assert offered_ma(here) == 32_000
            here.store.let_go()
            await asked
            assert offered_ma(here) == 10_000

    run_virtual(scenario())


def test_what_cannot_be_kept_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as here:
            await here.charge()
            await here.station.local_limits.put(1, 16_000, 600)
            here.store.failures = 1
            with pytest.raises(StorageError):
                await here.station.local_limits.put(1, 10_000, 600)
            assert offered_ma(here) == 16_000
            here.store.failures = 1
            with pytest.raises(StorageError):
                await here.station.local_limits.end(1)
            assert offered_ma(here) == 16_000

    run_virtual(scenario())


def test_a_sick_disk_does_not_prolong_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as here:
            await here.charge()
            await here.station.local_limits.put(1, 10_000, 600)
            here.store.hold()
            await here.clock.sleep(602)
            assert offered_ma(here) == 32_000
            here.store.failures = 1
            here.store.let_go()
            await here.clock.sleep(5)
            assert offered_ma(here) == 32_000

    run_virtual(scenario())


def test_one_that_ends_while_its_successor_is_written_leaves_the_successor_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as here:
            await here.charge()
            await here.station.local_limits.put(1, 10_000, 60)
            await here.clock.sleep(58)
            here.store.hold()
            asked = asyncio.ensure_future(here.station.local_limits.put(1, 8_000, 600))
            await here.clock.sleep(5)
            here.store.let_go()
            await asked
            await here.clock.sleep(5)
            assert offered_ma(here) == 8_000
            kept = await here.store.relaxed(lambda repositories: repositories.local_limits.all())
            assert [limit.current_ma for limit in kept] == [8_000]

    run_virtual(scenario())
