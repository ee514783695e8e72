"""Remote Trigger profile: the CSMS asks for a message (OCPP 1.6 §5.17)."""

from typing import Any

from cpd.ocpp.v16.context import Context, Handler, Payload

TRIGGERED = frozenset({"BootNotification", "Heartbeat", "MeterValues", "StatusNotification"})
"""What can be asked for; FirmwareStatusNotification as well where FirmwareManagement is served (§6.51)."""

_PER_CONNECTOR = frozenset({"MeterValues", "StatusNotification"})


async def trigger_message(context: Context, request: Payload) -> dict[str, Any]:
    """Promise a message and send it after this answer (§5.17)."""
    message = request["requestedMessage"]
    connector = request.get("connectorId")
    firmware = message == "FirmwareStatusNotification" and _serves_firmware(context)
    if message not in TRIGGERED and not firmware:
        return {"status": "NotImplemented"}
    if message != "BootNotification" and not context.may_send:
        return {"status": "Rejected"}
    station = context.station
    if message in _PER_CONNECTOR and connector is not None and not station.has_connector(connector):
        return {"status": "Rejected"}
    if message == "MeterValues" and not station.configuration.variables.names("MeterValuesSampledData"):
        return {"status": "Rejected"}
    context.trigger(message, connector if message in _PER_CONNECTOR else None)
    return {"status": "Accepted"}


def _serves_firmware(context: Context) -> bool:
    return context.station.configuration.variables.serves("FirmwareManagement")


HANDLERS: dict[str, Handler] = {"TriggerMessage": trigger_message}
