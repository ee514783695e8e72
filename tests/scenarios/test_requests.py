"""Every request of OCPP 1.6, well formed and malformed: one answer each, and nothing half done."""

import json
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.requests import CallRefused
from cpd.lab.csms.station_log import Event
from cpd.ocpp.validation import known_actions
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

SCHEDULE: dict[str, Any] = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
}
PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": SCHEDULE,
}

SERVED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ChangeConfiguration": ({"key": "ConnectionTimeOut", "value": "30"}, {"status": "Accepted"}),
    "ClearChargingProfile": ({}, {"status": "Unknown"}),
    "GetConfiguration": (
        {"key": ["ConnectionTimeOut"]},
        {"configurationKey": [{"key": "ConnectionTimeOut", "readonly": False, "value": "60"}]},
    ),
    "GetLocalListVersion": ({}, {"listVersion": 0}),
    "SendLocalList": (
        {
            "listVersion": 7,
            "updateType": "Full",
            "localAuthorizationList": [{"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}],
        },
        {"status": "Accepted"},
    ),
    "ReserveNow": (
        {"connectorId": 1, "expiryDate": "2026-03-02T12:00:00Z", "idTag": "TAG", "reservationId": 7},
        {"status": "Accepted"},
    ),
    "CancelReservation": ({"reservationId": 7}, {"status": "Accepted"}),
    "ChangeAvailability": ({"connectorId": 1, "type": "Operative"}, {"status": "Accepted"}),
    "ClearCache": ({}, {"status": "Accepted"}),
    "DataTransfer": ({"vendorId": "somebody"}, {"status": "UnknownVendorId"}),
    "UnlockConnector": ({"connectorId": 1}, {"status": "Unlocked"}),
    "RemoteStartTransaction": ({"idTag": "TAG", "connectorId": 1}, {"status": "Accepted"}),
    "RemoteStopTransaction": ({"transactionId": 7}, {"status": "Rejected"}),
    "SetChargingProfile": ({"connectorId": 0, "csChargingProfiles": PROFILE}, {"status": "Accepted"}),
    "TriggerMessage": ({"requestedMessage": "Heartbeat"}, {"status": "Accepted"}),
    "GetDiagnostics": ({"location": "ftp://host/", "startTime": "2099-01-01T00:00:00Z"}, {}),
    "UpdateFirmware": ({"location": "ftp://host/new.bin", "retrieveDate": "2099-01-01T00:00:00Z"}, {}),
}
"""A request and its answer for what is served; GetCompositeSchedule's answer names the time, and Reset ends all."""

NOT_SERVED = [
    "CertificateSigned",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetInstalledCertificateIds",
    "GetLog",
    "InstallCertificate",
    "SignedUpdateFirmware",
]

OF_A_CHARGE_POINT = [
    "Authorize",
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SecurityEventNotification",
    "SignCertificate",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
]


def test_the_tables_name_every_action() -> None:
    assert {*SERVED, "GetCompositeSchedule", "Reset", *NOT_SERVED, *OF_A_CHARGE_POINT} == known_actions()


async def ask(here: Site, action: str, payload: object) -> Any:
    return await here.csms.call_raw(STATION, action, payload)


async def refusal(here: Site, action: str, payload: object) -> str:
    """The code of the CALLERROR that the request gets."""
    with pytest.raises(CallRefused) as refused:
        await ask(here, action, payload)
    return refused.value.code


async def alive(here: Site) -> bool:
    """True where the first link still stands and answers."""
    answer = await ask(here, "GetConfiguration", {"key": ["NumberOfConnectors"]})
    return bool(answer["configurationKey"][0]["value"] == "1") and here.log.connections == 1


def test_what_is_served_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            schedule = await ask(here, "GetCompositeSchedule", {"connectorId": 1, "duration": 60})
            assert schedule["status"] == "Accepted"
            answers = {action: await ask(here, action, request) for action, (request, _) in SERVED.items()}
            assert answers | {"GetConfiguration": SERVED["GetConfiguration"][1]} == {
                action: expected for action, (_, expected) in SERVED.items()
            }
            (key,) = answers["GetConfiguration"]["configurationKey"]
            assert key == {"key": "ConnectionTimeOut", "readonly": False, "value": "30"}

    run_virtual(scenario())


def test_what_is_known_and_not_served_is_not_supported_and_what_is_unknown_not_implemented(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            for action in NOT_SERVED + OF_A_CHARGE_POINT:
                assert await refusal(here, action, {}) == "NotSupported", action
            for action in ("NotifyReport", "reset", "", "X" * 300):
                assert await refusal(here, action, {}) == "NotImplemented", action[:20]
            assert await alive(here)

    run_virtual(scenario())


def with_profile(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 0, "csChargingProfiles": PROFILE | changes}


def with_schedule(**changes: Any) -> dict[str, Any]:
    return with_profile(chargingSchedule=SCHEDULE | changes)


def with_period(**changes: Any) -> dict[str, Any]:
    return with_schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": 10} | changes])


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != name}


def with_tag(**changes: Any) -> dict[str, Any]:
    entry = {"idTag": "TAG", "idTagInfo": {"status": "Accepted"}} | changes
    return {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}


FORMATION, TYPE = "FormationViolation", "TypeConstraintViolation"
PROPERTY, OCCURENCE = "PropertyConstraintViolation", "OccurenceConstraintViolation"

MALFORMED: list[tuple[str, object, str]] = [
    ("SetChargingProfile", {}, FORMATION),
    ("SetChargingProfile", [], FORMATION),
    ("SetChargingProfile", None, FORMATION),
    ("SetChargingProfile", without(with_profile(), "connectorId"), FORMATION),
    (
        "SetChargingProfile",
        {"connectorId": 0, "csChargingProfiles": without(PROFILE, "stackLevel")},
        FORMATION,
    ),
    ("SetChargingProfile", with_profile(chargingSchedule=without(SCHEDULE, "chargingRateUnit")), FORMATION),
    ("SetChargingProfile", with_schedule(chargingSchedulePeriod=[{"startPeriod": 0}]), FORMATION),
    ("SetChargingProfile", with_profile() | {"connectorId": "1"}, TYPE),
    ("SetChargingProfile", with_profile() | {"connectorId": True}, TYPE),
    ("SetChargingProfile", with_profile(chargingProfileId=1.5), TYPE),
    ("SetChargingProfile", with_profile(chargingSchedule=[]), TYPE),
    ("SetChargingProfile", with_period(limit="10"), TYPE),
    ("SetChargingProfile", with_period(limit=True), TYPE),
    ("SetChargingProfile", with_period(limit=None), TYPE),
    ("SetChargingProfile", with_profile(chargingProfilePurpose="MaxProfile"), PROPERTY),
    ("SetChargingProfile", with_profile(chargingProfileKind="absolute"), PROPERTY),
    ("SetChargingProfile", with_profile(recurrencyKind="Monthly"), PROPERTY),
    ("SetChargingProfile", with_schedule(chargingRateUnit="kW"), PROPERTY),
    ("SetChargingProfile", with_schedule(startSchedule="tomorrow"), PROPERTY),
    ("SetChargingProfile", with_schedule(duration=0), PROPERTY),
    ("SetChargingProfile", with_schedule(minChargingRate=-1), PROPERTY),
    ("SetChargingProfile", with_period(limit=-0.1), PROPERTY),
    ("SetChargingProfile", with_period(startPeriod=-1), PROPERTY),
    ("SetChargingProfile", with_period(numberPhases=0), PROPERTY),
    ("SetChargingProfile", with_period(numberPhases=4), PROPERTY),
    ("SetChargingProfile", with_profile(stackLevel=-1), PROPERTY),
    ("SetChargingProfile", with_profile(validTo="31.12.2026"), PROPERTY),
    ("SetChargingProfile", with_profile() | {"connectorId": 2}, PROPERTY),
    ("SetChargingProfile", with_profile() | {"connectorId": -1}, PROPERTY),
    ("SetChargingProfile", with_schedule(chargingSchedulePeriod=[]), OCCURENCE),
    ("ChangeConfiguration", {"key": "ConnectionTimeOut"}, FORMATION),
    ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": 30}, TYPE),
    ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "3" * 501}, PROPERTY),
    ("ChangeConfiguration", {"key": "K" * 51, "value": "30"}, PROPERTY),
    ("GetConfiguration", {"key": "ConnectionTimeOut"}, TYPE),
    ("GetConfiguration", {"key": ["K" * 51]}, PROPERTY),
    ("RemoteStartTransaction", {"connectorId": 1}, FORMATION),
    ("RemoteStartTransaction", {"idTag": "T" * 21, "connectorId": 1}, PROPERTY),
    ("RemoteStartTransaction", {"idTag": 4711, "connectorId": 1}, TYPE),
    (
        "RemoteStartTransaction",
        {"idTag": "TAG", "chargingProfile": without(PROFILE, "chargingSchedule")},
        FORMATION,
    ),
    ("RemoteStopTransaction", {}, FORMATION),
    ("RemoteStopTransaction", {"transactionId": "7"}, TYPE),
    ("GetCompositeSchedule", {"connectorId": 1}, FORMATION),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": "60"}, TYPE),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60, "chargingRateUnit": "VA"}, PROPERTY),
    ("ClearChargingProfile", {"id": "1"}, TYPE),
    ("ClearChargingProfile", {"chargingProfilePurpose": "All"}, PROPERTY),
    ("SendLocalList", {"listVersion": 1}, FORMATION),
    ("SendLocalList", {"listVersion": "1", "updateType": "Full"}, TYPE),
    ("SendLocalList", {"listVersion": 1, "updateType": "All"}, PROPERTY),
    ("SendLocalList", with_tag(idTag="T" * 21), PROPERTY),
    ("SendLocalList", with_tag(idTagInfo={}), FORMATION),
    ("SendLocalList", with_tag(idTagInfo={"status": "Good"}), PROPERTY),
    ("SendLocalList", with_tag(idTagInfo={"status": "Accepted", "expiryDate": "never"}), PROPERTY),
    ("TriggerMessage", {}, FORMATION),
    ("TriggerMessage", {"requestedMessage": "Everything"}, PROPERTY),
]


