"""What a technician does at the charger itself: start, stop, unlock, availability, fault acknowledgement, reset."""

from collections.abc import Iterable

from cpd.control.api import AvailabilityDocument, DoneDocument, DryRunDocument, UnlockDocument
from cpd.control.method import DONE, Caller, Method, connector_of
from cpd.control.params import (
    AcknowledgeParams,
    AvailabilityParams,
    ConnectorParams,
    ResetParams,
    StartParams,
    UnlockParams,
)
from cpd.control.target import ControlRefused, ControlTarget
from cpd.domain.availability import AvailabilityOutcome
from cpd.station.reset import ResetKind
from cpd.station.snapshot import ConnectorSnapshot
from hal.values import Clearing, FaultKind, LockState, UnlockResult


async def start(target: ControlTarget, params: StartParams, _caller: Caller) -> DoneDocument:
    connector = connector_of(target, params.connector)
    if connector.transaction is not None:
        raise ControlRefused(
            "refused",
            f"a transaction runs on connector {connector.id}",
            f"cpd stop {connector.id} ends it",
        )
    await target.start(connector.id, params.id_tag)
    return DONE


async def stop(target: ControlTarget, params: ConnectorParams, _caller: Caller) -> DoneDocument:
    connector = connector_of(target, params.connector)
    if connector.transaction is None:
        raise ControlRefused(
            "refused",
            f"no transaction runs on connector {connector.id}",
            f"cpd status {connector.id} shows what it does",
        )
    await target.stop(connector.id)
    return DONE


async def unlock(
    target: ControlTarget, params: UnlockParams, _caller: Caller
) -> UnlockDocument | DryRunDocument:
    connector = connector_of(target, params.connector)
    _require_reachable(connector)
    if params.dry_run and connector.outlet.lock is not LockState.NONE:
        return _tried(f"unlock connector {connector.id}", [connector])
    match await target.unlock(connector.id):
        case UnlockResult.NOT_SUPPORTED:
            raise ControlRefused(
                "refused", f"the cable of connector {connector.id} is fixed", "there is nothing to unlock"
            )
        case UnlockResult.FAILED:
            _require_reachable(connector_of(target, connector.id))
            raise ControlRefused(
                "refused",
                f"the plug of connector {connector.id} stays locked",
                f"push the plug in, try again; cpd why {connector.id}",
            )
        case UnlockResult.UNLOCKED:
            return {"schema": "cpd.unlock/1", "connector": connector.id, "unlocked": True}


async def availability(
    target: ControlTarget, params: AvailabilityParams, _caller: Caller
) -> AvailabilityDocument:
    number = params.connector
    if number != 0:
        connector_of(target, number)
    outcome = await target.set_availability(number, params.operative)
    if outcome is AvailabilityOutcome.REJECTED:
        raise ControlRefused("refused", "the store does not take it", "journalctl -u cpd tells more")
    return {
        "schema": "cpd.availability/1",
        "connector": number,
        "operative": params.operative,
        "status": outcome.value,
    }


async def acknowledge_fault(
    target: ControlTarget, params: AcknowledgeParams, _caller: Caller
) -> DoneDocument | DryRunDocument:
    connector = connector_of(target, params.connector)
    kind = _standing_fault(connector, params.code)
    if params.dry_run:
        return _tried(f"acknowledge {kind} on connector {connector.id}", [])
    if not await target.acknowledge_fault(connector.id, kind):
        _require_reachable(connector_of(target, connector.id))
        raise ControlRefused(
            "refused", f"the cause of {kind} still stands", "service it first, then acknowledge it"
        )
    return DONE


async def reset(target: ControlTarget, params: ResetParams, _caller: Caller) -> DoneDocument | DryRunDocument:
    if params.dry_run:
        what = "daemon" if params.type is ResetKind.SOFT else "charger"
        return _tried(f"restart the {what}", target.snapshot().connectors)
    target.reset(params.type)
    return DONE


METHODS = {
    "start": Method(StartParams, start, mutating=True),
    "stop": Method(ConnectorParams, stop, mutating=True),
    "unlock": Method(UnlockParams, unlock, mutating=True),
    "availability": Method(AvailabilityParams, availability, mutating=True),
    "faults.acknowledge": Method(AcknowledgeParams, acknowledge_fault, mutating=True),
    "reset": Method(ResetParams, reset, mutating=True),
}

_CLEARED = {
    Clearing.UNPLUG: "unplug the vehicle once the cause is gone",
    Clearing.RECOVERS: "it clears by itself once the cause is gone",
    Clearing.RECOVERS_FOR_60_S: "it clears by itself 60 s after its cause",
}


def _require_reachable(connector: ConnectorSnapshot) -> None:
    """Raises `ControlRefused` where nobody can ask *connector*: that it is silent says nothing of its parts."""
    for blocker in connector.blockers:
        if blocker.code == "FAULT_GUARD_LOST":
            message = f"connector {connector.id} is out of reach: {blocker.evidence}"
            raise ControlRefused("refused", message, blocker.next_step)


def _tried(would: str, concerned: Iterable[ConnectorSnapshot]) -> DryRunDocument:
    ends = [connector.id for connector in concerned if connector.transaction is not None]
    return {"schema": "cpd.dry-run/1", "would": would, "ends": ends}


def _standing_fault(connector: ConnectorSnapshot, code: str) -> FaultKind:
    """The fault of *connector* that *code* names: by its kind, or as its blocker spells it."""
    name = code.casefold().removeprefix("fault_")
    standing = [fault for fault in connector.outlet.faults if fault.kind.value == name]
    if not standing:
        words = ", ".join(fault.kind.value for fault in connector.outlet.faults)
        raise ControlRefused(
            "not_found",
            f"connector {connector.id} has no fault {code}",
            f"faults that stand: {words}" if words else f"no fault stands; cpd why {connector.id} tells more",
        )
    clearing = standing[0].rule.clearing
    if clearing is not Clearing.ACKNOWLEDGE:
        raise ControlRefused("refused", f"{name} is not acknowledged by hand", _CLEARED[clearing])
    return standing[0].kind
