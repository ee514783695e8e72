"""Payloads against the JSON schemas of OCPP 1.6, and the OCPP-J error code of each broken rule.

The schemas are the ones that the `ocpp` package ships, read as data: importing the package itself costs 70 ms
and a JSON Schema library that nobody here needs. Each is compiled at its first use (2 to 13 ms on a laptop,
fastjsonschema itself 8 ms), because a start needs only BootNotification's; compiling them all would double
the time to the first message, and generated files in the source tree could drift from the schemas. What the
payloads mean is not known here.

Outbound, the schemas hold as they are. Inbound, unknown members are ignored and decimals may have any number
of digits, while a charging profile has the ranges of OCPP 1.6 §7.8, §7.13 and §7.14, which the schemas lack.
"""

import importlib.util
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import fastjsonschema

from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.timestamps import parse_date_time

log = logging.getLogger(__name__)

Kind = Literal["call", "result"]

ERROR_CODES: Mapping[str, ErrorCode] = {
    "required": ErrorCode.FORMATION_VIOLATION,
    "additionalProperties": ErrorCode.FORMATION_VIOLATION,
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "enum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "maxLength": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "minimum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "maximum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "format": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
}
"""The answer to a broken rule of a schema, after OCPP-J 1.6 §4.2.3 table 7.

A missing member leaves a payload that is no PDU of its action (FormationViolation). A member of another JSON
type is a TypeConstraintViolation, booleans not being numbers. One of the right type with a value that the
field does not take (unknown enumeration value, too long, out of range, no date) is a
PropertyConstraintViolation. A list with too few entries is an OccurenceConstraintViolation. A payload that is
no object at all is a FormationViolation as well.
"""


class InvalidPayload(ValueError):
    """We were about to send what the schema forbids: a bug of ours, never the other side's."""


def known_actions() -> frozenset[str]:
    """Every action of OCPP 1.6 and its security extension, served or not."""
    return frozenset(_actions())


def check_inbound(action: str, payload: object, *, kind: Kind) -> None:
    """Raise CallError, with the code of `ERROR_CODES`, where *payload* is no such message.

    *kind* is "call" for a request to us, "result" for the answer to a request of ours. Raises CallError
    NotImplemented for an action that OCPP 1.6 does not have. Unknown members are logged once each.
    """
    if action not in _actions():
        raise CallError(ErrorCode.NOT_IMPLEMENTED, f"OCPP 1.6 has no action {action[:60]!r}")
    try:
        _inbound_validator(action, kind)(payload)
    except fastjsonschema.JsonSchemaValueException as error:
        if error.rule != "additionalProperties":
            raise _call_error(error) from None
    else:
        return
    # Unknown members are rare, so only now is a second validator worth its while that does not mind them.
    try:
        _tolerant_validator(action, kind)(payload)
    except fastjsonschema.JsonSchemaValueException as error:
        raise _call_error(error) from None
    schema = _schema(action, kind)
    for member in islice(_unknown_members(schema, schema, payload, ""), _UNKNOWN_MEMBERS_PER_MESSAGE):
        _report_unknown_member(action, kind, member)


def check_outbound(action: str, payload: Mapping[str, Any], *, kind: Kind) -> None:
    """Raise InvalidPayload where the schema forbids *payload*, a CALL of ours or our answer to one."""
    if action not in _actions():
        raise InvalidPayload(f"OCPP 1.6 has no action {action!r}")
    validator, steps = _outbound_validator(action, kind)
    try:
        validator(payload)
    except fastjsonschema.JsonSchemaValueException as error:
        raise InvalidPayload(f"{action} {kind}: {_sentence(error)}") from None
    for path, step in steps:
        for value in _values_at(path, payload):
            if not _is_multiple(value, step):
                raise InvalidPayload(f"{action} {kind}: {'.'.join(path)} is {value!r}, no multiple of {step}")


def prepare(action: str) -> None:
    """Compile what the first request for *action* would have to wait for."""
    _inbound_validator(action, "call")
    _outbound_validator(action, "result")


_Validator = Callable[[object], object]
_Schema = dict[str, Any]
_Path = tuple[str, ...]

_EACH = "[]"

_UNKNOWN_MEMBERS_PER_MESSAGE = 8

_PROFILE_RANGES: Mapping[str, _Schema] = {
    "stackLevel": {"minimum": 0},
    "duration": {"minimum": 1},
    "minChargingRate": {"minimum": 0},
    "chargingSchedulePeriod": {"minItems": 1},
    "startPeriod": {"minimum": 0},
    "limit": {"minimum": 0},
    "numberPhases": {"minimum": 1, "maximum": 3},
}
_ACTIONS_WITH_PROFILE = frozenset({"SetChargingProfile", "RemoteStartTransaction"})

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*\Z", re.ASCII)


@cache
def _inbound_validator(action: str, kind: Kind) -> _Validator:
    return _compiled(_inbound_schema(action, kind, without={"multipleOf"}), _is_date_time)


@cache
def _tolerant_validator(action: str, kind: Kind) -> _Validator:
    return _compiled(
        _inbound_schema(action, kind, without={"multipleOf", "additionalProperties"}), _is_date_time
    )


@cache
def _outbound_validator(action: str, kind: Kind) -> tuple[_Validator, tuple[tuple[_Path, Decimal], ...]]:
    """The validator, and the multipleOf rules beside it: fastjsonschema fails on a Decimal there."""
    schema = _schema(action, kind)
    return _compiled(_adapted(schema, {"multipleOf"}, {}), _is_utc_date_time), tuple(_steps_in(schema))


