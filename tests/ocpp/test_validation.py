import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.validation import (
    ERROR_CODES,
    InvalidPayload,
    Kind,
    check_inbound,
    check_outbound,
    known_actions,
)

SPEC = find_spec("ocpp")
assert SPEC is not None
assert SPEC.submodule_search_locations is not None
SCHEMAS = Path(SPEC.submodule_search_locations[0]) / "v16" / "schemas"

MESSAGES: list[tuple[str, Kind]] = [
    (action, kind)
    for action in sorted(known_actions())
    for kind in ("call", "result")  # type: ignore[misc]
]


def schema_of(action: str, kind: Kind) -> dict[str, Any]:
    suffix = "Response" if kind == "result" else ""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{action}{suffix}.json").read_text())
    return schema


def example_of(root: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A complete valid example, every optional member included."""
    if "$ref" in schema:
        return example_of(root, root["definitions"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: example_of(root, member) for name, member in schema.get("properties", {}).items()}
        case "array":
            return [example_of(root, schema["items"])]
        case "integer":
            return 1
        case "number":
            return Decimal("16.1")
        case "boolean":
            return True
    text = {"date-time": "2026-11-22T10:00:00Z", "uri": "ftp://host/"}.get(schema.get("format", ""), "text")
    return text[: schema.get("maxLength", 99)]


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places_in(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places_in(item, (*path, index))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """*value* with *new* at *path*; where *new* is the marker DROPPED, without what stands there."""
    if not path:
        return {} if new is DROPPED else new
    key, rest = path[0], path[1:]
    copy = dict(value) if isinstance(value, dict) else list(value)
    if not rest and new is DROPPED:
        del copy[key]
    else:
        copy[key] = changed(copy[key], rest, new)
    return copy


DROPPED = object()


def set_profile(**changes: Any) -> dict[str, Any]:
    period = {"startPeriod": 0, "limit": Decimal("16.0")} | changes.pop("period", {})
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]} | changes.pop("schedule", {})
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    return {"connectorId": 1, "csChargingProfiles": profile | changes}


def refusal(action: str, payload: object, kind: Kind = "call") -> CallError:
    with pytest.raises(CallError) as caught:
        check_inbound(action, payload, kind=kind)
    return caught.value


def test_all_messages_of_ocpp_1_6_and_its_security_extension_are_known() -> None:
    assert len(known_actions()) == 39
    assert {"BootNotification", "SetChargingProfile", "SignedUpdateFirmware"} <= known_actions()


@pytest.mark.parametrize(("action", "kind"), MESSAGES)
def test_an_example_of_every_message_passes_both_ways(action: str, kind: Kind) -> None:
    schema = schema_of(action, kind)
    example = example_of(schema, schema)
    check_inbound(action, example, kind=kind)
    check_outbound(action, example, kind=kind)


def test_every_rule_of_every_schema_has_an_error_code() -> None:
    text = "".join(path.read_text() for path in SCHEMAS.glob("*.json"))
    rules = {
        "type",
        "required",
        "additionalProperties",
        "enum",
        "maxLength",
        "minLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "uniqueItems",
        "pattern",
        "format",
        "multipleOf",
        "anyOf",
        "oneOf",
    }
    used = {rule for rule in rules if re.search(rf'"{rule}"\s*:', text)}
    assert used - {"multipleOf"} <= ERROR_CODES.keys()


@st.composite
def mutated_messages(draw: st.DrawFn) -> tuple[str, Kind, Any]:
    action, kind = draw(st.sampled_from(MESSAGES))
    schema = schema_of(action, kind)
    payload = example_of(schema, schema)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(list(places_in(payload))))
        new = draw(
            st.sampled_from(
                [
                    DROPPED,
                    None,
                    True,
                    0,
                    -1,
                    10**20,
                    Decimal("1.0"),
                    Decimal("16.05"),
                    "",
                    "x",
                    "x" * 600,
                    [],
                    {},
                    {"extra": 1},
                    ["x"],
                ]
            )
        )
        payload = changed(payload, path, new)
    return action, kind, payload


@given(mutated_messages())
@example(("LogStatusNotification", "result", {"extra": 1}))  # its schema has no properties at all
def test_outbound_agrees_with_jsonschema_but_for_formats(message: tuple[str, Kind, Any]) -> None:
    action, kind, payload = message
    errors = list(Draft4Validator(schema_of(action, kind)).iter_errors(payload_for_jsonschema(payload)))
    try:
        check_outbound(action, payload, kind=kind)
    except InvalidPayload as error:
        assert errors or " is no date-time" in str(error) or " is no uri" in str(error)
    else:
        assert not errors


@given(mutated_messages())
def test_inbound_refuses_with_a_code_of_the_table_or_accepts(message: tuple[str, Kind, Any]) -> None:
    action, kind, payload = message
    rules = {"additionalProperties", "multipleOf"}
    errors = [
        error
        for error in Draft4Validator(schema_of(action, kind)).iter_errors(payload_for_jsonschema(payload))
        if error.validator not in rules
    ]
    try:
        check_inbound(action, payload, kind=kind)
    except CallError as error:
        codes = {ERROR_CODES[str(found.validator)] for found in errors}
        beyond_the_schema = {
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
            ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
        }
        assert error.code in codes | beyond_the_schema | {ErrorCode.FORMATION_VIOLATION}
    else:
        assert not errors


def payload_for_jsonschema(value: Any) -> Any:
    """jsonschema counts in tenths only where 0.1 is no binary float: whole numbers of tenths, exactly."""
    if isinstance(value, Decimal):
        return float(value) if value % Decimal("0.1") else TENTHS
    if isinstance(value, dict):
        return {name: payload_for_jsonschema(member) for name, member in value.items()}
    return [payload_for_jsonschema(item) for item in value] if isinstance(value, list) else value


TENTHS = 0.5


@pytest.mark.parametrize(
    ("payload", "code", "words"),
    [
        (None, ErrorCode.FORMATION_VIOLATION, "payload must be of type object"),
        ({}, ErrorCode.FORMATION_VIOLATION, "connectorId is missing"),
        (
            set_profile(schedule={"chargingSchedulePeriod": [{"startPeriod": 0}]}),
            ErrorCode.FORMATION_VIOLATION,
            "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit is missing",
        ),
        (set_profile() | {"connectorId": "1"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "of type integer"),
        (set_profile() | {"connectorId": True}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "of type integer"),
        (set_profile(period={"limit": True}), ErrorCode.TYPE_CONSTRAINT_VIOLATION, "must be of type number"),
        (set_profile(period={"limit": "16"}), ErrorCode.TYPE_CONSTRAINT_VIOLATION, "must be of type number"),
        (
            set_profile(chargingProfileKind="Sometimes"),
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
            "csChargingProfiles.chargingProfileKind must be one of Absolute, Recurring, Relative",
        ),
        (set_profile(validFrom="soon"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "'soon' is no date-time"),
        (set_profile(stackLevel=-1), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "is -1, it must be at least 0"),
        (set_profile(period={"limit": Decimal("-0.1")}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "is -0.1"),
        (set_profile(period={"startPeriod": -1}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "at least 0"),
        (set_profile(period={"numberPhases": 0}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "at least 1"),
        (set_profile(period={"numberPhases": 4}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "at most 3"),
        (set_profile(schedule={"duration": 0}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "at least 1"),
        (set_profile(schedule={"minChargingRate": -1}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "is -1"),
        (
            set_profile(schedule={"chargingSchedulePeriod": []}),
            ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
            "has 0 entries, at least 1 needed",
        ),
    ],
)
def test_each_broken_rule_has_its_code_and_its_words(payload: object, code: ErrorCode, words: str) -> None:
    error = refusal("SetChargingProfile", payload)
    assert error.code is code
    assert words in error.description


def test_an_overlong_field_is_a_property_constraint_violation() -> None:
    error = refusal("ChangeConfiguration", {"key": "k" * 51, "value": ""})
    assert error.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert error.description == "key has 51 characters, at most 50 are allowed"


def test_the_ranges_hold_for_a_profile_in_a_remote_start() -> None:
    profile = set_profile(schedule={"chargingSchedulePeriod": []})["csChargingProfiles"]
    error = refusal("RemoteStartTransaction", {"idTag": "x", "chargingProfile": profile})
    assert error.code is ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION


def test_an_unknown_action_is_not_implemented() -> None:
    assert refusal("Frobnicate", {}).code is ErrorCode.NOT_IMPLEMENTED
    assert refusal("ResetResponse", {}).code is ErrorCode.NOT_IMPLEMENTED


@pytest.mark.parametrize("limit", [16, Decimal("16.0"), Decimal("16.05"), Decimal("0")])
def test_any_decimal_limit_is_taken(limit: object) -> None:
    check_inbound("SetChargingProfile", set_profile(period={"limit": limit}), kind="call")


@pytest.mark.parametrize(
    "text", ["2026-11-22T10:00:00", "2026-11-22T10:00:00.123456Z", "2026-11-22T10:00:00+0100"]
)
def test_any_form_of_a_timestamp_is_taken(text: str) -> None:
    check_inbound("SetChargingProfile", set_profile(validFrom=text), kind="call")


def test_unknown_members_are_ignored_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    payload = set_profile(period={"vendorPrivate": 1}, schedule={"other": [1]})
    with caplog.at_level(logging.INFO, "cpd.ocpp.validation"):
        check_inbound("SetChargingProfile", payload, kind="call")
        check_inbound("SetChargingProfile", payload, kind="call")
    members = sorted(message.rpartition("member=")[2] for message in caplog.messages)
    schedule = "csChargingProfiles.chargingSchedule"
    assert members == [f"{schedule}.chargingSchedulePeriod[].vendorPrivate", f"{schedule}.other"]


def test_an_unknown_member_does_not_hide_a_broken_rule() -> None:
    error = refusal("Reset", {"type": "Gently", "extra": 1})
    assert error.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_a_wrong_capital_is_a_missing_member() -> None:
    payload = set_profile()
    schedule = payload["csChargingProfiles"]["chargingSchedule"]
    schedule["ChargingSchedulePeriod"] = schedule.pop("chargingSchedulePeriod")
    assert "chargingSchedulePeriod is missing" in refusal("SetChargingProfile", payload).description


@pytest.mark.parametrize(
    ("location", "taken"),
    [("ftp://user:pw@host/dir/", True), ("http://h/", True), ("C:", True), ("/tmp/x", False), ("a b", False)],
)
def test_a_location_is_a_uri_of_any_scheme(location: str, taken: bool) -> None:
    if taken:
        check_inbound("GetDiagnostics", {"location": location}, kind="call")
    else:
        refusal("GetDiagnostics", {"location": location})


@pytest.mark.parametrize(
    ("limit", "valid"),
    [
        (Decimal("16.1"), True),
        (Decimal("16.10"), True),
        (8, True),
        (Decimal("16.05"), False),
        (8.1, False),
        (Decimal("NaN"), False),
        (Decimal("Infinity"), False),
        (Decimal("1E+60"), False),
    ],
)
def test_outbound_limits_have_one_decimal(limit: object, valid: bool) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    payload = {"status": "Accepted", "chargingSchedule": schedule}
    if valid:
        check_outbound("GetCompositeSchedule", payload, kind="result")
    else:
        with pytest.raises(InvalidPayload):
            check_outbound("GetCompositeSchedule", payload, kind="result")


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        ("Heartbeat", {"extra": 1}, "Heartbeat call: extra is unknown"),
        ("Authorize", {}, "Authorize call: idTag is missing"),
        ("Authorize", {"idTag": "x" * 21}, "has 21 characters, at most 20"),
        ("Frobnicate", {}, "OCPP 1.6 has no action 'Frobnicate'"),
    ],
)
def test_outbound_mistakes_are_named(action: str, payload: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidPayload, match=re.escape(words)):
        check_outbound(action, payload, kind="call")


@pytest.mark.parametrize("timestamp", ["2026-11-22T10:00:00", "2026-11-22T10:00:00+01:00"])
def test_outbound_timestamps_are_utc_with_z(timestamp: str) -> None:
    payload = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": timestamp}
    with pytest.raises(InvalidPayload):
        check_outbound("StartTransaction", payload, kind="call")


def test_no_library_of_json_schema_is_imported_while_all_is_well() -> None:
    program = (
        "import sys; from cpd.ocpp.validation import check_inbound\n"
        "check_inbound('Reset', {'type': 'Soft'}, kind='call')\n"
        "sys.exit(bool({'ocpp', 'jsonschema', 'fastjsonschema'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**70])
def test_an_integer_has_64_bits(number: int) -> None:
    """Central systems give numbers such as 2⁶³ − 1; what is larger could not be kept."""
    answer = {"transactionId": 2**63 - 1, "idTagInfo": {"status": "Accepted"}}
    check_inbound("StartTransaction", answer, kind="result")
    error = refusal("StartTransaction", answer | {"transactionId": number}, "result")
    assert error.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
