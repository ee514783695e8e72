"""Payloads against the JSON schemas of OCPP 1.6, and the OCPP-J error code of each broken rule.

A payload that passes is judged in microseconds; only where one does not is the library loaded and its validator
compiled (2 to 13 ms on a laptop) that can say why. What the payloads mean is not known here.

Outbound, the schemas hold as they are. Inbound, unknown members are ignored and decimals may have any number
of digits, while a charging profile has the ranges of OCPP 1.6 §7.8, §7.13 and §7.14, which the schemas lack.
"""

import logging
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.judges import Judge, judge_of
from cpd.ocpp.schemas import Kind, adapted, inbound_schema, known_actions, schema_of
from cpd.ocpp.timestamps import parse_date_time

if TYPE_CHECKING:
    from cpd.ocpp.violations import Violation

__all__ = ["ERROR_CODES", "InvalidPayload", "Kind", "check_inbound", "check_outbound", "known_actions"]

log = logging.getLogger(__name__)

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


def check_inbound(action: str, payload: object, *, kind: Kind) -> None:
    """Raise CallError, with the code of `ERROR_CODES`, where *payload* is no such message.

    *kind* is "call" for a request to us, "result" for the answer to a request of ours. Raises CallError
    NotImplemented for an action that OCPP 1.6 does not have. Unknown members are logged once each.
    """
    if action not in known_actions():
        raise CallError(ErrorCode.NOT_IMPLEMENTED, f"OCPP 1.6 has no action {action[:60]!r}")
    if _inbound_judge(action, kind)(payload):
        return
    violation = _inbound_finder(action, kind)(payload)
    if violation is not None:
        raise _call_error(violation)
    _report_unknown_members(action, kind, payload)


def check_outbound(action: str, payload: Mapping[str, Any], *, kind: Kind) -> None:
    """Raise InvalidPayload where the schema forbids *payload*, a CALL of ours or our answer to one."""
    if action not in known_actions():
        raise InvalidPayload(f"OCPP 1.6 has no action {action!r}")
    if _outbound_judge(action, kind)(payload):
        return
    violation = _outbound_finder(action, kind)(payload)
    if violation is not None:
        raise InvalidPayload(f"{action} {kind}: {violation.sentence}")


_UNKNOWN_MEMBERS_PER_MESSAGE = 8

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*\Z", re.ASCII)

_Finder = Callable[[object], "Violation | None"]


@cache
def _inbound_judge(action: str, kind: Kind) -> Judge:
    return judge_of(inbound_schema(action, kind), _INBOUND_FORMATS[kind])


@cache
def _outbound_judge(action: str, kind: Kind) -> Judge:
    return judge_of(schema_of(action, kind), _OUTBOUND_FORMATS)


@cache
def _inbound_finder(action: str, kind: Kind) -> _Finder:
    from cpd.ocpp.violations import finder_of

    schema = adapted(inbound_schema(action, kind), without={"additionalProperties"})
    return finder_of(schema, _INBOUND_FORMATS[kind])


@cache
def _outbound_finder(action: str, kind: Kind) -> _Finder:
    from cpd.ocpp.violations import finder_of

    return finder_of(schema_of(action, kind), _OUTBOUND_FORMATS)


def _call_error(violation: "Violation") -> CallError:
    if violation.rule == "type" and violation.of_payload:
        return CallError(ErrorCode.FORMATION_VIOLATION, violation.sentence)
    return CallError(ERROR_CODES[violation.rule], violation.sentence)


def _report_unknown_members(action: str, kind: Kind, payload: object) -> None:
    from cpd.ocpp.violations import unknown_members

    members = unknown_members(schema_of(action, kind), payload)
    for member in islice(members, _UNKNOWN_MEMBERS_PER_MESSAGE):
        _report_unknown_member(action, kind, member)


@lru_cache(maxsize=256)
def _report_unknown_member(action: str, kind: Kind, member: str) -> None:
    """Log once per action and member; the cache is the memory, and its bound what a flood can cost."""
    log.info("ignored unknown member action=%s kind=%s member=%.80s", action, kind, member)


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


# An answer counts also where a date in it cannot be read: what it answers has happened at the CSMS.
_INBOUND_FORMATS: Mapping[Kind, Mapping[str, Callable[[str], bool]]] = {
    "call": {"date-time": _is_date_time, "uri": _is_uri},
    "result": {"date-time": lambda _text: True, "uri": _is_uri},
}
_OUTBOUND_FORMATS = {"date-time": _is_utc_date_time, "uri": _is_uri}