def _inbound_schema(action: str, kind: Kind, *, without: set[str]) -> _Schema:
    ranges = _PROFILE_RANGES if kind == "call" and action in _ACTIONS_WITH_PROFILE else {}
    return _adapted(_schema(action, kind), without, ranges)


def _compiled(schema: _Schema, is_date_time: Callable[[str], bool]) -> _Validator:
    formats = {"date-time": is_date_time, "uri": _is_uri}
    validator: _Validator = fastjsonschema.compile(schema, formats=formats, use_default=False)
    return validator


def _adapted(schema: _Schema, without: set[str], ranges: Mapping[str, _Schema]) -> _Schema:
    """*schema* without some keywords, and with ranges for the properties of some names."""
    adapted: _Schema = {}
    for keyword, value in schema.items():
        if keyword in without:
            continue
        if keyword in ("properties", "definitions"):
            adapted[keyword] = {
                name: _adapted(member, without, ranges) | ranges.get(name, {})
                for name, member in value.items()
            }
        elif keyword == "items":
            adapted[keyword] = _adapted(value, without, ranges)
        else:
            adapted[keyword] = value
    return adapted


@cache
def _actions() -> Mapping[str, Path]:
    package = importlib.util.find_spec("ocpp")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(
            "the package ocpp with the OCPP 1.6 schemas is not installed: pip install ocpp"
        )
    folder = Path(package.submodule_search_locations[0]) / "v16" / "schemas"
    return {path.stem: path for path in folder.glob("*.json") if not path.stem.endswith("Response")}


@cache
def _schema(action: str, kind: Kind) -> _Schema:
    path = _actions()[action]
    if kind == "result":
        path = path.with_stem(f"{action}Response")
    schema: _Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _call_error(error: fastjsonschema.JsonSchemaValueException) -> CallError:
    if error.rule == "type" and error.name == "data":
        return CallError(ErrorCode.FORMATION_VIOLATION, _sentence(error))
    return CallError(ERROR_CODES[str(error.rule)], _sentence(error))


def _sentence(error: fastjsonschema.JsonSchemaValueException) -> str:
    """What is wrong, where, and what is allowed."""
    path = str(error.name).removeprefix("data").removeprefix(".")
    rule, allowed, value = error.rule, error.rule_definition, error.value
    if rule in ("required", "additionalProperties"):
        if rule == "required":
            names, complaint = [name for name in allowed if name not in value], "missing"
        else:
            names, complaint = sorted(set(value) - set(error.definition["properties"])), "unknown"
        return f"{f'{path}.' if path else ''}{names[0]} is {complaint}"
    match rule:
        case "type":
            wanted = f"must be of type {allowed}"
        case "enum":
            wanted = f"must be one of {', '.join(allowed)}"
        case "maxLength":
            wanted = f"has {len(value)} characters, at most {allowed} are allowed"
        case "minItems":
            wanted = f"has {len(value)} entries, at least {allowed} needed"
        case "minimum" | "maximum":
            wanted = f"is {value}, it must be at {'least' if rule == 'minimum' else 'most'} {allowed}"
        case _:
            wanted = f"{str(value)[:40]!r} is no {allowed}"
    return f"{path or 'payload'} {wanted}"


def _unknown_members(root: _Schema, schema: _Schema, value: object, path: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from _unknown_members(root, schema["items"], item, f"{path}[]")
    elif isinstance(value, dict):
        known = schema.get("properties", {})
        for name, member in value.items():
            member_path = f"{path}.{name}" if path else name
            if name in known:
                yield from _unknown_members(root, known[name], member, member_path)
            elif schema.get("additionalProperties") is False:
                yield member_path


@lru_cache(maxsize=256)
def _report_unknown_member(action: str, kind: Kind, member: str) -> None:
    """Log once per action and member; the cache is the memory, and its bound what a flood can cost."""
    log.info("ignored unknown member action=%s kind=%s member=%.80s", action, kind, member)


def _steps_in(schema: _Schema, path: _Path = ()) -> Iterator[tuple[_Path, Decimal]]:
    """Where *schema* has a multipleOf, and of what; the schemas that have one are without $ref."""
    if "multipleOf" in schema:
        yield path, Decimal(str(schema["multipleOf"]))
    for name, member in schema.get("properties", {}).items():
        yield from _steps_in(member, (*path, name))
    if "items" in schema:
        yield from _steps_in(schema["items"], (*path, _EACH))


def _values_at(path: _Path, value: Any) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] is _EACH:
        for item in value:
            yield from _values_at(path[1:], item)
    elif path[0] in value:
        yield from _values_at(path[1:], value[path[0]])


def _is_multiple(value: int | float | Decimal, step: Decimal) -> bool:
    """False for binary floats as well: 8.1 is no multiple of 0.1 to them."""
    try:
        return not isinstance(value, float) and value % step == 0
    except ArithmeticError:
        return False


def _is_date_time(text: str) -> bool:
    try:
        parse_date_time(text)
    except ValueError:
        return False
    return True


def _is_utc_date_time(text: str) -> bool:
    return text.endswith("Z") and _is_date_time(text)


def _is_uri(text: str) -> bool:
    return _URI.match(text) is not None
