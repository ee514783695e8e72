"""GetCompositeSchedule: which profile prevails at each instant, and how that is told (OCPP 1.6 §3.13, §5.7)."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.smart_charging.profiles import (
    DEFAULT,
    MAXIMUM,
    composite,
    install,
    instant,
    limit,
    limits,
    profile,
)
from tests.conformance.station import Station

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_S = 86_400


def within_two_seconds(told: list[tuple[int, float]], expected: list[tuple[int, float]]) -> bool:
    """True where limits are equal and starts nearly: the clock goes on between a request and the next."""
    apart = [abs(one[0] - other[0]) for one, other in zip(told, expected, strict=True)]
    return [one[1] for one in told] == [other[1] for other in expected] and max(apart) <= 2


async def test_without_a_profile_the_limit_is_that_of_the_hardware(idle: Station) -> None:
    assert await limits(idle) == [(0, 32)]


async def test_the_answer_names_connector_and_start_and_has_no_second_start(idle: Station) -> None:
    answer = await idle.ask("GetCompositeSchedule", connectorId=1, duration=60)
    assert answer["connectorId"] == 1
    apart = datetime.now(UTC) - datetime.fromisoformat(answer["scheduleStart"])
    assert abs(apart) < timedelta(seconds=5)
    assert "startSchedule" not in answer["chargingSchedule"]


async def test_the_duration_is_as_asked(idle: Station) -> None:
    for duration in (0, 1, 60, DAY_S):
        assert (await composite(idle, duration=duration))["duration"] == duration


async def test_a_window_that_is_too_long_is_cut_and_says_so(idle: Station) -> None:
    most = int(await idle.value_of("MaxCompositeScheduleDuration"))
    assert (await composite(idle, duration=most + 1))["duration"] == most


async def test_a_window_of_no_length_tells_the_limit_of_now(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), (1, 12)))
    assert await limits(idle, duration=0) == [(0, 10)]


async def test_every_period_says_its_phases(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), (60, 12)))
    periods = (await composite(idle))["chargingSchedulePeriod"]
    assert [one["numberPhases"] for one in periods] == [3, 3]


async def test_the_unit_is_ampere_where_none_is_asked(idle: Station) -> None:
    assert (await composite(idle))["chargingRateUnit"] == "A"


async def test_amperes_are_told_as_watts_of_all_phases(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10)))
    assert await limits(idle, chargingRateUnit="W") == [(0, 6_900)]


async def test_watts_are_told_as_amperes_of_each_phase_rounded_down(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 7_000), unit="W"))
    assert await limits(idle) == [(0, 10.1)]


async def test_watts_come_back_unchanged(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 11_000), unit="W"))
    assert await limits(idle, chargingRateUnit="W") == [(0, 11_000)]


async def test_a_connector_that_is_not_there_is_rejected(idle: Station) -> None:
    answer = await idle.ask("GetCompositeSchedule", connectorId=3, duration=60)
    assert answer == {"status": "Rejected"}


async def test_no_limit_is_above_that_of_the_hardware(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 63)))
    assert await limit(idle) == 32


async def test_limits_below_six_amperes_are_told_as_they_are(idle: Station) -> None:
    for given in (0, 3.5, 5.9):
        await install(idle, profile(1, DEFAULT, (0, given)))
        assert await limit(idle) == given


async def test_the_higher_level_prevails_also_when_it_allows_more(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), level=0))
    await install(idle, profile(2, DEFAULT, (0, 16), level=1))
    assert await limit(idle) == 16


async def test_the_lower_level_holds_where_the_higher_one_has_ended(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), level=0))
    await install(idle, profile(2, DEFAULT, (0, 16), level=1, schedule={"duration": 60}))
    assert await limits(idle) == [(0, 16), (60, 10)]


async def test_the_lower_level_holds_until_the_higher_one_is_valid(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), level=0))
    await install(idle, profile(2, DEFAULT, (0, 16), level=1, validFrom=instant(60), validTo=instant(120)))
    assert within_two_seconds(await limits(idle), [(0, 10), (60, 16), (120, 10)])


async def test_the_last_period_without_a_duration_does_not_end(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), (60, 12)))
    assert (await limits(idle, duration=30 * DAY_S))[-1] == (60, 12)


async def test_behind_its_duration_a_profile_says_nothing(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), (60, 12), schedule={"duration": 90}))
    assert await limits(idle) == [(0, 10), (60, 12), (90, 32)]


async def test_an_absolute_profile_that_began_before_is_already_some_way_in(idle: Station) -> None:
    start = {"startSchedule": instant(-100)}
    await install(idle, profile(1, DEFAULT, (0, 10), (200, 12), kind="Absolute", schedule=start))
    assert within_two_seconds(await limits(idle), [(0, 10), (100, 12)])


async def test_an_absolute_profile_that_begins_later_says_nothing_before(idle: Station) -> None:
    start = {"startSchedule": instant(100)}
    await install(idle, profile(1, DEFAULT, (0, 10), kind="Absolute", schedule=start))
    assert within_two_seconds(await limits(idle), [(0, 32), (100, 10)])


@pytest.mark.parametrize(("recurrency", "days"), [("Daily", 1), ("Weekly", 7)])
async def test_a_recurring_profile_begins_anew_each_time(idle: Station, recurrency: str, days: int) -> None:
    start = {"startSchedule": instant(100 - 3 * days * DAY_S), "duration": 60}
    given = profile(1, DEFAULT, (0, 10), kind="Recurring", recurrencyKind=recurrency, schedule=start)
    await install(idle, given)
    told = (await limits(idle, duration=days * DAY_S + 300))[:5]
    again = days * DAY_S + 100
    assert within_two_seconds(told, [(0, 32), (100, 10), (160, 32), (again, 10), (again + 60, 32)])


async def test_a_recurring_profile_says_nothing_before_its_first_start(idle: Station) -> None:
    start = {"startSchedule": instant(2 * DAY_S)}
    await install(
        idle, profile(1, DEFAULT, (0, 10), kind="Recurring", recurrencyKind="Daily", schedule=start)
    )
    assert await limit(idle) == 32


async def test_validity_does_not_move_the_start(idle: Station) -> None:
    start = {"startSchedule": instant(-100)}
    given = profile(
        1,
        DEFAULT,
        (0, 10),
        (150, 12),
        kind="Absolute",
        schedule=start,
        validFrom=instant(-10),
        validTo=instant(200),
    )
    await install(idle, given)
    assert within_two_seconds(await limits(idle), [(0, 10), (50, 12), (200, 32)])


async def test_the_maximum_bounds_the_default(idle: Station) -> None:
    await install(idle, profile(1, MAXIMUM, (0, 12)), 0)
    await install(idle, profile(2, DEFAULT, (0, 20)))
    assert await limit(idle) == 12


async def test_the_lower_of_watts_and_amperes_holds(idle: Station) -> None:
    await install(idle, profile(1, MAXIMUM, (0, 6_900), unit="W"), 0)
    await install(idle, profile(2, DEFAULT, (0, 16)))
    assert await limit(idle) == 10


async def test_at_one_level_the_default_of_the_connector_wins_over_that_of_the_station(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 20)), 1)
    await install(idle, profile(2, DEFAULT, (0, 10)), 0)
    assert (await limit(idle, 1), await limit(idle, 2)) == (20, 10)


async def test_a_default_of_the_station_at_a_higher_level_wins(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 20), level=0), 1)
    await install(idle, profile(2, DEFAULT, (0, 10), level=1), 0)
    assert await limit(idle, 1) == 10


async def test_the_station_is_told_as_the_sum_of_its_connectors(idle: Station) -> None:
    assert await limit(idle, 0) == 64
    await install(idle, profile(1, DEFAULT, (0, 10)), 1)
    assert await limit(idle, 0) == 42


async def test_the_station_is_told_as_its_maximum_where_that_is_less(idle: Station) -> None:
    await install(idle, profile(1, MAXIMUM, (0, 40)), 0)
    assert await limit(idle, 0) == 40


async def test_a_schedule_on_one_phase_does_not_raise_the_power_on_three(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 6_900), unit="W", phases=1))
    assert await limit(idle) == 10
