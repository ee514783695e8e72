"""What clocks on walls show: as the time zone database has it, an hour that comes twice counted once."""

from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import pytest

from cpd.domain.local_time import LocalTime

ZONES = (
    "Europe/Paris",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "UTC",
)
HOUR_S = 3_600


@cache
def place(name: str) -> LocalTime:
    return LocalTime.of(ZoneInfo(name), name)


def shown_s(zone: ZoneInfo, at_s: int) -> int:
    """The time on the wall, in seconds since 1970 as the place counts them."""
    return int(datetime.fromtimestamp(at_s, zone).replace(tzinfo=UTC).timestamp())


def counted_s(zone: ZoneInfo, at_s: int) -> int:
    """The same; the second time of an hour that comes twice is its last second."""
    if datetime.fromtimestamp(at_s, zone).fold == 0:
        return shown_s(zone, at_s)
    while datetime.fromtimestamp(at_s, zone).fold:
        at_s += 60 - at_s % 60
    return shown_s(zone, at_s) - 1


def instants(zone: ZoneInfo, chance: Random) -> list[int]:
    """Instants of this century at random, and around the changes of two years."""
    anywhere = [chance.randrange(946_684_800, 4_102_444_800) for _ in range(400)]
    hours = range(1_767_225_600, 1_767_225_600 + 731 * 86_400, HOUR_S)
    offsets = [datetime.fromtimestamp(at_s, zone).utcoffset() for at_s in hours]
    changes = [
        at_s for at_s, before, after in zip(hours, offsets, offsets[1:], strict=False) if before != after
    ]
    near = [at_s + chance.randint(-2 * HOUR_S, 3 * HOUR_S) for at_s in changes for _ in range(30)]
    edges = [at_s + half + step for at_s in changes for half in range(0, 7_201, 1_800) for step in (-1, 0, 1)]
    return [*anywhere, *near, *edges]


@pytest.mark.parametrize("name", ZONES)
def test_the_time_shown_is_that_of_the_zone(name: str) -> None:
    zone, here = ZoneInfo(name), place(name)
    for at_s in instants(zone, Random(name)):
        assert here.shows(at_s) == shown_s(zone, at_s)


@pytest.mark.parametrize("name", ZONES)
def test_an_hour_that_comes_twice_counts_the_first_time(name: str) -> None:
    zone, here = ZoneInfo(name), place(name)
    for at_s in instants(zone, Random(name)):
        assert here.read(at_s).shown_s == counted_s(zone, at_s), datetime.fromtimestamp(at_s, UTC)


@pytest.mark.parametrize("name", ZONES)
def test_a_reading_goes_on_as_it_says_until_its_end(name: str) -> None:
    zone, here = ZoneInfo(name), place(name)
    chance = Random(name)
    for at_s in instants(zone, chance):
        reading = here.read(at_s)
        end_s = at_s + 86_400 if reading.until_s is None else reading.until_s
        assert end_s > at_s
        for later_s in (end_s - 1, chance.randrange(at_s, end_s)):
            went_s = 0 if reading.still else later_s - at_s
            assert here.read(later_s).shown_s == reading.shown_s + went_s


def test_a_place_without_changes_reads_one_offset_for_ever() -> None:
    kolkata = place("Asia/Kolkata")
    at = datetime(2026, 3, 29, 1, tzinfo=UTC)
    reading = kolkata.read(int(at.timestamp()))
    assert (reading.until_s, reading.still) == (None, False)
    assert reading.shown_s == int((at + timedelta(hours=5, minutes=30)).timestamp())


def test_before_and_after_the_table_its_ends_hold() -> None:
    paris = place("Europe/Paris")
    assert paris.shows(-86_400) == -86_400 + HOUR_S
    assert paris.read(5_000_000_000).until_s is None
