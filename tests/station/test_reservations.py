"""A reservation is promised once it is kept, and used, cancelled and ended without a gap for anybody else."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cpd.clock import ClockSource
from cpd.domain.reservations import Driver, Reservation, ReservationOutcome
from cpd.errors import StorageError
from hal.values import FaultKind
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

HOLDER = Driver(id_tag="HOLDER")


def reserve(
    here: Bench, connector: int = 1, *, number: int = 7, ends_in_s: int = 600
) -> Coroutine[Any, Any, ReservationOutcome]:
    ends = here.clock.now() + timedelta(seconds=ends_in_s)
    return here.station.reservations.reserve(number, connector, HOLDER, ends)


async def kept(here: Bench) -> list[Reservation]:
    return list(await here.store.relaxed(lambda repositories: repositories.reservations.all()))


@virtual
async def test_it_is_promised_once_it_is_kept_and_not_before(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.store.hold()
        asked = asyncio.ensure_future(reserve(here))
        await here.clock.sleep(5)
        assert not asked.done()
        assert here.csms.statuses() == []
        here.store.let_go()
        assert await asked is ReservationOutcome.ACCEPTED
        await here.status("Reserved")


@virtual
async def test_what_cannot_be_kept_is_rejected_and_closes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.store.failures = 1
        assert await reserve(here) is ReservationOutcome.REJECTED
        await here.charge("STRANGER")


@virtual
async def test_a_cancellation_that_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        assert await reserve(here) is ReservationOutcome.ACCEPTED
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.station.reservations.cancel(7)
        assert here.station.reservations.of(1) is not None
        assert await here.station.reservations.cancel(7)


@virtual
async def test_a_start_that_the_store_refuses_leaves_the_reservation_to_the_next_try(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("HOLDER")
        assert await reserve(here) is ReservationOutcome.ACCEPTED
        here.world.swipe("HOLDER", 1)
        await here.status("Preparing")
        here.store.failures = 100
        here.world.plug_in(1)
        await here.clock.sleep(2)
        here.store.failures = 0
        assert here.running() is None
        assert len(await kept(here)) == 1
        await here.status("Charging")
        running = here.running()
        assert running is not None
        assert running.reservation_id == 7
        assert await kept(here) == []


@virtual
async def test_a_cancellation_while_the_holder_starts_comes_too_late(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("HOLDER")
        assert await reserve(here) is ReservationOutcome.ACCEPTED
        here.world.swipe("HOLDER", 1)
        await here.status("Preparing")
        here.store.hold()
        here.world.plug_in(1)
        await here.clock.sleep(1)
        cancelled = asyncio.ensure_future(here.station.reservations.cancel(7))
        await here.clock.sleep(1)
        here.store.let_go()
        assert await cancelled is False
        running = here.running()
        assert running is not None
        assert running.reservation_id == 7


@virtual
async def test_the_holder_who_was_let_in_is_not_overruled_by_the_next_card(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=1) as here:
        here.csms.knows("HOLDER")
        here.csms.knows("STRANGER")
        assert await reserve(here, 0) is ReservationOutcome.ACCEPTED
        here.world.swipe("HOLDER")
        await here.status("Preparing")
        here.world.swipe("STRANGER")
        await here.clock.sleep(5)
        here.world.plug_in(1)
        await here.status("Charging")
        running = here.running()
        assert running is not None
        assert running.id_tag == "HOLDER"


@virtual
async def test_a_sick_disk_does_not_prolong_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        assert await reserve(here) is ReservationOutcome.ACCEPTED
        here.store.hold()
        await here.clock.sleep(602)
        assert here.csms.statuses()[-1] == "Available"
        here.store.failures = 1
        here.store.let_go()
        await here.clock.sleep(5)
    async with bench(tmp_path) as again:
        await again.clock.sleep(602)
        assert again.station.reservations.of(1) is None


@virtual
async def test_one_that_takes_the_id_of_one_that_is_just_over_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2) as here:
        assert await reserve(here) is ReservationOutcome.ACCEPTED
        await here.clock.sleep(590)
        here.store.hold()
        other = asyncio.ensure_future(reserve(here, 2, number=8, ends_in_s=3_000))
        await here.clock.sleep(5)
        longer = asyncio.ensure_future(reserve(here, ends_in_s=3_000))
        await here.clock.sleep(15)
        here.store.let_go()
        assert [await other, await longer] == [ReservationOutcome.ACCEPTED] * 2
        await here.clock.sleep(5)
        assert [one.id for one in await kept(here)] == [7, 8]


@virtual
async def test_nobody_comes_in_while_it_is_written(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={"AuthorizationCacheEnabled": "false"}) as here:
        here.csms.knows("STRANGER")
        here.store.hold()
        asked = asyncio.ensure_future(reserve(here))
        await here.clock.sleep(1)
        here.world.swipe("STRANGER", 1)
        here.world.plug_in(1)
        await here.clock.sleep(5)
        here.store.let_go()
        assert await asked is ReservationOutcome.ACCEPTED
        await here.clock.sleep(5)
        assert here.running() is None
        assert here.csms.asked == ["STRANGER"]


@virtual
async def test_a_fault_while_it_is_written_leaves_nothing_promised(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.store.hold()
        asked = asyncio.ensure_future(reserve(here))
        await here.clock.sleep(1)
        here.world.fault(1, FaultKind.UNDER_VOLTAGE, True)
        await here.clock.sleep(1)
        here.store.let_go()
        assert await asked is ReservationOutcome.REJECTED
        await here.clock.sleep(1)
        assert await kept(here) == []


@virtual
async def test_a_step_of_the_clock_ends_it_when_the_wall_clock_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        assert await reserve(here, ends_in_s=3_000) is ReservationOutcome.ACCEPTED
        await here.status("Reserved")
        here.clock.step(3_600)
        await here.clock.sleep(1)
        assert here.csms.statuses()[-1] == "Available"


@virtual
async def test_without_the_time_nothing_is_promised(tmp_path: Path) -> None:
    async with bench(tmp_path, source=ClockSource.NONE) as here:
        assert await reserve(here) is ReservationOutcome.REJECTED


@virtual
async def test_a_connector_that_is_gone_takes_its_reservation_along(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2) as here:
        assert await reserve(here, 2) is ReservationOutcome.ACCEPTED
    async with bench(tmp_path, connectors=1) as again:
        await again.clock.sleep(1)
        assert await kept(again) == []
        await again.charge("STRANGER")
