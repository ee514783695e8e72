"""What is thrown away once a day, and what never is."""

from dataclasses import replace
from pathlib import Path

import pytest

from cpd.clock import ClockSource
from cpd.domain.profiles import Capabilities
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench, profile

DAY_S = 86_400


async def old_profiles(here: Bench, *numbers: int) -> None:
    """Profiles that ended an hour from now, on connector 1."""
    for number in numbers:
        ended = profile(number, start_at_s=here.timebase.epoch_s())
        ended = replace(ended, schedule=replace(ended.schedule, duration_s=3_600), stack_level=number)
        assert await here.station.ledger.install(ended, 1, Capabilities()) is None


@virtual
async def test_a_profile_goes_a_day_after_its_end_and_an_endless_one_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await old_profiles(here, 1, 2)
        assert await here.station.ledger.install(profile(3), 1, Capabilities()) is None
        await here.clock.sleep(DAY_S + 10)
        assert len(here.station.ledger.book.profiles) == 3
        await here.clock.sleep(DAY_S)
        assert [one.profile.id for one in here.station.ledger.book.profiles] == [3]
        stored = await here.store.relaxed(lambda repositories: repositories.profiles.all())
        assert [one.profile.id for one in stored] == [3]


@virtual
async def test_nothing_is_old_while_the_clock_is_not_trusted(tmp_path: Path) -> None:
    async with bench(tmp_path, source=ClockSource.NONE) as here:
        await old_profiles(here, 1)
        await here.clock.sleep(3 * DAY_S)
        assert len(here.station.ledger.book.profiles) == 1


@virtual
@pytest.mark.parametrize("delivered", [True, False])
async def test_a_transaction_goes_after_its_days_but_never_undelivered(
    tmp_path: Path, delivered: bool
) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        if delivered:
            for _ in range(2):
                await here.station.journal.delivered(await here.station.journal.next())
        await here.clock.sleep(29 * DAY_S)
        assert len(await here.stopped()) == 1
        await here.clock.sleep(3 * DAY_S)
        assert len(await here.stopped()) == (0 if delivered else 1)


@virtual
async def test_a_failing_store_is_tidied_the_next_day(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await old_profiles(here, 1)
        await here.clock.sleep(DAY_S + 10)
        here.store.failures = 1
        await here.clock.sleep(DAY_S)
        assert len(here.station.ledger.book.profiles) == 1
        await here.clock.sleep(DAY_S)
        assert here.station.ledger.book.profiles == ()


@virtual
async def test_what_a_wrong_clock_calls_old_outlives_its_correction(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await old_profiles(here, 1)
        await here.clock.sleep(DAY_S / 2)
        here.clock.step(20 * 365 * DAY_S)
        await here.clock.sleep(DAY_S)
        here.clock.step(-20 * 365 * DAY_S)
        assert len(here.station.ledger.book.profiles) == 1
        await here.clock.sleep(2 * DAY_S)
        assert here.station.ledger.book.profiles == ()
