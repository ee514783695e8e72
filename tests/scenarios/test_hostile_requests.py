"""Every member of every request that is served, wrong in every way; and the odd requests that the field knows."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cpd.lab.csms.requests import CallRefused
from cpd.ocpp.errors import ErrorCode
from cpd.ocpp.schemas import Schema, inbound_schema, resolved
from cpd.ocpp.v16.charge_point import SERVED
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

FORMATION, TYPE = ErrorCode.FORMATION_VIOLATION.value, ErrorCode.TYPE_CONSTRAINT_VIOLATION.value
PROPERTY, OCCURENCE = (
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION.value,
    ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION.value,
)
ACTIONS = sorted(action for handlers in SERVED.values() for action in handlers)
EVERYTHING = f'SupportedFeatureProfiles = "{",".join(SERVED)}"'

OF_OTHER_TYPES: dict[str, tuple[object, ...]] = {
    "string": (None, 7, True, [], {}),
    "integer": (None, "1", 1.5, True, [], {}),
    "number": (None, "1", True, [], {}),
    "boolean": (None, "true", 1, [], {}),
    "array": (None, "x", 1, {}),
    "object": (None, "x", 1, []),
}


def well_formed(schema: Schema, root: Schema) -> Any:
    """A value with every member that *schema* knows."""
    schema = resolved(schema, root)
    match schema["type"]:
        case "object":
            return {name: well_formed(member, root) for name, member in schema.get("properties", {}).items()}
        case "array":
            return [well_formed(schema["items"], root)]
        case "string":
            formatted = {"date-time": "2026-11-22T10:00:00Z", "uri": "http://host/x"}
            return schema.get("enum", [formatted.get(schema.get("format", ""), "x")])[0]
        case "boolean":
            return True
    return max(1, schema.get("minimum", 1))


Wrong = tuple[tuple[str | int, ...], object, str]
"""Where a value is put, which one, and the code of the answer; a MISSING value is taken away."""

MISSING = object()


def wrongs(schema: Schema, root: Schema, path: tuple[str | int, ...] = ()) -> Iterator[Wrong]:
    """Every single mistake in a value of *schema* at *path*."""
    schema = resolved(schema, root)
    for value in OF_OTHER_TYPES[schema["type"]] if path else ():
        yield path, value, TYPE
    match schema["type"]:
        case "object":
            for name, member in schema.get("properties", {}).items():
                if name in schema.get("required", ()):
                    yield (*path, name), MISSING, FORMATION
                yield from wrongs(member, root, (*path, name))
        case "array":
            if schema.get("minItems"):
                yield path, [], OCCURENCE
            yield from wrongs(schema["items"], root, (*path, 0))
        case "string":
            if "enum" in schema:
                yield path, "no such value", PROPERTY
                yield path, schema["enum"][0].swapcase(), PROPERTY
            elif "format" in schema:
                yield path, "tomorrow", PROPERTY
            elif "maxLength" in schema:
                yield path, "x" * (schema["maxLength"] + 1), PROPERTY
        case "integer":
            yield path, 2**63, PROPERTY
            yield path, -(10**1000), PROPERTY
            if schema["minimum"] >= 0:
                yield path, schema["minimum"] - 1, PROPERTY
        case "number":
            if "minimum" in schema:
                yield path, schema["minimum"] - 1, PROPERTY


def with_wrong(payload: Any, path: tuple[str | int, ...], value: object) -> Any:
    payload = copy.deepcopy(payload)
    place = payload
    for step in path[:-1]:
        place = place[step]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return payload


async def refusal(here: Site, action: str, payload: object) -> str:
    with pytest.raises(CallRefused) as refused:
        await here.csms.call_raw(STATION, action, payload)
    return refused.value.code


async def answer(here: Site, action: str, payload: object) -> str:
    """The status of the answer, or the code of the refusal."""
    try:
        return str((await here.csms.call_raw(STATION, action, payload))["status"])
    except CallRefused as refused:
        return refused.code


def test_each_mistake_in_each_member_gets_its_code_and_changes_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async def scenario() -> None:
        tried = 0
        async with site(tmp_path, connectors=2, ocpp=EVERYTHING) as here:
            before = await here.csms.call_raw(STATION, "GetConfiguration", {})
            calls = len(here.log.calls)
            for action in ACTIONS:
                schema = inbound_schema(action, "call")
                payload = well_formed(schema, schema)
                for path, value, code in wrongs(schema, schema):
                    got = await refusal(here, action, with_wrong(payload, path, value))
                    assert got == code, (action, path, str(value)[:40])
                    tried += 1
            assert await here.csms.call_raw(STATION, "GetConfiguration", {}) == before
            assert here.daemon.station.ledger.book.profiles == ()
            await here.clock.sleep(5)
            assert len(here.log.calls) == calls
            assert here.log.connections == 1
        record_property("wrong requests answered", tried)
        assert tried > 300

    run_virtual(scenario())


OF_TRANSACTION = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
    },
}

REMOTE_STARTS: list[tuple[str, object, str]] = [
    ("plain", {"idTag": "TAG", "connectorId": 1}, "Accepted"),
    ("no connector", {"idTag": "TAG"}, "Accepted"),
    ("the last connector", {"idTag": "TAG", "connectorId": 2}, "Accepted"),
    ("connector 0", {"idTag": "TAG", "connectorId": 0}, "Rejected"),
    ("connector below 0", {"idTag": "TAG", "connectorId": -1}, "Rejected"),
    ("connector that is not there", {"idTag": "TAG", "connectorId": 3}, "Rejected"),
    ("connector as text", {"idTag": "TAG", "connectorId": "1"}, TYPE),
    ("connector as a decimal", {"idTag": "TAG", "connectorId": 1.0}, TYPE),
    ("connector null", {"idTag": "TAG", "connectorId": None}, TYPE),
    ("connector beyond 64 bits", {"idTag": "TAG", "connectorId": 10**30}, PROPERTY),
    ("no idTag", {"connectorId": 1}, FORMATION),
    ("empty idTag", {"idTag": "", "connectorId": 1}, "Accepted"),
    ("idTag of 20 characters", {"idTag": "T" * 20, "connectorId": 1}, "Accepted"),
    ("idTag of 21 characters", {"idTag": "T" * 21, "connectorId": 1}, PROPERTY),
    ("idTag as a number", {"idTag": 4711, "connectorId": 1}, TYPE),
    ("idTag in small letters", {"idTag": "tag", "connectorId": 1}, "Accepted"),
    ("idTag in another alphabet", {"idTag": "ТЕГ-日本", "connectorId": 1}, "Accepted"),
    ("idTag with a NUL", {"idTag": "A\0B", "connectorId": 1}, "Accepted"),
    ("member in capitals", {"IdTag": "TAG", "ConnectorId": 1}, FORMATION),
    ("extra members", {"idTag": "TAG", "connectorId": 1, "userId": 5, "x": None}, "Accepted"),
    ("extra member with much in it", {"idTag": "TAG", "customData": {"a": [{}] * 100}}, "Accepted"),
    ("a TxProfile", {"idTag": "TAG", "connectorId": 1, "chargingProfile": OF_TRANSACTION}, "Accepted"),
    (
        "another purpose",
        {
            "idTag": "TAG",
            "connectorId": 1,
            "chargingProfile": OF_TRANSACTION | {"chargingProfilePurpose": "TxDefaultProfile"},
        },
        "Rejected",
    ),
    (
        "a profile with a transaction",
        {"idTag": "TAG", "connectorId": 1, "chargingProfile": OF_TRANSACTION | {"transactionId": 5}},
        "Rejected",
    ),
    ("a profile that is empty", {"idTag": "TAG", "connectorId": 1, "chargingProfile": {}}, FORMATION),
    ("a profile as a list", {"idTag": "TAG", "connectorId": 1, "chargingProfile": []}, TYPE),
    ("nothing", {}, FORMATION),
    ("a list", [], FORMATION),
    ("null", None, FORMATION),
    ("text", "TAG", FORMATION),
]


@pytest.mark.parametrize(
    ("payload", "expected"), [case[1:] for case in REMOTE_STARTS], ids=[case[0] for case in REMOTE_STARTS]
)
def test_an_odd_remote_start_gets_its_answer(tmp_path: Path, payload: object, expected: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await answer(here, "RemoteStartTransaction", payload) == expected
            here.world.plug_in(1)
            await here.clock.sleep(30)
            here_or_anywhere = isinstance(payload, dict) and payload.get("connectorId", 1) == 1
            begun = here.connector(1).transaction is not None
            assert begun == (expected == "Accepted" and here_or_anywhere)
            assert await answer(here, "TriggerMessage", {"requestedMessage": "Heartbeat"}) == "Accepted"
            assert here.log.connections == 1

    run_virtual(scenario())


SPELLINGS = [
    "2026-03-02T12:00:00Z",
    "2026-03-02T12:00:00.000Z",
    "2026-03-02T12:00:00.748659Z",
    "2026-03-02T12:00:00.748659",
    "2026-03-02T12:00:00",
    "2026-03-02 12:00:00",
    "2026-03-02 12:00:00Z",
    "2026-03-02t12:00:00z",
    "2026-03-02T12:00:00+00:00",
    "2026-03-02T14:00:00+02:00",
    "2026-03-02T14:00:00+0200",
    "2026-03-02T14:00:00+02",
    "2026-03-02T06:30:00-05:30",
    "2026-03-02T12:00:00.123456789Z",
    "2026-03-02T12:00:00,5Z",
    "2026-03-02T12:00:00 Z",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_of_a_date_means_the_same_instant(tmp_path: Path, text: str) -> None:
    """The profile begins two hours from the start of the scenario."""

    async def scenario() -> None:
        async with site(tmp_path) as here:
            schedule = OF_TRANSACTION["chargingSchedule"] | {"startSchedule": text}
            default = OF_TRANSACTION | {
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": schedule,
            }
            request = {"connectorId": 1, "csChargingProfiles": default}
            assert await answer(here, "SetChargingProfile", request) == "Accepted"
            (installed,) = here.daemon.station.ledger.book.profiles
            assert installed.profile.schedule.start_at_s == 1_772_452_800

    run_virtual(scenario())
