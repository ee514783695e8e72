"""TriggerMessage (OCPP 1.6 §5.17)."""

import json
from pathlib import Path
from typing import Any

import pytest

from cpd.lab.csms.station_log import Event
from tests.conformance.station import Station, station

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


async def trigger(here: Station, message: str, connector: int | None = None) -> Any:
    place = {} if connector is None else {"connectorId": connector}
    return await here.ask("TriggerMessage", place, requestedMessage=message)


async def triggered(here: Station, message: str, connector: int | None = None) -> list[Any]:
    """The connector of each message of that kind which follows the trigger."""
    since = len(here.calls)
    assert await trigger(here, message, connector) == ACCEPTED
    return [
        one.payload.get("connectorId") for one in await here.sent_until_now(since) if one.action == message
    ]


async def test_a_heartbeat_is_sent(idle: Station) -> None:
    assert await trigger(idle, "Heartbeat") == ACCEPTED
    assert (await idle.sends("Heartbeat")).payload == {}


async def test_a_boot_notification_is_sent_as_at_the_start(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        assert await trigger(here, "BootNotification") == ACCEPTED
        assert (await here.sends("BootNotification")).payload == here.calls[0].payload


async def test_a_triggered_boot_ends_no_transaction(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        await here.begin()
        assert await trigger(here, "BootNotification") == ACCEPTED
        await here.sends("BootNotification")
        assert await here.ask("RemoteStopTransaction", transactionId=1) == ACCEPTED
        (stop,) = await here.stopped()
        assert stop["reason"] == "Remote"


async def test_the_status_of_everything_is_sent_where_no_connector_is_named(idle: Station) -> None:
    assert await triggered(idle, "StatusNotification") == [0, 1, 2]


@pytest.mark.parametrize("connector", [1, 2])
async def test_the_status_of_the_connector_that_is_named_is_sent(idle: Station, connector: int) -> None:
    assert await triggered(idle, "StatusNotification", connector) == [connector]


async def test_a_triggered_status_is_the_present_one(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        await here.plug_in()
        await here.status("Preparing")
        assert await trigger(here, "StatusNotification", 1) == ACCEPTED
        again = await here.sends("StatusNotification", connectorId=1)
        assert (again.payload["status"], again.payload["errorCode"]) == ("Preparing", "NoError")


async def test_meter_values_of_every_connector_are_sent_where_none_is_named(idle: Station) -> None:
    assert await triggered(idle, "MeterValues") == [1, 2]


async def test_meter_values_of_the_connector_that_is_named_are_sent(idle: Station) -> None:
    assert await triggered(idle, "MeterValues", 2) == [2]


async def test_triggered_meter_values_say_so_and_name_the_transaction(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        await here.begin()
        assert await trigger(here, "MeterValues", 1) == ACCEPTED
        payload = (await here.sends("MeterValues")).payload
        assert payload["transactionId"] == 1
        assert {one["context"] for one in payload["meterValue"][0]["sampledValue"]} == {"Trigger"}


async def test_triggered_meter_values_have_the_sampled_measurands(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        assert await here.change("MeterValuesSampledData", "Voltage") == "Accepted"
        assert await trigger(here, "MeterValues", 1) == ACCEPTED
        payload = (await here.sends("MeterValues")).payload
        assert {one["measurand"] for one in payload["meterValue"][0]["sampledValue"]} == {"Voltage"}


async def test_meter_values_without_any_measurand_are_not_promised(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        assert await here.change("MeterValuesSampledData", "") == "Accepted"
        assert await trigger(here, "MeterValues", 1) == REJECTED


@pytest.mark.parametrize("message", ["MeterValues", "StatusNotification"])
async def test_a_connector_that_is_not_there_is_rejected_and_nothing_sent(
    idle: Station, message: str
) -> None:
    for connector in (0, 3, -1):
        since = len(idle.calls)
        assert await trigger(idle, message, connector) == REJECTED
        assert await idle.sent_until_now(since) == []


async def test_messages_come_in_the_order_asked(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        since = len(here.calls)
        for message in ("MeterValues", "StatusNotification", "BootNotification"):
            assert await trigger(here, message) == ACCEPTED
        told = list(dict.fromkeys(one.action for one in await here.sent_until_now(since)))
        assert told == ["MeterValues", "StatusNotification", "BootNotification"]


async def test_the_answer_comes_before_the_message(idle: Station) -> None:
    entries = len(idle.site.log.entries)
    await trigger(idle, "StatusNotification", 1)
    await idle.sends("StatusNotification", connectorId=1)
    assert [json.loads(text)[0] for text in idle.site.frames(Event.RECEIVED, entries)] == [3, 2]


async def test_a_message_that_cannot_be_asked_for_is_a_property_constraint_violation(idle: Station) -> None:
    for message in ("StartTransaction", "Authorize", "heartbeat", ""):
        code = await idle.refusal("TriggerMessage", requestedMessage=message)
        assert code == "PropertyConstraintViolation"


async def test_the_connector_of_a_message_that_has_none_is_ignored(idle: Station) -> None:
    assert await trigger(idle, "Heartbeat", 1) == ACCEPTED
    await idle.sends("Heartbeat")
