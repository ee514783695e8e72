"""The central system as a process is driven by JSON lines: what each command means, without pipes.

A command is ``{"id", "command", …}``, its reply ``{"id", "result"}`` or ``{"id", "error"}``.
"""

from typing import Any

import msgspec
from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.v16 import call

from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.requests import CallRefused, InvalidAnswer, NotConnected
from cpd.lab.csms.station_log import StationLog


class _Numbered(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    id: int


class Behave(_Numbered, frozen=True, tag="behave"):
    """Change some fields of the behaviour in force; the reply is all of it."""

    behaviour: dict[str, Any]


class Call(_Numbered, frozen=True, tag="call"):
    """Send a CALL; *payload* and the reply as on the wire."""

    station: str
    action: str
    payload: dict[str, Any] = {}


class SendRaw(_Numbered, frozen=True, tag="send_raw"):
    """Send any text as a frame."""

    station: str
    text: str


class Drop(_Numbered, frozen=True, tag="drop"):
    """End the link of a charge point."""

    station: str


class Report(_Numbered, frozen=True, tag="report"):
    """Tell what was seen of a charge point; see `report`."""

    station: str


class Received(_Numbered, frozen=True, tag="received"):
    """Tell the payloads of all received CALLs of one action, oldest first, as on the wire."""

    station: str
    action: str


Command = Behave | Call | SendRaw | Drop | Report | Received


class CommandFailed(Exception):
    """A command cannot be carried out; the text says why."""


async def carry_out(command: Command, central_system: CentralSystem) -> Any:
    """Do what *command* says; returns what can be written as JSON. Raises CommandFailed."""
    try:
        match command:
            case Behave(behaviour=changes):
                central_system.behaviour = central_system.behaviour.changed(changes)
                return msgspec.to_builtins(central_system.behaviour)
            case Call(station=station, action=action, payload=payload):
                return wire_payload(await central_system.call(station, message_of(action, payload)))
            case SendRaw(station=station, text=text):
                return await central_system.send_raw(station, text)
            case Drop(station=station):
                return central_system.drop(station)
            case Report(station=station):
                return report(central_system.log(station))
            case Received(station=station, action=action):
                calls = central_system.log(station).calls
                return [wire_payload(received.message) for received in calls if received.action == action]
    except TimeoutError as error:
        raise CommandFailed("no answer in time") from error
    except (ValueError, NotConnected, CallRefused, InvalidAnswer) as error:
        raise CommandFailed(str(error)) from error


def report(log: StationLog) -> dict[str, Any]:
    """What was seen of a charge point: links, registration, statuses by connector, bookings, violations.

    *asked* is what the central system asked it, with each answer or the code of its error.
    """
    statuses = {
        message.connector_id: str(message.status) for message in log.messages(call.StatusNotification)
    }
    return {
        "connected": log.connected,
        "connections": log.connections,
        "registration": log.registration,
        "statuses": statuses,
        "transactions": msgspec.to_builtins(log.ledger.transactions),
        "asked": [
            {"action": one.action, "payload": one.payload, "answer": one.answer, "error": one.error}
            for one in log.asked
        ],
        "violations": log.violations,
    }


def message_of(action: str, payload: dict[str, Any]) -> Any:
    """The `ocpp.v16.call` dataclass of a payload as on the wire; ValueError where there is none such."""
    kind = getattr(call, action, None)
    if not action[:1].isupper() or kind is None:
        raise ValueError(f"there is no CALL {action!r}")
    try:
        return kind(**camel_to_snake_case(payload))
    except TypeError as error:
        raise ValueError(f"{action}: {error}") from error


def wire_payload(message: Any) -> dict[str, Any]:
    """The payload of an `ocpp` dataclass as on the wire."""
    payload: dict[str, Any] = remove_nones(snake_to_camel_case(serialize_as_dict(message)))
    return payload
