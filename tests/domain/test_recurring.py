"""When Daily and Weekly profiles begin, over changes of the clocks: by UTC, as OCPP has it, and by local time.

The instants are worked out by hand from the dates on which the clocks were or will be changed.
"""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from cpd.domain.composite import CompositeSchedule, Connector, Supply, composite_schedule, limit_at
from cpd.domain.local_time import LocalTime
from cpd.domain.profile_book import BookChange, ProfileBook
from cpd.domain.profiles import (
    Capabilities,
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from cpd.ocpp.timestamps import parse_date_time

SUPPLY = Supply(connectors=(Connector(id=1, phases=3, voltage_v=230, max_current_ma=32_000),))
ALLOWED_A = 16
PARIS, SYDNEY, LORD_HOWE = "Europe/Paris", "Australia/Sydney", "Australia/Lord_Howe"

TABLE = {
    # The clocks of Paris go forward on 29 March 2026, 02:00 to 03:00, and back on 25 October, 03:00 to 02:00.
    "evenings-in-spring": (
        ("Daily", "2026-03-27T22:00:00+01:00", PARIS),
        ["03-27 21:00", "03-28 21:00", "03-29 21:00", "03-30 21:00"],
        ["03-27 21:00", "03-28 21:00", "03-29 20:00", "03-30 20:00"],
    ),
    "evenings-in-autumn": (
        ("Daily", "2026-10-23T22:00:00+02:00", PARIS),
        ["10-23 20:00", "10-24 20:00", "10-25 20:00", "10-26 20:00"],
        ["10-23 20:00", "10-24 20:00", "10-25 21:00", "10-26 21:00"],
    ),
    "mornings-told-in-utc": (
        ("Daily", "2026-03-28T06:00:00Z", PARIS),
        ["03-28 06:00", "03-29 06:00", "03-30 06:00"],
        ["03-28 06:00", "03-29 05:00", "03-30 05:00"],
    ),
    "mornings-told-without-an-offset": (
        ("Daily", "2026-03-28T06:00:00", PARIS),
        ["03-28 06:00", "03-29 06:00", "03-30 06:00"],
        ["03-28 06:00", "03-29 05:00", "03-30 05:00"],
    ),
    "mornings-told-in-the-offset-of-elsewhere": (
        ("Daily", "2026-03-28T08:00:00+02:00", PARIS),
        ["03-28 06:00", "03-29 06:00", "03-30 06:00"],
        ["03-28 06:00", "03-29 05:00", "03-30 05:00"],
    ),
    "a-time-that-is-left-out-begins-when-it-is-jumped-over": (
        ("Daily", "2026-03-27T02:30:00+01:00", PARIS),
        ["03-27 01:30", "03-28 01:30", "03-29 01:30", "03-30 01:30"],
        ["03-27 01:30", "03-28 01:30", "03-29 01:00", "03-30 00:30"],
    ),
    "a-time-that-comes-twice-begins-the-first-time": (
        ("Daily", "2026-10-23T02:30:00+02:00", PARIS),
        ["10-23 00:30", "10-24 00:30", "10-25 00:30", "10-26 00:30"],
        ["10-23 00:30", "10-24 00:30", "10-25 00:30", "10-26 01:30"],
    ),
    "mondays-in-spring": (
        ("Weekly", "2026-03-23T07:00:00+01:00", PARIS),
        ["03-23 06:00", "03-30 06:00", "04-06 06:00"],
        ["03-23 06:00", "03-30 05:00", "04-06 05:00"],
    ),
    "mondays-in-autumn": (
        ("Weekly", "2026-10-19T07:00:00+02:00", PARIS),
        ["10-19 05:00", "10-26 05:00", "11-02 05:00"],
        ["10-19 05:00", "10-26 06:00", "11-02 06:00"],
    ),
    "sundays-at-the-time-that-is-left-out": (
        ("Weekly", "2026-03-22T02:30:00+01:00", PARIS),
        ["03-22 01:30", "03-29 01:30", "04-05 01:30"],
        ["03-22 01:30", "03-29 01:00", "04-05 00:30"],
    ),
    "leap-day": (
        ("Daily", "2028-02-27T22:00:00+01:00", PARIS),
        ["02-27 21:00", "02-28 21:00", "02-29 21:00", "03-01 21:00"],
        ["02-27 21:00", "02-28 21:00", "02-29 21:00", "03-01 21:00"],
    ),
    "weeks-over-leap-day": (
        ("Weekly", "2028-02-22T22:00:00+01:00", PARIS),
        ["02-22 21:00", "02-29 21:00", "03-07 21:00"],
        ["02-22 21:00", "02-29 21:00", "03-07 21:00"],
    ),
    # The clocks of Sydney go back on 5 April 2026, 03:00 to 02:00, and forward on 4 October, 02:00 to 03:00.
    "southern-autumn": (
        ("Daily", "2026-04-03T22:00:00+11:00", SYDNEY),
        ["04-03 11:00", "04-04 11:00", "04-05 11:00"],
        ["04-03 11:00", "04-04 11:00", "04-05 12:00"],
    ),
    "southern-spring": (
        ("Daily", "2026-10-02T22:00:00+10:00", SYDNEY),
        ["10-02 12:00", "10-03 12:00", "10-04 12:00"],
        ["10-02 12:00", "10-03 12:00", "10-04 11:00"],
    ),
    # Lord Howe Island moves its clocks by half an hour: back at 02:00 on 5 April, forward at 02:00 on 4 October.
    "half-an-hour-that-comes-twice": (
        ("Daily", "2026-04-03T01:45:00+11:00", LORD_HOWE),
        ["04-02 14:45", "04-03 14:45", "04-04 14:45", "04-05 14:45"],
        ["04-02 14:45", "04-03 14:45", "04-04 14:45", "04-05 15:15"],
    ),
    "half-an-hour-that-is-left-out": (
        ("Daily", "2026-10-02T02:15:00+10:30", LORD_HOWE),
        ["10-01 15:45", "10-02 15:45", "10-03 15:45", "10-04 15:45"],
        ["10-01 15:45", "10-02 15:45", "10-03 15:30", "10-04 15:15"],
    ),
    "weeks-of-half-an-hour-more": (
        ("Weekly", "2026-03-30T08:00:00+11:00", LORD_HOWE),
        ["03-29 21:00", "04-05 21:00"],
        ["03-29 21:00", "04-05 21:30"],
    ),
    "offset-of-half-an-hour-and-no-change": (
        ("Daily", "2026-03-28T22:00:00+05:30", "Asia/Kolkata"),
        ["03-28 16:30", "03-29 16:30", "03-30 16:30"],
        ["03-28 16:30", "03-29 16:30", "03-30 16:30"],
    ),
}


@pytest.mark.parametrize("row", TABLE)
def test_by_utc_a_profile_begins_every_24_hours_or_7_days(row: str) -> None:
    (recurrency, start, _), by_utc, _ = TABLE[row]
    assert begins(profile(recurrency, start), None, len(by_utc)) == by_utc


@pytest.mark.parametrize("row", TABLE)
def test_by_local_time_a_profile_begins_at_the_same_time_on_the_wall(row: str) -> None:
    (recurrency, start, zone), _, by_local_time = TABLE[row]
    assert begins(profile(recurrency, start), zone, len(by_local_time)) == by_local_time


def test_periods_and_duration_are_read_on_the_wall_too() -> None:
    """22:00 to 06:00, less from 04:00: on the night of 23 - 1 hours, an ordinary one, and the one of 23 + 1 hours."""
    nights = profile("Daily", "2026-01-01T22:00:00+01:00", then_a={6 * 3_600: 10}, duration_s=8 * 3_600)
    assert changes(nights, PARIS, "2026-03-28T12:00:00Z", hours=24) == [
        ("03-28 21:00", 16),
        ("03-29 02:00", 10),
        ("03-29 04:00", 32),
    ]
    assert changes(nights, PARIS, "2026-06-28T12:00:00Z", hours=24) == [
        ("06-28 20:00", 16),
        ("06-29 02:00", 10),
        ("06-29 04:00", 32),
    ]
    assert changes(nights, PARIS, "2026-10-24T12:00:00Z", hours=24) == [
        ("10-24 20:00", 16),
        ("10-25 03:00", 10),
        ("10-25 05:00", 32),
    ]


def test_the_hour_that_comes_twice_is_not_run_through_twice() -> None:
    """From 02:00 to 02:30, and from 02:30 to 03:00: the second time what held at the end of the first goes on."""
    half_hours = profile("Daily", "2026-01-01T02:00:00+01:00", then_a={1_800: 10}, duration_s=3_600)
    assert changes(half_hours, PARIS, "2026-10-24T22:00:00Z", hours=12) == [
        ("10-25 00:00", 16),
        ("10-25 00:30", 10),
        ("10-25 02:00", 32),
    ]


def test_what_lies_within_the_hour_that_is_left_out_does_not_hold() -> None:
    half_hours = profile("Daily", "2026-01-01T02:00:00+01:00", then_a={1_800: 10}, duration_s=3_600)
    assert changes(half_hours, PARIS, "2026-03-28T22:00:00Z", hours=12) == []
    longer = profile("Daily", "2026-01-01T02:00:00+01:00", then_a={1_800: 10}, duration_s=5_400)
    assert changes(longer, PARIS, "2026-03-28T22:00:00Z", hours=12) == [
        ("03-29 01:00", 10),
        ("03-29 01:30", 32),
    ]


@pytest.mark.parametrize("duration_s", [None, 86_400, 90_000])
@pytest.mark.parametrize("day", ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"])
def test_a_profile_of_whole_days_leaves_no_hole_in_a_day_of_23_or_25_hours(
    day: str, duration_s: int | None
) -> None:
    whole_days = profile("Daily", "2026-01-01T00:00:00+01:00", duration_s=duration_s)
    assert changes(whole_days, PARIS, day, hours=48) == []


def test_a_start_schedule_in_the_second_of_two_hours_begins_there_and_recurs_at_its_time() -> None:
    late = profile("Daily", "2026-10-25T02:30:00+01:00")
    assert begins(late, PARIS, 3) == ["10-25 01:30", "10-26 01:30", "10-27 01:30"]


def test_an_absolute_profile_knows_no_local_time() -> None:
    schedule = ChargingSchedule(
        unit=RateUnit.A,
        periods=(SchedulePeriod(0, 100), SchedulePeriod(86_400, 160)),
        start_at_s=seconds(NOON),
    )
    absolute = ChargingProfile(
        id=1, stack_level=0, purpose=Purpose.TX_DEFAULT, kind=Kind.ABSOLUTE, schedule=schedule
    )
    assert changes(absolute, PARIS, NOON, hours=48) == [("03-29 12:00", 16)]


NOON = "2026-03-28T12:00:00Z"


def test_at_each_minute_the_limit_is_that_of_the_schedule() -> None:
    nights = profile("Daily", "2026-01-01T22:00:00+01:00", then_a={6 * 3_600: 10}, duration_s=8 * 3_600)
    told = dict(changes(nights, PARIS, "2026-10-24T12:00:00Z", hours=24))
    holds, begin_s = 32, seconds("2026-10-24T12:00:00Z")
    for at_s in range(begin_s, begin_s + 86_400, 60):
        holds = told.get(written(at_s), holds)
        limit = limit_at(at_s, 1, book(nights), SUPPLY, [], local_time=place(PARIS))
        assert limit.current_ma == holds * 1_000
        assert limit.valid_until_s is not None


def profile(
    recurrency: str, start: str, *, then_a: dict[int, int] | None = None, duration_s: int | None = 5_400
) -> ChargingProfile:
    """16 A from *start* on, and as *then_a* has it from so many seconds later."""
    steps = {0: ALLOWED_A, **(then_a or {})}
    return ChargingProfile(
        id=1,
        stack_level=0,
        purpose=Purpose.TX_DEFAULT,
        kind=Kind.RECURRING,
        recurrency=Recurrency(recurrency),
        schedule=ChargingSchedule(
            unit=RateUnit.A,
            periods=tuple(SchedulePeriod(start_s, 10 * limit_a) for start_s, limit_a in steps.items()),
            duration_s=duration_s,
            start_at_s=seconds(start),
        ),
    )


def begins(one: ChargingProfile, zone: str | None, count: int) -> list[str]:
    """The first *count* instants at which a run of *one* begins, in UTC."""
    assert one.schedule.start_at_s is not None
    shown = changes(
        one, zone, datetime.fromtimestamp(one.schedule.start_at_s - 3_600, UTC).isoformat(), hours=700
    )
    return [at for at, amperes in shown if amperes == ALLOWED_A][:count]


def changes(one: ChargingProfile, zone: str | None, start: str, *, hours: int) -> list[tuple[str, int]]:
    """When the composite schedule changes, in UTC, and to how many amperes."""
    answer = composite_schedule(
        seconds(start),
        hours * 3_600,
        1,
        RateUnit.A,
        book(one),
        SUPPLY,
        [],
        Capabilities(),
        local_time=None if zone is None else place(zone),
    )
    assert isinstance(answer, CompositeSchedule)
    return [
        (written(answer.start_at_s + period.start_s), period.limit_tenths // 10)
        for period in answer.periods[1:]
    ]


def book(one: ChargingProfile) -> ProfileBook:
    change = ProfileBook().install(one, connector=0, received_at_s=0, max_installed=1)
    assert isinstance(change, BookChange)
    return change.book


@cache
def place(zone: str) -> LocalTime:
    return LocalTime.of(ZoneInfo(zone), zone)


def seconds(text: str) -> int:
    return int(parse_date_time(text).timestamp())


def written(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%m-%d %H:%M}"
