from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.ocpp.judges import judge_of
from cpd.ocpp.schemas import inbound_schema, schema_of
from cpd.ocpp.violations import finder_of
from tests.ocpp.test_validation import MESSAGES, Kind, example_of, mutated_messages

FORMATS = {"date-time": lambda text: text.endswith("Z"), "uri": lambda text: ":" in text}


def object_schema(member: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"member": member}, "additionalProperties": False}


@pytest.mark.parametrize(("action", "kind"), MESSAGES)
def test_a_valid_message_is_passed_at_once(action: str, kind: Kind):
    for schema in (schema_of(action, kind), inbound_schema(action, kind)):
        assert judge_of(schema, FORMATS)(example_of(schema, schema))


@given(mutated_messages())
def test_what_is_passed_breaks_no_rule(message: tuple[str, Kind, Any]):
    action, kind, payload = message
    for schema in (schema_of(action, kind), inbound_schema(action, kind)):
        if judge_of(schema, FORMATS)(payload):
            assert finder_of(schema, FORMATS)(payload) is None


TENTHS = {"type": "number", "multipleOf": 0.1}
POSITIVE = {"type": "number", "minimum": 0}
SHORT = {"type": "string", "maxLength": 3}


@pytest.mark.parametrize(
    ("schema", "value", "passes"),
    [
        ({"type": "integer"}, True, False),
        ({"type": "integer"}, Decimal("1.5"), False),
        ({"type": "boolean"}, 1, False),
        ({"type": "array", "items": SHORT, "minItems": 1}, [], False),
        ({"type": "array", "items": SHORT, "minItems": 1}, ["a"], True),
        ({"type": "string", "enum": ["A", "W"]}, "a", False),
        (SHORT, "äöü", True),
        (SHORT, "😀😀😀", True),
        (SHORT, "four", False),
        ({**SHORT, "format": "date-time"}, "1Z", True),
        ({**SHORT, "format": "date-time"}, "123Z", False),
        (TENTHS, 16, True),
        (TENTHS, Decimal("16.1"), True),
        (TENTHS, Decimal("16.10"), True),
        (TENTHS, Decimal("16.05"), False),
        (TENTHS, Decimal("NaN"), False),
        (TENTHS, 16.1, False),
        (TENTHS, Decimal("1E+60"), False),
        (TENTHS, "16.1", False),
        (POSITIVE, False, False),
        (POSITIVE, Decimal("-0.1"), False),
        (POSITIVE, Decimal("NaN"), False),
        ({"type": "integer", "minimum": 1, "maximum": 3}, 3, True),
        ({"type": "integer", "minimum": 1, "maximum": 3}, 4, False),
    ],
)
def test_each_rule_holds(schema: dict[str, Any], value: Any, passes: bool):
    assert judge_of(object_schema(schema), FORMATS)({"member": value}) is passes


@pytest.mark.parametrize("payload", [None, [], "text", {"Member": 1}, {"member": None}])
def test_what_is_not_the_object_is_not_passed(payload: object):
    assert not judge_of(object_schema({"type": "integer"}), FORMATS)(payload)


def test_a_rule_that_is_not_understood_is_refused():
    with pytest.raises(ValueError, match="pattern of a JSON schema of type string is not understood"):
        judge_of(object_schema({"type": "string", "pattern": "^a"}), FORMATS)


def test_a_step_that_is_no_power_of_ten_is_refused():
    with pytest.raises(ValueError, match=r"multipleOf 0\.25 of a JSON schema is no power of ten"):
        judge_of(object_schema({"type": "number", "multipleOf": 0.25}), FORMATS)


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_nothing_that_json_can_say_raises(payload: object):
    judge_of(schema_of("SetChargingProfile", "call"), FORMATS)(payload)
