"""ClearChargingProfile: its filters (OCPP 1.6 §5.5, §6.13)."""

import pytest

from tests.conformance.smart_charging.profiles import (
    ACCEPTED,
    DEFAULT,
    MAXIMUM,
    UNKNOWN,
    clear,
    install,
    limit,
    profile,
)
from tests.conformance.station import Station

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def left(idle: Station) -> list[int]:
    """Which of the profiles 1 to 4 are still installed; none is afterwards."""
    return [number for number in (1, 2, 3, 4) if await clear(idle, id=number) == ACCEPTED]


async def some(idle: Station) -> None:
    """A maximum, a default of the station, and two defaults of connector 1."""
    await install(idle, profile(1, MAXIMUM), 0)
    await install(idle, profile(2, DEFAULT), 0)
    await install(idle, profile(3, DEFAULT, level=0), 1)
    await install(idle, profile(4, DEFAULT, level=1), 1)


async def test_without_a_filter_everything_goes(idle: Station) -> None:
    await some(idle)
    assert await clear(idle) == ACCEPTED
    assert await left(idle) == []


async def test_an_identifier_names_one_profile_whatever_else_is_asked(idle: Station) -> None:
    await some(idle)
    assert await clear(idle, id=3, connectorId=2, stackLevel=9) == ACCEPTED
    assert await left(idle) == [1, 2, 4]


async def test_a_connector_names_its_own_profiles_and_not_those_of_the_station(idle: Station) -> None:
    await some(idle)
    assert await clear(idle, connectorId=1) == ACCEPTED
    assert await left(idle) == [1, 2]


async def test_connector_zero_names_the_profiles_of_the_station(idle: Station) -> None:
    await some(idle)
    assert await clear(idle, connectorId=0) == ACCEPTED
    assert await left(idle) == [3, 4]


async def test_a_purpose_names_its_profiles(idle: Station) -> None:
    await some(idle)
    assert await clear(idle, chargingProfilePurpose=DEFAULT) == ACCEPTED
    assert await left(idle) == [1]


async def test_level_zero_is_a_level(idle: Station) -> None:
    await some(idle)
    assert await clear(idle, stackLevel=0) == ACCEPTED
    assert await left(idle) == [4]


async def test_all_filters_must_match(idle: Station) -> None:
    await some(idle)
    assert await clear(idle, connectorId=1, chargingProfilePurpose=DEFAULT, stackLevel=1) == ACCEPTED
    assert await left(idle) == [1, 2, 3]


async def test_what_matches_nothing_is_unknown_and_clears_nothing(idle: Station) -> None:
    await some(idle)
    for filters in ({"id": 99}, {"connectorId": 2}, {"connectorId": 9}, {"stackLevel": 5}):
        assert await clear(idle, **filters) == UNKNOWN
    assert await left(idle) == [1, 2, 3, 4]


async def test_an_empty_store_is_unknown(idle: Station) -> None:
    assert await clear(idle) == UNKNOWN


async def test_clearing_gives_the_former_limit_back_at_once(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 16), level=0))
    await install(idle, profile(2, DEFAULT, (0, 10), level=1))
    assert await limit(idle) == 10
    assert await clear(idle, id=2) == ACCEPTED
    assert await limit(idle) == 16
