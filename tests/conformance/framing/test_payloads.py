"""What a request may carry: one error code for each way to be wrong, and tolerance where nothing is lost by it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.station import Station, station

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEDULE: dict[str, Any] = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
}
PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": SCHEDULE,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    async with station(tmp_path_factory.mktemp("payloads")) as running:
        yield running


def profile(**changes: Any) -> dict[str, Any]:
    """A SetChargingProfile.req with some members of its profile changed; None takes one out."""
    whole = {name: value for name, value in {**PROFILE, **changes}.items() if value is not None}
    return {"connectorId": 0, "csChargingProfiles": whole}


def schedule(**changes: Any) -> dict[str, Any]:
    return profile(chargingSchedule={**SCHEDULE, **changes})


def period(**changes: Any) -> dict[str, Any]:
    return schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": 10, **changes}])


async def refused_with(idle: Station, code: str, *requests: tuple[str, Mapping[str, Any]]) -> None:
    """Each request gets *code*, and no profile is kept of it."""
    for action, payload in requests:
        assert await idle.refusal(action, payload) == code, (action, payload)
    assert await idle.ask("ClearChargingProfile") == {"status": "Unknown"}


async def kept(idle: Station, request: Mapping[str, Any]) -> dict[str, Any]:
    """The first period of the composite schedule under the profile of *request*, which is gone afterwards."""
    assert await idle.ask("SetChargingProfile", request) == {"status": "Accepted"}
    answer = await idle.ask("GetCompositeSchedule", connectorId=1, duration=60)
    assert await idle.ask("ClearChargingProfile", id=1) == {"status": "Accepted"}
    first: dict[str, Any] = answer["chargingSchedule"]["chargingSchedulePeriod"][0]
    return first


async def test_a_missing_member_is_a_formation_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "FormationViolation",
        ("ChangeAvailability", {"connectorId": 1}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval"}),
        ("DataTransfer", {"data": "x"}),
        ("GetCompositeSchedule", {"connectorId": 1}),
        ("RemoteStartTransaction", {"connectorId": 1}),
        ("RemoteStopTransaction", {}),
        ("ReserveNow", {"connectorId": 1, "idTag": "X", "reservationId": 1}),
        ("CancelReservation", {}),
        ("Reset", {}),
        ("SetChargingProfile", {"connectorId": 1}),
        ("TriggerMessage", {}),
        ("UnlockConnector", {}),
    )


async def test_a_missing_member_deep_inside_is_a_formation_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "FormationViolation",
        ("SetChargingProfile", profile(stackLevel=None)),
        ("SetChargingProfile", profile(chargingSchedule={"chargingRateUnit": "A"})),
        ("SetChargingProfile", schedule(chargingSchedulePeriod=[{"startPeriod": 0}])),
    )


async def test_a_member_of_another_type_is_a_type_constraint_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "TypeConstraintViolation",
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": 30}),
        ("GetConfiguration", {"key": "HeartbeatInterval"}),
        ("RemoteStopTransaction", {"transactionId": "1"}),
        ("UnlockConnector", {"connectorId": 1.5}),
        ("SetChargingProfile", profile(chargingSchedule=[])),
    )


async def test_a_boolean_is_no_number(idle: Station) -> None:
    await refused_with(
        idle,
        "TypeConstraintViolation",
        ("UnlockConnector", {"connectorId": True}),
        ("SetChargingProfile", period(limit=True)),
    )


async def test_null_is_no_value(idle: Station) -> None:
    await refused_with(
        idle,
        "TypeConstraintViolation",
        ("UnlockConnector", {"connectorId": None}),
        ("RemoteStartTransaction", {"idTag": None}),
        ("SetChargingProfile", period(limit=None)),
    )


async def test_a_text_that_is_too_long_is_a_property_constraint_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "PropertyConstraintViolation",
        ("ChangeConfiguration", {"key": "K" * 51, "value": "1"}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1" * 501}),
        ("GetConfiguration", {"key": ["K" * 51]}),
        ("RemoteStartTransaction", {"idTag": "T" * 21}),
        ("DataTransfer", {"vendorId": "v" * 256}),
    )


async def test_a_word_that_is_in_no_list_is_a_property_constraint_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "PropertyConstraintViolation",
        ("ChangeAvailability", {"connectorId": 1, "type": "operative"}),
        ("Reset", {"type": "Warm"}),
        ("TriggerMessage", {"requestedMessage": "Everything"}),
        ("GetCompositeSchedule", {"connectorId": 1, "duration": 60, "chargingRateUnit": "kW"}),
        ("ClearChargingProfile", {"chargingProfilePurpose": "AllProfiles"}),
        ("SetChargingProfile", profile(chargingProfilePurpose="MaxProfile")),
        ("SetChargingProfile", profile(chargingProfileKind="absolute")),
        ("SetChargingProfile", profile(recurrencyKind="Monthly")),
    )


async def test_a_number_out_of_its_range_is_a_property_constraint_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "PropertyConstraintViolation",
        ("SetChargingProfile", period(limit=-0.1)),
        ("SetChargingProfile", period(startPeriod=-1)),
        ("SetChargingProfile", period(numberPhases=0)),
        ("SetChargingProfile", period(numberPhases=4)),
        ("SetChargingProfile", profile(stackLevel=-1)),
        ("SetChargingProfile", schedule(duration=0)),
        ("SetChargingProfile", schedule(minChargingRate=-1)),
        ("GetCompositeSchedule", {"connectorId": 1, "duration": -1}),
    )


async def test_a_text_that_is_no_date_is_a_property_constraint_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "PropertyConstraintViolation",
        ("SetChargingProfile", profile(validTo="31.12.2026")),
        ("SetChargingProfile", schedule(startSchedule="tomorrow")),
        ("SetChargingProfile", schedule(startSchedule="2026-02-30T00:00:00Z")),
        ("ReserveNow", {"connectorId": 1, "idTag": "X", "reservationId": 1, "expiryDate": "in an hour"}),
    )


async def test_a_list_that_must_not_be_empty_is_an_occurence_constraint_violation(idle: Station) -> None:
    await refused_with(
        idle,
        "OccurenceConstraintViolation",
        ("SetChargingProfile", schedule(chargingSchedulePeriod=[])),
    )


async def test_an_unknown_member_is_ignored_wherever_it_stands(idle: Station) -> None:
    request = period(limit=11, colour="red")
    request["csChargingProfiles"]["vendor"] = {"x": [None]}
    assert (await kept(idle, {**request, "customData": 1}))["limit"] == 11


async def test_a_limit_with_more_than_one_decimal_is_cut_and_not_refused(idle: Station) -> None:
    assert (await kept(idle, period(limit=16.19)))["limit"] == 16.1


async def test_a_limit_of_one_decimal_comes_back_as_it_was(idle: Station) -> None:
    for limit in (8.1, 9.7, 10.3, 31.9):
        assert (await kept(idle, period(limit=limit)))["limit"] == limit


async def test_a_whole_number_may_be_written_with_a_fraction_of_zero(idle: Station) -> None:
    """JSON knows one kind of number, and some central systems write 10.0."""
    assert (await kept(idle, period(limit=10.0)))["limit"] == 10


@pytest.mark.parametrize(
    "start",
    [
        "2020-01-01T00:00:00Z",
        "2020-01-01T00:00:00.123Z",
        "2020-01-01T00:00:00.123456789Z",
        "2020-01-01T02:00:00+02:00",
        "2019-12-31T18:30:00-05:30",
        "2020-01-01T00:00:00",
        "2020-01-01t00:00:00z",
    ],
)
async def test_a_date_is_read_in_every_form_of_rfc_3339_and_without_a_zone(idle: Station, start: str) -> None:
    assert (await kept(idle, schedule(startSchedule=start)))["limit"] == 10


async def test_names_of_keys_compare_without_regard_to_case(idle: Station) -> None:
    answer = await idle.ask("GetConfiguration", key=["HEARTBEATinterval"])
    assert [entry["key"] for entry in answer["configurationKey"]] == ["HeartbeatInterval"]
