"""Remote Trigger profile: the CSMS asks for a message (OCPP 1.6 §5.17)."""

from typing import Any

from cpd.domain.measurands import measurand_of
from cpd.ocpp.v16.context import Context, Handler, Payload
from cpd.station.station import Station

TRIGGERED = frozenset({"BootNotification", "Heartbeat", "MeterValues", "StatusNotification"})
"""What can be asked for in any case (§6.51)."""

_OF_FILES = frozenset({"DiagnosticsStatusNotification", "FirmwareStatusNotification"})
"""What can be asked for where FirmwareManagement is served."""

_PER_CONNECTOR = frozenset({"MeterValues", "StatusNotification"})


async def trigger_message(context: Context, request: Payload) -> dict[str, Any]:
    """Promise a message and send it after this answer (§5.17)."""
    message = request["requestedMessage"]
    connector = request.get("connectorId")
    of_files = message in _OF_FILES and _serves_files(context)
    if message not in TRIGGERED and not of_files:
        return {"status": "NotImplemented"}
    if message != "BootNotification" and not context.may_send:
        return {"status": "Rejected"}
    station = context.station
    if message in _PER_CONNECTOR and connector is not None and not station.has_connector(connector):
        return {"status": "Rejected"}
    if message == "MeterValues" and not _can_measure(station, connector):
        return {"status": "Rejected"}
    context.trigger(message, connector if message in _PER_CONNECTOR else None)
    return {"status": "Accepted"}


def _can_measure(station: Station, connector: int | None) -> bool:
    """True where a MeterValues would have something in it; *connector* None: of any."""
    names = station.configuration.variables.names("MeterValuesSampledData")
    numbers = station.connectors if connector is None else (connector,)
    return any(map(measurand_of, names)) and any(map(station.sampler.speaks, numbers))


def _serves_files(context: Context) -> bool:
    return context.station.configuration.variables.serves("FirmwareManagement")


HANDLERS: dict[str, Handler] = {"TriggerMessage": trigger_message}
