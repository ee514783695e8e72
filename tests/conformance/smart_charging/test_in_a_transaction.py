"""Profiles while a vehicle charges: what it is offered, and what ends with its transaction (OCPP 1.6 §3.13)."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.smart_charging.profiles import (
    ACCEPTED,
    DEFAULT,
    MAXIMUM,
    REJECTED,
    TX,
    UNKNOWN,
    clear,
    install,
    limit,
    limits,
    profile,
)
from tests.conformance.station import Station, station

OFFERED = 'MeterValuesSampledData = "Current.Offered"\nMeterValueSampleInterval = 0'


async def offered(here: Station, current_a: float) -> None:
    """Wait until the outlet offers *current_a*, and read it off the next MeterValues."""
    await here.charger.until_connector(lambda one: one["offer_a"] == current_a)
    await here.ask("TriggerMessage", requestedMessage="MeterValues")
    values = (await here.sends("MeterValues")).payload["meterValue"][0]["sampledValue"]
    assert [float(one["value"]) for one in values] == [current_a]


async def test_a_lower_limit_is_offered_at_once(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=OFFERED) as here:
        await here.charge()
        assert await install(here, profile(1, DEFAULT, (0, 10))) == ACCEPTED
        await offered(here, 10)


@pytest.mark.parametrize("given", [0, 5.9])
async def test_a_limit_below_six_amperes_pauses_and_the_transaction_stays(
    tmp_path: Path, given: float
) -> None:
    async with station(tmp_path, ocpp=OFFERED) as here:
        await here.charge()
        assert await install(here, profile(1, DEFAULT, (0, given))) == ACCEPTED
        await here.status("SuspendedEVSE")
        await offered(here, 0)
        assert here.sent("StopTransaction") == []


async def test_a_profile_of_the_transaction_prevails_over_a_default_of_a_higher_level(here: Station) -> None:
    await here.begin()
    await install(here, profile(1, DEFAULT, (0, 10), level=5))
    assert await install(here, profile(2, TX, (0, 16), level=0, transactionId=1)) == ACCEPTED
    assert await limit(here) == 16


async def test_where_the_profile_of_the_transaction_has_ended_the_default_holds(here: Station) -> None:
    await here.begin()
    await install(here, profile(1, DEFAULT, (0, 10)))
    await install(here, profile(2, TX, (0, 16), transactionId=1, schedule={"duration": 300}))
    first, second = await limits(here)
    assert (first, second[1]) == ((0, 16), 10)
    assert 290 <= second[0] <= 300


async def test_a_profile_of_the_transaction_needs_no_number(here: Station) -> None:
    await here.begin()
    assert await install(here, profile(1, TX, (0, 12))) == ACCEPTED
    assert await limit(here) == 12


async def test_a_profile_of_another_transaction_is_rejected(here: Station) -> None:
    await here.begin()
    assert await install(here, profile(1, TX, transactionId=2)) == REJECTED


async def test_a_profile_of_a_transaction_on_another_connector_is_rejected(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await here.begin(1)
        assert await install(here, profile(1, TX, transactionId=1), 2) == REJECTED


async def test_a_profile_of_the_transaction_ends_with_it(here: Station) -> None:
    await here.begin()
    await install(here, profile(1, TX, (0, 10), transactionId=1))
    await here.swipe()
    await here.stopped()
    assert await clear(here, id=1) == UNKNOWN


async def test_the_next_transaction_is_not_under_the_profile_of_the_last(here: Station) -> None:
    await here.begin()
    await install(here, profile(1, TX, (0, 10), transactionId=1))
    await here.plug_out()
    await here.stopped()
    await here.status("Available")
    await here.begin()
    assert await limit(here) == 32


async def test_a_default_outlasts_the_transaction(here: Station) -> None:
    await install(here, profile(1, DEFAULT, (0, 10)))
    await here.begin()
    await here.swipe()
    await here.stopped()
    assert await clear(here, id=1) == ACCEPTED


async def test_a_relative_profile_counts_from_the_start_of_the_transaction(here: Station) -> None:
    await install(here, profile(1, DEFAULT, (0, 10), (300, 12)))
    await here.begin()
    first, second = await limits(here)
    assert (first, second[1]) == ((0, 10), 12)
    assert 290 <= second[0] <= 300


async def test_the_maximum_of_the_station_is_shared(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await install(here, profile(1, MAXIMUM, (0, 20)), 0)
        await here.begin(1, "ONE")
        assert await limit(here, 1) == 20
        await here.begin(2, "TWO")
        assert (await limit(here, 1), await limit(here, 2)) == (10, 10)


async def test_where_six_amperes_are_not_left_for_both_the_newer_transaction_waits(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await install(here, profile(1, MAXIMUM, (0, 10)), 0)
        await here.begin(1, "ONE")
        await here.begin(2, "TWO")
        assert (await limit(here, 1), await limit(here, 2)) == (10, 0)


async def test_clearing_a_default_lets_the_transaction_go_on_without_it(here: Station) -> None:
    await install(here, profile(1, DEFAULT, (0, 10)))
    await here.begin()
    assert await limit(here) == 10
    await clear(here, id=1)
    assert await limit(here) == 32


async def test_the_main_fuse_is_shared_without_any_profile(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2, station="max_current_a = 32") as here:
        await here.begin(1, "ONE")
        await here.begin(2, "TWO")
        assert (await limit(here, 1), await limit(here, 2)) == (16, 16)


REMOTE: dict[str, Any] = {"connectorId": 1, "idTag": "REMOTE"}


async def test_the_profile_of_a_remote_start_ends_with_its_transaction(here: Station) -> None:
    await here.plug_in()
    given = profile(1, TX, (0, 10))
    assert await here.ask("RemoteStartTransaction", REMOTE, chargingProfile=given) == ACCEPTED
    await here.started()
    assert await limit(here) == 10
    await here.plug_out()
    await here.stopped()
    assert await clear(here, id=1) == UNKNOWN


async def test_a_remote_start_with_a_profile_that_cannot_be_kept_is_rejected(here: Station) -> None:
    await here.plug_in()
    for given in (
        profile(1, DEFAULT),
        profile(1, MAXIMUM),
        profile(1, TX, transactionId=1),
        profile(1, TX, (5, 10)),
    ):
        assert await here.ask("RemoteStartTransaction", REMOTE, chargingProfile=given) == REJECTED
    assert await here.ask("RemoteStartTransaction", REMOTE) == ACCEPTED
    await here.started()
    assert len(here.sent("StartTransaction")) == 1


async def test_the_profile_of_a_remote_start_that_lapsed_is_not_the_next_drivers(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="ConnectionTimeOut = 1") as here:
        given = profile(1, TX, (0, 10))
        assert await here.ask("RemoteStartTransaction", REMOTE, chargingProfile=given) == ACCEPTED
        await here.status("Preparing")
        await here.status("Available")
        await here.begin()
        assert await limit(here) == 32


async def test_with_smart_charging_off_the_profile_of_a_remote_start_is_ignored(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='SupportedFeatureProfiles = "Core"') as here:
        await here.plug_in()
        given = profile(1, TX, (0, 10))
        assert await here.ask("RemoteStartTransaction", REMOTE, chargingProfile=given) == ACCEPTED
        await here.started()
