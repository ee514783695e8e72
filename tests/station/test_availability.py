"""Availability against a store that stalls or refuses: nothing is answered before it is kept."""

import asyncio
from pathlib import Path

import pytest

from cpd.domain.availability import AvailabilityOutcome, Origin
from hal.values import UnlockResult
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench


@virtual
async def test_a_change_that_is_not_kept_is_rejected_and_nothing_changes(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.store.failures = 1
        outcome = await here.station.availability.change(Origin.CSMS, 1, False)
        assert outcome is AvailabilityOutcome.REJECTED
        await asyncio.sleep(5)
        assert here.station.connectors[1].report.status == "Available"
        assert here.station.connectors[1].operative


@virtual
async def test_nothing_is_in_force_nor_answered_while_the_store_stalls(tmp_path: Path) -> None:
    async with bench(tmp_path) as here, asyncio.TaskGroup() as tasks:
        here.store.hold()
        changing = tasks.create_task(here.station.availability.change(Origin.CSMS, 1, False))
        await asyncio.sleep(5)
        assert not changing.done()
        assert here.station.connectors[1].operative
        here.store.let_go()
        assert await changing is AvailabilityOutcome.ACCEPTED
        await here.status("Unavailable")


@virtual
async def test_two_changes_at_once_are_both_kept(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2) as here:
        here.store.hold()
        async with asyncio.TaskGroup() as tasks:
            for connector in (1, 2):
                tasks.create_task(here.station.availability.change(Origin.LOCAL, connector, False))
            await asyncio.sleep(1)
            here.store.let_go()
        kept = await here.store.relaxed(lambda repositories: repositories.availability.all())
        assert kept == {(Origin.LOCAL, 1): False, (Origin.LOCAL, 2): False}
        assert [here.station.connectors[one].operative for one in (1, 2)] == [False, False]


async def stalled_start(here: Bench) -> None:
    """A session is just being written, and the disk stalls."""
    here.csms.knows("TAG")
    here.world.plug_in(1)
    await here.status("Preparing")
    here.store.hold()
    here.world.swipe("TAG")
    await asyncio.sleep(1)


@virtual
@pytest.mark.parametrize("stalls_s", [1, 5])
async def test_a_plug_is_not_given_back_to_a_session_that_is_just_beginning(
    tmp_path: Path, stalls_s: int
) -> None:
    nothing_known = {"AuthorizationCacheEnabled": "false", "LocalAuthListEnabled": "false"}
    async with bench(tmp_path, ocpp=nothing_known) as here:
        await stalled_start(here)
        async with asyncio.TaskGroup() as tasks:
            unlocking = tasks.create_task(here.station.unlocking.unlock(1))
            await asyncio.sleep(stalls_s)
            assert not unlocking.done()
            here.store.let_go()
            assert await unlocking is UnlockResult.UNLOCKED
        (ended,) = await here.stopped()
        assert ended.stop_reason == "UnlockCommand"
        await asyncio.sleep(30)
        assert here.station.connectors[1].evse.snapshot().lock == "unlocked"


@virtual
async def test_a_plug_is_given_back_although_the_store_refuses_why(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        here.store.failures = 1
        assert await here.station.unlocking.unlock(1) is UnlockResult.UNLOCKED
        await here.until(lambda: here.running() is None)
