"""Which changes of a status are told, and when (OCPP 1.6 §4.9, §9.1.20)."""

import itertools
from pathlib import Path

from tests.conformance.station import Station, station
from tests.process.charger import STATION


async def test_a_plug_is_told_as_preparing_and_its_end_as_available(here: Station) -> None:
    await here.plug_in()
    await here.status("Preparing")
    await here.plug_out()
    await here.status("Available")


async def test_a_limit_of_zero_is_told_as_suspended_by_the_charge_point(here: Station) -> None:
    await here.charge()
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}],
        },
    }
    await here.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
    await here.status("SuspendedEVSE")


async def test_a_status_that_ends_within_minimum_status_duration_is_not_told(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="MinimumStatusDuration = 2\nHeartbeatInterval = 1") as here:
        since = len(here.calls)
        await here.plug_in()
        await here.charger.until_status("Preparing")
        await here.plug_out()
        await here.charger.until_status("Available")
        for _ in range(3):
            await here.sends("Heartbeat")
        assert here.sent("StatusNotification", since, status="Preparing") == []


async def test_a_status_that_lasts_minimum_status_duration_is_told(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="MinimumStatusDuration = 1") as here:
        await here.plug_in()
        await here.status("Preparing")


async def test_an_error_is_told_though_it_is_shorter_than_minimum_status_duration(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="MinimumStatusDuration = 1") as here:
        for active in (True, False):
            await here.charger.call("mock.fault", connector=1, kind="ground_fault", active=active)
        await here.sends("StatusNotification", connectorId=1, errorCode="GroundFailure")
        await here.status("Available", errorCode="NoError")


async def test_what_changed_without_a_link_is_told_as_it_is_now(here: Station) -> None:
    await here.charger.call("csms.disconnect")
    await here.plug_in()
    await here.charger.until_status("Preparing")
    since = len(here.calls)
    await here.charger.call("csms.connect")
    await here.status("Preparing")
    assert here.sent("StatusNotification", since, connectorId=1, status="Available") == []


async def test_connector_zero_is_told_again_only_when_it_changes(here: Station) -> None:
    since = len(here.calls)
    await here.begin()
    await here.swipe()
    await here.stopped()
    await here.plug_out()
    await here.status("Available")
    assert here.sent("StatusNotification", since, connectorId=0) == []


async def test_the_same_status_is_not_told_twice(here: Station) -> None:
    await here.charge()
    await here.swipe()
    await here.stopped()
    await here.plug_out()
    await here.status("Available")
    told = [
        (one.payload["status"], one.payload["errorCode"], one.payload.get("info"))
        for one in here.sent("StatusNotification", connectorId=1)
    ]
    assert [pair for pair in itertools.pairwise(told) if pair[0] == pair[1]] == []


async def test_a_status_that_got_an_error_for_an_answer_is_true_on_the_next_link(here: Station) -> None:
    here.behave(reactions={"StatusNotification": {"error": "InternalError", "times": 1}})
    await here.plug_in()
    await here.status("Preparing")
    here.site.csms.drop(STATION)
    await here.status("Preparing")
