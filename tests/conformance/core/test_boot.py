"""BootNotification and what its answer allows (OCPP 1.6 §4.2)."""

from pathlib import Path

import pytest

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.station_log import Event
from tests.conformance.station import Station, station
from tests.process.charger import STATION

ACCEPTED = Behaviour(interval_s=0)


def registered(registration: str, interval_s: int) -> Behaviour:
    return ACCEPTED.changed({"registration": registration, "interval_s": interval_s})


async def test_the_boot_is_the_first_thing_that_is_sent(here: Station) -> None:
    assert here.calls[0].action == "BootNotification"


async def test_a_boot_says_vendor_model_firmware_and_serial_number(tmp_path: Path) -> None:
    told = 'vendor = "Acme"\nmodel = "One"\nfirmware_version = "4.5.6"\nserial_number = "SN-1"'
    async with station(tmp_path, station=told) as here:
        assert here.calls[0].payload == {
            "chargePointVendor": "Acme",
            "chargePointModel": "One",
            "firmwareVersion": "4.5.6",
            "chargeBoxSerialNumber": "SN-1",
            "chargePointSerialNumber": "SN-1",
        }


async def test_nothing_is_sent_before_the_boot_is_answered(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"BootNotification": Reaction(held=True)})
    async with station(tmp_path, behaviour=behaviour, boots=False) as here:
        await here.sends("BootNotification")
        await here.plug_in()
        await here.charger.until_status("Preparing")
        assert [one.action for one in here.calls] == ["BootNotification"]
        here.behave(reactions={})
        assert (await here.status("Preparing")).payload["errorCode"] == "NoError"


async def test_an_accepted_charge_point_tells_its_own_status_and_then_each_connectors(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=3) as here:
        told = [(one.action, one.payload.get("connectorId"), one.payload.get("status")) for one in here.calls]
        assert told == [
            ("BootNotification", None, None),
            ("StatusNotification", 0, "Available"),
            ("StatusNotification", 1, "Available"),
            ("StatusNotification", 2, "Available"),
            ("StatusNotification", 3, "Available"),
        ]


async def test_the_interval_of_an_accepted_boot_is_that_of_the_heartbeat(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Accepted", 77)) as here:
        assert await here.value_of("HeartbeatInterval") == "77"


async def test_an_interval_of_zero_leaves_the_heartbeat_to_the_charge_point(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="HeartbeatInterval = 55") as here:
        assert await here.value_of("HeartbeatInterval") == "55"


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_a_boot_that_is_not_accepted_is_sent_again_after_the_interval(
    tmp_path: Path, registration: str
) -> None:
    async with station(tmp_path, behaviour=registered(registration, 1), boots=False) as here:
        first = await here.sends("BootNotification")
        second = await here.sends("BootNotification")
        assert second.at_s - first.at_s >= 0.9
        here.site.csms.behaviour = ACCEPTED
        await here.status("Available")
        assert {one.action for one in here.calls[:2]} == {"BootNotification"}


async def test_a_pending_charge_point_serves_what_it_is_asked(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Pending", 60), boots=False) as here:
        await here.charger.until(lambda status: status["csms"]["registration"] == "Pending")
        assert await here.change("HeartbeatInterval", "99") == "Accepted"
        assert await here.value_of("HeartbeatInterval") == "99"
        assert await here.ask("ClearCache") == {"status": "Accepted"}


async def test_a_pending_charge_point_sends_nothing_unasked(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Pending", 60), boots=False) as here:
        await here.charger.until(lambda status: status["csms"]["registration"] == "Pending")
        await here.plug_in()
        await here.charger.until_status("Preparing")
        assert [one.action for one in await here.sent_until_now(0)] == ["BootNotification"]


async def test_a_pending_charge_point_sends_what_is_triggered(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Pending", 60), boots=False) as here:
        await here.charger.until(lambda status: status["csms"]["registration"] == "Pending")
        answer = await here.ask("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        assert answer == {"status": "Accepted"}
        await here.status("Available")


async def test_a_pending_charge_point_starts_and_stops_nothing_remotely(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Pending", 60), boots=False) as here:
        await here.charger.until(lambda status: status["csms"]["registration"] == "Pending")
        answer = await here.ask("RemoteStartTransaction", idTag="X", connectorId=1)
        assert answer == {"status": "Rejected"}
        assert await here.ask("RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}


async def test_a_triggered_boot_ends_the_wait_of_a_pending_charge_point(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Pending", 600), boots=False) as here:
        await here.charger.until(lambda status: status["csms"]["registration"] == "Pending")
        here.site.csms.behaviour = ACCEPTED
        await here.ask("TriggerMessage", requestedMessage="BootNotification")
        await here.status("Available")


async def test_a_rejected_charge_point_answers_nothing(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=registered("Rejected", 2), boots=False) as here:
        await here.charger.until(lambda status: status["csms"]["registration"] == "Rejected")
        entries = len(here.site.log.entries)
        await here.site.csms.send_raw(STATION, '[2,"deaf","GetConfiguration",{}]')
        here.site.csms.behaviour = ACCEPTED
        await here.status("Available")
        assert not [text for text in here.site.frames(Event.RECEIVED, entries) if '"deaf"' in text]


async def test_a_charge_point_boots_anew_after_each_start(here: Station) -> None:
    await here.charger.terminate()
    await here.charger.start()
    await here.status("Available", 0)
    await here.status("Available")
    assert len(here.sent("BootNotification")) == 2


async def test_the_registration_is_asked_for_again_after_a_restart(here: Station) -> None:
    """What the central system said to an earlier process is not relied upon."""
    here.site.csms.behaviour = registered("Pending", 600)
    await here.charger.power_cut()
    await here.charger.start()
    await here.charger.until(lambda status: status["csms"]["registration"] == "Pending")
    assert here.calls[-1].action == "BootNotification"


@pytest.mark.parametrize("text", ["2026-11-22T12:00:00.123456+02:00", "2026-11-22T10:00:00"])
async def test_the_time_of_the_answer_may_be_in_any_form(tmp_path: Path, text: str) -> None:
    answer = {"status": "Accepted", "interval": 300, "currentTime": text}
    behaviour = Behaviour(reactions={"BootNotification": Reaction(answer=answer)})
    async with station(tmp_path, behaviour=behaviour) as here:
        assert "currentTime of the CSMS is ignored" not in here.charger.log
