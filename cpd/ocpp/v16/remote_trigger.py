"""Remote Trigger profile: the CSMS asks for a message (OCPP 1.6 §5.17)."""

from typing import Any

from cpd.ocpp.v16.context import Context, Handler, Payload

TRIGGERED = frozenset({"BootNotification", "Heartbeat", "MeterValues", "StatusNotification"})
"""What can be asked for; the others of §6.51 belong to feature profiles that are not served."""

_PER_CONNECTOR = frozenset({"MeterValues", "StatusNotification"})


async def trigger_message(context: Context, request: Payload) -> dict[str, Any]:
    """Promise a message and send it after this answer (§5.17)."""
    message = request["requestedMessage"]
    connector = request.get("connectorId")
    if message not in TRIGGERED:
        return {"status": "NotImplemented"}
    station = context.station
    if message in _PER_CONNECTOR and connector is not None and not station.has_connector(connector):
        return {"status": "Rejected"}
    if message == "MeterValues" and not station.configuration.variables.names("MeterValuesSampledData"):
        return {"status": "Rejected"}
    context.trigger(message, connector if message in _PER_CONNECTOR else None)
    return {"status": "Accepted"}


HANDLERS: dict[str, Handler] = {"TriggerMessage": trigger_message}
