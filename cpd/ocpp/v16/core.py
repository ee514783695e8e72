"""Core profile: requests of the CSMS (OCPP 1.6 §5.3, §5.8, §5.11, §5.12). Request in, domain call, reply out."""

import logging
from typing import Any

from cpd.domain.variables import ChangeOutcome
from cpd.errors import StorageError
from cpd.ocpp.v16.context import Context, Handler, Payload
from cpd.ocpp.v16.translate_profiles import profile_from
from cpd.station.configuration import ConfigurationKey

log = logging.getLogger(__name__)


async def change_configuration(context: Context, request: Payload) -> dict[str, Any]:
    """Change one key; Accepted once it is kept and in force (§5.3)."""
    key, value = request["key"], request["value"]
    try:
        outcome = await context.station.configuration.change(key, value, "csms")
    except StorageError as error:
        log.error("configuration key=%s is refused, the store failed: %s", key, error)
        outcome = ChangeOutcome.REJECTED
    log.info("configuration key=%s %s", key, outcome)
    return {"status": outcome.value}


async def get_configuration(context: Context, request: Payload) -> dict[str, Any]:
    """The asked keys in the order asked, or all of them for none and for an empty list (§5.8)."""
    configuration = context.station.configuration
    asked = request.get("key") or []
    if not asked:
        return {"configurationKey": [_entry(key) for key in configuration.entries()]}
    found = [(name, configuration.key(name)) for name in asked]
    reply: dict[str, Any] = {"configurationKey": [_entry(key) for _, key in found if key is not None]}
    unknown = [name for name, key in found if key is None]
    if unknown:
        reply["unknownKey"] = unknown
    return reply


async def remote_start_transaction(context: Context, request: Payload) -> dict[str, Any]:
    """Start where the CSMS says, or on the connector that waits; with a TxProfile, if it brings one (§5.11)."""
    payload = request.get("chargingProfile")
    profile = None if payload is None else profile_from(payload)
    if not context.accepted:
        return _refused("the boot is not accepted yet")
    reason = await context.station.start_remotely(request["idTag"], request.get("connectorId"), profile)
    return {"status": "Accepted"} if reason is None else _refused(reason)


async def remote_stop_transaction(context: Context, request: Payload) -> dict[str, Any]:
    """Stop the transaction of that number (§5.12)."""
    if not context.accepted:
        return _refused("the boot is not accepted yet")
    if await context.station.stop_remotely(request["transactionId"]):
        return {"status": "Accepted"}
    return _refused(f"transaction {request['transactionId']} does not run")


HANDLERS: dict[str, Handler] = {
    "ChangeConfiguration": change_configuration,
    "GetConfiguration": get_configuration,
    "RemoteStartTransaction": remote_start_transaction,
    "RemoteStopTransaction": remote_stop_transaction,
}


def _refused(reason: str) -> dict[str, Any]:
    log.info("request rejected: %s", reason)
    return {"status": "Rejected"}


def _entry(key: ConfigurationKey) -> dict[str, Any]:
    return {"key": key.key, "readonly": key.readonly, "value": key.value}
