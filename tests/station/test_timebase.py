"""Where moments lie in time: those of this boot, and those of boots that nobody dated."""

from datetime import UTC, datetime, timedelta

import pytest

from cpd.clock import RELEASED, ClockSource
from cpd.domain.transactions import Moment, UndatedBoot
from cpd.station.timebase import Timebase
from tests.hal.bench import virtual
from tests.virtual_time import VirtualClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
YEARS_S = 20 * 365 * 86_400


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def undated(boot: str, monotonic_s: float) -> Moment:
    return Moment(boot=boot, monotonic_s=monotonic_s, at=None)


@virtual
async def test_a_moment_is_dated_while_the_clock_is_trusted_and_only_then() -> None:
    clock = VirtualClock(NOON, source=ClockSource.NONE)
    timebase = Timebase(clock)
    assert timebase.moment().at is None
    clock.learn(NOON)
    assert timebase.moment().at == NOON


@virtual
async def test_what_was_stamped_without_a_time_gets_the_first_trusted_one_for_good() -> None:
    clock = VirtualClock(NOON, source=ClockSource.NONE)
    timebase = Timebase(clock)
    moment = timebase.moment()
    await clock.sleep(60)
    clock.learn(NOON)
    timebase.settle()
    assert timebase.date(moment) == NOON - seconds(60)
    clock.learn(NOON + timedelta(hours=1))
    assert timebase.date(moment) == NOON - seconds(60)


@virtual
async def test_two_daemons_of_one_boot_agree_on_its_moments() -> None:
    clock = VirtualClock(NOON, source=ClockSource.NONE)
    moment = Timebase(clock).moment()
    await clock.sleep(60)
    clock.restart()
    later = Timebase(clock)
    clock.learn(NOON)
    assert later.date(moment) == NOON - seconds(60)


@virtual
async def test_boots_that_nobody_dated_are_put_one_after_the_other_before_this_one() -> None:
    clock = VirtualClock(NOON)
    timebase = Timebase(clock)
    await clock.sleep(10)
    timebase.recall(
        [
            UndatedBoot(boot="second", first_s=40.0, last_s=90.0),
            UndatedBoot(boot="first", first_s=1_000.0, last_s=1_200.0),
        ],
        None,
    )
    assert timebase.date(undated("second", 90)) == NOON
    assert timebase.date(undated("second", 40)) == NOON - seconds(50)
    assert timebase.date(undated("first", 1_200)) == NOON - seconds(50)
    assert timebase.date(undated("first", 1_000)) == NOON - seconds(250)
    assert timebase.date(undated("forgotten", 1_000)) == NOON
    assert timebase.zeros == {
        timebase.boot: timebase.at_zero,
        "second": NOON - seconds(90),
        "first": NOON - seconds(1_250),
    }


@virtual
async def test_this_boot_is_not_one_before_itself() -> None:
    timebase = Timebase(VirtualClock(NOON))
    timebase.recall([UndatedBoot(boot=timebase.boot, first_s=5.0, last_s=900.0)], None)
    assert timebase.zeros == {timebase.boot: timebase.at_zero}


@virtual
async def test_an_unset_clock_goes_on_where_the_store_ends() -> None:
    clock = VirtualClock(RELEASED - seconds(YEARS_S), source=ClockSource.NONE)
    Timebase(clock).recall([], NOON)
    assert (clock.now(), clock.trusted) == (NOON, False)


@virtual
@pytest.mark.parametrize("step_s", [3_600, -3_600, YEARS_S])
async def test_a_session_is_dated_as_its_start_was_whatever_the_clock_does(step_s: int) -> None:
    clock = VirtualClock(NOON)
    timebase = Timebase(clock)
    began = timebase.moment()
    await clock.sleep(100)
    clock.step(step_s)
    ended = timebase.moment()
    assert timebase.date(ended) == NOON + seconds(100 + step_s)
    assert timebase.date_within(began, ended) == NOON + seconds(100)
    assert timebase.date_within(began, began) == NOON


@virtual
async def test_a_session_that_ends_in_another_boot_ends_no_sooner_than_it_began() -> None:
    clock = VirtualClock(NOON)
    began = Timebase(clock).moment()
    clock.forget(RELEASED)
    ended = Timebase(clock).moment()
    clock.learn(NOON - timedelta(hours=1))
    assert Timebase(clock).date_within(began, ended) == NOON