def test_a_malformed_request_gets_its_code_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            await here.clock.sleep(1)
            before = await ask(here, "GetConfiguration", {})
            seen = len(here.log.calls)
            for action, payload, code in MALFORMED:
                assert await refusal(here, action, payload) == code, (action, payload)
            assert here.daemon.station.ledger.book.profiles == ()
            assert await ask(here, "GetConfiguration", {}) == before
            await here.clock.sleep(5)
            assert len(here.log.calls) == seen
            assert here.connector().status == "Preparing"
            assert await alive(here)

    run_virtual(scenario())


def test_a_profile_that_is_refused_leaves_the_one_that_it_would_replace(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert (await ask(here, "SetChargingProfile", with_profile()))["status"] == "Accepted"
            (before,) = here.daemon.station.ledger.book.profiles
            for refused in (with_schedule(chargingSchedulePeriod=[]), with_period(limit=-1)):
                await refusal(here, "SetChargingProfile", refused)
            for rejected in (with_period(startPeriod=5), with_profile(stackLevel=11)):
                assert (await ask(here, "SetChargingProfile", rejected))["status"] == "Rejected"
            assert here.daemon.station.ledger.book.profiles == (before,)

    run_virtual(scenario())


def test_what_the_schema_does_not_know_is_ignored(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            request = with_period(limit=16.05, vendor=1) | {"customData": {"vendorId": "x"}}
            assert (await ask(here, "SetChargingProfile", request))["status"] == "Accepted"
            answer = await ask(here, "GetCompositeSchedule", {"connectorId": 1, "duration": 60, "x": None})
            (period,) = answer["chargingSchedule"]["chargingSchedulePeriod"]
            assert period["limit"] == 16.0

    run_virtual(scenario())


def test_frames_that_are_none_do_not_end_the_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            for frame in ("", "{", "null", "[]", "[2]", '"text"', "[9,1,2]", '[3,"nobody",{}]', "\ud800"):
                await here.csms.send_raw(STATION, frame)
            assert await alive(here)

    run_virtual(scenario())


TRIGGERED: dict[str, list[tuple[str, int | None]]] = {
    "BootNotification": [("BootNotification", None)],
    "DiagnosticsStatusNotification": [("DiagnosticsStatusNotification", None)],
    "FirmwareStatusNotification": [("FirmwareStatusNotification", None)],
    "Heartbeat": [("Heartbeat", None)],
    "MeterValues": [("MeterValues", 1), ("MeterValues", 2)],
    "StatusNotification": [("StatusNotification", 0), ("StatusNotification", 1), ("StatusNotification", 2)],
}


@pytest.mark.parametrize("message", list(TRIGGERED))
@pytest.mark.parametrize("connector", [None, 2])
def test_a_triggered_message_follows_the_answer(tmp_path: Path, message: str, connector: int | None) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.clock.sleep(1)
            seen, entries = len(here.log.calls), len(here.log.entries)
            request = call.TriggerMessage(requested_message=message, connector_id=connector)  # type: ignore[arg-type]
            assert (await here.call(request)).status == "Accepted"
            await here.clock.sleep(5)
            sent = [
                (received.action, getattr(received.message, "connector_id", None))
                for received in here.log.calls[seen:]
            ]
            assert sent == [one for one in TRIGGERED[message] if connector is None or one[1] in (None, 2)]
            frames = [one.text for one in here.log.entries[entries:] if one.event is Event.RECEIVED]
            assert json.loads(frames[0])[0] == 3

    run_virtual(scenario())


@pytest.mark.parametrize("message", ["MeterValues", "StatusNotification"])
@pytest.mark.parametrize("connector", [3, -1])
def test_nothing_is_triggered_on_a_connector_that_is_not_there(
    tmp_path: Path, message: str, connector: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.clock.sleep(1)
            seen = len(here.log.calls)
            request = {"requestedMessage": message, "connectorId": connector}
            assert (await ask(here, "TriggerMessage", request))["status"] == "Rejected"
            await here.clock.sleep(5)
            assert len(here.log.calls) == seen

    run_virtual(scenario())


@pytest.mark.parametrize("message", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
def test_a_message_that_is_not_served_is_not_implemented(tmp_path: Path, message: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp='SupportedFeatureProfiles = "Core,RemoteTrigger"') as here:
            answer = await ask(here, "TriggerMessage", {"requestedMessage": message})
            assert answer["status"] == "NotImplemented"

    run_virtual(scenario())
