"""Core profile: requests of the CSMS (OCPP 1.6 §5.3, §5.8, §5.11, §5.12). Request in, domain call, reply out."""

import logging
from typing import Any

from cpd.domain.availability import Origin
from cpd.domain.variables import ChangeOutcome
from cpd.errors import StorageError
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.v16.context import Context, Handler, Payload
from cpd.ocpp.v16.translate_profiles import profile_from
from cpd.station.configuration import ConfigurationKey
from cpd.station.reset import ResetKind
from hal.values import UnlockResult

log = logging.getLogger(__name__)

VENDOR_ID = "cpd"
"""Whose DataTransfer messages are ours (§7.17)."""


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


async def change_availability(context: Context, request: Payload) -> dict[str, Any]:
    """Take a connector, or the station as connector 0, out of service or back (§5.2)."""
    operative = request["type"] == "Operative"
    outcome = await context.station.availability.change(Origin.CSMS, request["connectorId"], operative)
    return {"status": outcome.value}


async def clear_cache(context: Context, _request: Payload) -> dict[str, Any]:
    """Forget what the CSMS has said of idTags, whether the cache is used at present or not (§5.4)."""
    return {"status": "Accepted"} if await context.station.authorizer.forget() else _refused("not kept")


async def data_transfer(_context: Context, request: Payload) -> dict[str, Any]:
    """There are no messages but the specification's, ours included (§5.6)."""
    ours = request["vendorId"].casefold() == VENDOR_ID
    return {"status": "UnknownMessageId" if ours else "UnknownVendorId"}


async def get_configuration(context: Context, request: Payload) -> dict[str, Any]:
    """The asked keys in the order asked, or all of them for none and for an empty list (§5.8).

    More than GetConfigurationMaxKeys are an OccurenceConstraintViolation: half an answer would look like a whole.
    """
    configuration = context.station.configuration
    asked = request.get("key") or []
    most = configuration.variables.integer("GetConfigurationMaxKeys")
    if len(asked) > most:
        raise CallError(
            ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION, f"{len(asked)} keys are asked for, allowed are {most}"
        )
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
    reason = await context.station.remote.start(request["idTag"], request.get("connectorId"), profile)
    return {"status": "Accepted"} if reason is None else _refused(reason)


async def remote_stop_transaction(context: Context, request: Payload) -> dict[str, Any]:
    """Stop the transaction of that number (§5.12)."""
    if not context.accepted:
        return _refused("the boot is not accepted yet")
    if await context.station.remote.stop(request["transactionId"]):
        return {"status": "Accepted"}
    return _refused(f"transaction {request['transactionId']} does not run")


async def reset(context: Context, request: Payload) -> dict[str, Any]:
    """Restart after this answer, in good order: what runs is stopped and told first (§5.14)."""
    context.station.reset.ask(ResetKind(request["type"]))
    return {"status": "Accepted"}


async def unlock_connector(context: Context, request: Payload) -> dict[str, Any]:
    """Give the plug back, once what runs is ended; answered when the bolt has moved, or will not (§5.18)."""
    result = await context.station.unlocking.unlock(request["connectorId"])
    return {"status": _UNLOCK_STATUS[result]}


HANDLERS: dict[str, Handler] = {
    "ChangeAvailability": change_availability,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
    "DataTransfer": data_transfer,
    "GetConfiguration": get_configuration,
    "RemoteStartTransaction": remote_start_transaction,
    "RemoteStopTransaction": remote_stop_transaction,
    "Reset": reset,
    "UnlockConnector": unlock_connector,
}

_UNLOCK_STATUS = {
    UnlockResult.UNLOCKED: "Unlocked",
    UnlockResult.FAILED: "UnlockFailed",
    UnlockResult.NOT_SUPPORTED: "NotSupported",
}


def _refused(reason: str) -> dict[str, Any]:
    log.info("request rejected: %s", reason)
    return {"status": "Rejected"}


def _entry(key: ConfigurationKey) -> dict[str, Any]:
    entry = {"key": key.key, "readonly": key.readonly}
    return entry if key.secret else {**entry, "value": key.value}
