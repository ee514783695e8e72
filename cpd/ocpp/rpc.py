"""OCPP-J 1.6 framing without I/O: a frame goes in, one event comes out.

It decides what a frame is, whose answer it is and what a malformed one gets in reply. It must not know
payload schemas, sockets, tasks or the clock: the time is passed in.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from cpd.ocpp.errors import CallError, ErrorCode

_CALL, _CALLRESULT, _CALLERROR = 2, 3, 4

MAX_MESSAGE_ID_LENGTH = 255
"""OCPP-J 1.6 §4.1.4 allows 36 characters. Longer ids are served all the same, up to here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The other side asks for *action*; *payload* is not yet checked against any schema."""

    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A frame that is no proper CALL but whose id could be read: *reply* is the CALLERROR to send."""

    reply: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInFlight:
    """The one CALL of ours that waits for its answer until *deadline_s* (monotonic)."""

    message_id: str
    action: str
    sent_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The CALLRESULT to *call*; *payload* is not yet checked, nor even known to be an object."""

    call: CallInFlight
    payload: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The CALLERROR to *call*; *code* is as the other side wrote it, known to the standard or not."""

    call: CallInFlight
    code: str
    description: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenAnswer:
    """The other side answered *call*, but in a frame that cannot be read; *reason* says why."""

    call: CallInFlight
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Nothing to do but to log *reason*."""

    reason: str


Event = Call | Malformed | Answer | Refusal | BrokenAnswer | Ignored


class CallInFlightError(RuntimeError):
    """A second CALL was started before the first was answered or given up (OCPP-J 1.6 §4.1.1)."""


class Session:
    """The two directions of one connection.

    Theirs: every CALL becomes an event, also one that repeats an id. A WebSocket neither loses nor doubles
    frames, so a repeated id is a new request of a central system that is careless with ids (some send "1"
    always), and an answer from memory could belong to another question. What a central system asks of a 1.6
    charge point can be executed twice without harm.

    Ours: one CALL is in flight. Answers that are late, doubled or never asked for are ignored with a reason.
    """

    def __init__(self, id_prefix: str) -> None:
        """*id_prefix*: up to 20 characters that no other session of this charge point uses."""
        if not 0 < len(id_prefix) <= 20:
            raise ValueError(f"id_prefix {id_prefix!r} has {len(id_prefix)} characters, allowed are 1 to 20")
        self._id_prefix = id_prefix
        self._calls_made = 0
        self._in_flight: CallInFlight | None = None
        self._past_calls: deque[_PastCall] = deque(maxlen=16)

    @property
    def in_flight(self) -> CallInFlight | None:
        """The CALL that waits for its answer, None while there is none."""
        return self._in_flight

    def call(self, action: str, payload: Mapping[str, Any], *, now_s: float, timeout_s: float) -> str:
        """The frame of a new CALL, which is in flight from now on.

        Raises CallInFlightError while another is.
        """
        if self._in_flight is not None:
            raise CallInFlightError(
                f"{self._in_flight.action} {self._in_flight.message_id} waits for its answer"
            )
        message_id = f"{self._id_prefix}-{self._calls_made + 1}"
        frame = _encode([_CALL, message_id, action, payload])
        self._calls_made += 1
        self._in_flight = CallInFlight(
            message_id=message_id, action=action, sent_s=now_s, deadline_s=now_s + timeout_s
        )
        return frame

    def expire(self, now_s: float) -> CallInFlight | None:
        """Give up the CALL in flight where its deadline is reached; returns it, else None."""
        call = self._in_flight
        if call is None or now_s < call.deadline_s:
            return None
        self._settle(call, "late", now_s)
        return call

    def receive(self, frame: str | bytes, now_s: float) -> Event:
        """What *frame* means. Never raises, whatever the other side sent.

        A malformed frame is FormationViolation where it can be read as a CALL with an id, else it is ignored.
        Numbers with a fraction or exponent become Decimal; NaN, Infinity and numbers beyond 10^±30 are
        malformed.
        """
        try:
            message = _DECODER.decode(frame)
        except RecursionError:
            return self._unreadable(frame, "is nested too deeply", now_s)
        except ValueError as error:
            return self._unreadable(frame, f"is not JSON that OCPP-J allows ({error})", now_s)
        if not isinstance(message, list) or not message:
            return Ignored(reason=f"frame is no OCPP-J message: {_excerpt(frame)}")
        kind, *rest = message
        if type(kind) is not int:
            return self._mistyped(kind, rest, frame)
        if kind == _CALL:
            return _call_from(rest)
        if kind in (_CALLRESULT, _CALLERROR):
            return self._answer_from(kind, rest, now_s)
        # OCPP-J 1.6 §4.1.3: a message type that is not in the list is ignored.
        return Ignored(reason=f"message type {_excerpt(kind)} is not used by OCPP-J 1.6")

    def _unreadable(self, frame: str | bytes, reason: str, now_s: float) -> Event:
        start = frame[:_START_LENGTH]
        if isinstance(start, bytes):
            start = start.decode("utf-8", errors="replace")
        match = _START.match(start)
        if match is None:
            return Ignored(reason=f"frame {reason}: {_excerpt(frame)}")
        kind, message_id = int(match[1]), match[2]
        if kind == _CALL:
            return _malformed(message_id, f"frame {reason}")
        call = self._in_flight
        if call is not None and call.message_id == message_id:
            self._settle(call, "doubled", now_s)
            return BrokenAnswer(call=call, reason=f"frame {reason}")
        return Ignored(reason=f"answer {message_id} {reason}")

    def _mistyped(self, kind: object, rest: list[Any], frame: str | bytes) -> Event:
        if kind == str(_CALL) and rest and isinstance(rest[0], str) and len(rest[0]) <= MAX_MESSAGE_ID_LENGTH:
            return _malformed(rest[0], 'message type "2" is a string, it must be the number 2')
        return Ignored(reason=f"message type {_excerpt(kind)} is no integer: {_excerpt(frame)}")

    def _answer_from(self, kind: int, rest: list[Any], now_s: float) -> Event:
        message_id = rest[0] if rest else None
        call = self._in_flight
        if call is None or call.message_id != message_id:
            return Ignored(reason=self._why_nobody_waits_for(message_id, now_s))
        self._settle(call, "doubled", now_s)
        if kind == _CALLRESULT:
            # Some central systems leave an empty payload out, or write null.
            payload = rest[1] if len(rest) > 1 else None
            return Answer(call=call, payload={} if payload is None else payload)
        code, description, details, *_ = [*rest[1:], None, None, None]
        return Refusal(
            call=call,
            code=code if isinstance(code, str) else ErrorCode.GENERIC_ERROR.value,
            description=description if isinstance(description, str) else "",
            details=details if isinstance(details, dict) else {},
        )

    def _settle(self, call: CallInFlight, next_answer_is: str, now_s: float) -> None:
        self._in_flight = None
        self._past_calls.append(_PastCall(call=call, next_answer_is=next_answer_is, ended_s=now_s))

    def _why_nobody_waits_for(self, message_id: object, now_s: float) -> str:
        for past in self._past_calls:
            if past.call.message_id == message_id:
                ago_s = now_s - past.ended_s
                words = f"{past.next_answer_is} answer to {past.call.action} {message_id}"
                return f"{words}, which ended {ago_s:.1f} s ago"
        return f"answer to {_excerpt(message_id)}, which is no CALL of ours"


def result_frame(message_id: str, payload: Mapping[str, Any]) -> str:
    """The CALLRESULT that answers *message_id*. Decimals become JSON numbers digit by digit.

    Raises TypeError or ValueError for what JSON cannot carry.
    """
    return _encode([_CALLRESULT, message_id, payload])


def error_frame(message_id: str, error: CallError) -> str:
    """The CALLERROR that answers *message_id*."""
    return _encode([_CALLERROR, message_id, error.code.value, error.description, error.details])


@dataclass(frozen=True, slots=True, kw_only=True)
class _PastCall:
    call: CallInFlight
    next_answer_is: str
    ended_s: float


def _call_from(rest: list[Any]) -> Event:
    message_id, *content = rest or [None]
    if type(message_id) in (int, Decimal) and len(str(message_id)) <= MAX_MESSAGE_ID_LENGTH:
        return _malformed(
            str(message_id),
            f"message id {message_id} is a number, OCPP-J 1.6 §4.1.4 wants a string of at most 36 characters",
        )
    if not isinstance(message_id, str):
        return Ignored(reason=f"CALL without a message id that can be answered: {_excerpt(message_id)}")
    if len(message_id) > MAX_MESSAGE_ID_LENGTH:
        return Ignored(
            reason=f"CALL whose message id has {len(message_id)} characters: {_excerpt(message_id)}"
        )
    if len(content) != 2:
        return _malformed(message_id, f"a CALL has 4 elements, this one has {len(rest) + 1}")
    action, payload = content
    if not isinstance(action, str):
        return _malformed(message_id, f"action {_excerpt(action)} is no string")
    if not isinstance(payload, dict):
        return _malformed(message_id, f"payload {_excerpt(payload)} is no object")
    return Call(message_id=message_id, action=action, payload=payload)


def _malformed(message_id: str, reason: str) -> Malformed:
    return Malformed(
        reply=error_frame(message_id, CallError(ErrorCode.FORMATION_VIOLATION, reason)), reason=reason
    )


def _excerpt(value: object) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, str | bytes):
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    return str(value)[:60]


def _encode(message: list[Any]) -> str:
    return _ENCODER.encode(message).decode()


@lru_cache(maxsize=1024)
def _decimal(text: str) -> Decimal:
    """Remembered, because the limits of a schedule repeat."""
    number = Decimal(text)
    # Decimal("1e999999999") is cheap to make and fatal to compute with.
    if len(text) > 60 or abs(number.adjusted()) > 30:
        raise ValueError(f"number {text[:40]} is out of range, allowed are 10^-30 to 10^30")
    return number


_DECODER = msgspec.json.Decoder(float_hook=_decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")

_START_LENGTH = MAX_MESSAGE_ID_LENGTH + 40
_START = re.compile(
    rf"\s*\[\s*([234])\s*,\s*\"([^\"\\\x00-\x1f\ufffd\ud800-\udfff]{{1,{MAX_MESSAGE_ID_LENGTH}}})\"\s*[,\]]",
    re.ASCII,
)
"""How a message starts whose rest cannot be read: its type and its id."""
