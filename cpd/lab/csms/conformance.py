"""What OCPP-J 1.6 asks of a frame beyond the JSON schemas: pure checks of what a charge point sent.

The schemas of the `ocpp` package leave open how messages are framed, and do not check dates.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias

from ocpp.messages import Call, CallError, CallResult

Message: TypeAlias = Call | CallResult | CallError

LONGEST_MESSAGE_ID = 36

_UTC = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
_DATES = frozenset({"timestamp", "scheduleStart", "startSchedule"})
_EARLIEST = "2020"


class NonconformingFrame(ValueError):
    """A frame that is no OCPP-J message; the text says why."""


def message_from(text: str | bytes) -> Message:
    """The message in a frame (OCPP-J 1.6 §4.1–4.2). Raises `NonconformingFrame`."""
    if isinstance(text, bytes):
        raise NonconformingFrame("a binary frame")
    try:
        frame = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NonconformingFrame(f"no JSON: {error}") from error
    message: Message
    match frame:
        case [2, str(message_id), str(action), dict(payload)]:
            message = Call(message_id, action, payload)
        case [3, str(message_id), dict(payload)]:
            message = CallResult(message_id, payload)
        case [4, str(message_id), str(code), str(description), dict(details)]:
            message = CallError(message_id, code, description, details)
        case _:
            raise NonconformingFrame("neither CALL nor CALLRESULT nor CALLERROR")
    if not 0 < len(message_id) <= LONGEST_MESSAGE_ID:
        raise NonconformingFrame(f"a message id of {len(message_id)} characters")
    return message


def date_faults(payload: Any) -> Iterator[str]:
    """Timestamps that are not UTC with ``Z``, or from before there were such charge points."""
    if isinstance(payload, list):
        for entry in payload:
            yield from date_faults(entry)
    elif isinstance(payload, dict):
        for name, value in payload.items():
            if name not in _DATES:
                yield from date_faults(value)
            elif not isinstance(value, str) or not _UTC.fullmatch(value):
                yield f"{name} {value!r} is not UTC with Z"
            elif value < _EARLIEST:
                yield f"{name} {value} was taken from a clock that was never set"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
