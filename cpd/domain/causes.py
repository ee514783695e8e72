"""Why a connector is not charging: one ordered list of causes, found in its situation.

The first one is the primary cause. What concerns the current itself is in `current_causes`.
"""

from types import MappingProxyType
from typing import Final

from cpd.domain.authorization import CardVerdict
from cpd.domain.availability import Origin
from cpd.domain.blockers import BlockerCode, Cause, Situation
from cpd.domain.current_causes import limit_causes, vehicle_causes, wait_causes
from hal.values import Clearing, Fault, FaultKind, LockState, PilotState


def causes_of(situation: Situation) -> tuple[Cause, ...]:
    """Every cause that holds, the primary one first; empty while all flows that may, or could as soon as wanted."""
    causes = [*_faults(situation), *_access(situation), *_session(situation)]
    if situation.in_transaction and not situation.stopping and not situation.deauthorised:
        causes += [*limit_causes(situation), *vehicle_causes(situation)]
        causes += wait_causes(situation, hindered=any(not cause.flowing for cause in causes))
    return tuple(sorted(causes, key=_precedence))


_ORDER: Final = {str(code): place for place, code in enumerate(BlockerCode)}


def _precedence(cause: Cause) -> int:
    """Faults first, oldest first, then the codes in their order."""
    return _ORDER.get(cause.code, -1)


_SHOWN_BY: Final = MappingProxyType(
    {
        FaultKind.GROUND_FAULT: "a residual current was measured",
        FaultKind.CONTACTOR_WELDED: "the contactor shows closed, it was told to open",
        FaultKind.CONTACTOR_STUCK_OPEN: "the contactor shows open, it was told to close",
        FaultKind.PILOT_SHORT: "the pilot line is shorted to earth",
        FaultKind.DIODE_MISSING: "the vehicle shows no diode on the pilot",
        FaultKind.PILOT_FAULT: "the pilot voltage cannot be read",
        FaultKind.OVER_CURRENT: "the vehicle drew more than is offered",
        FaultKind.OVER_TEMPERATURE: "the outlet is too hot",
        FaultKind.UNDER_VOLTAGE: "the mains voltage is too low",
        FaultKind.OVER_VOLTAGE: "the mains voltage is too high",
        FaultKind.LOCK_FAILURE: "the plug lock does not reach its end",
        FaultKind.POWER_SWITCH_FAILURE: "the contactor's feedback contradicts itself",
        FaultKind.METER_OFFLINE: "the meter does not answer, so nothing can be started",
        FaultKind.READER_OFFLINE: "the card reader does not answer",
        FaultKind.GUARD_LOST: "the guard, or its line to a controller, is silent",
    }
)
_CLEARED_BY: Final = MappingProxyType(
    {
        Clearing.UNPLUG: "unplug the vehicle once the cause is gone",
        Clearing.ACKNOWLEDGE: "service it, then: cpd fault ack {connector} {kind}",
        Clearing.RECOVERS_FOR_60_S: "clears 60 s after the cause is gone",
    }
)
_SEEN_TO: Final = MappingProxyType(
    {
        FaultKind.METER_OFFLINE: "look at the meter and its wiring",
        FaultKind.READER_OFFLINE: "look at the reader, or start remotely",
        FaultKind.OVER_TEMPERATURE: "let it cool down; look for loose terminals",
        FaultKind.GUARD_LOST: "cpd doctor, then sudo systemctl status cpd-guard",
    }
)
"""What is to be done about a fault that ends with its cause; of the others, what ends them is told."""


def _faults(situation: Situation) -> list[Cause]:
    causes = [_fault(fault, situation.connector) for fault in situation.outlet.faults if fault.rule.opens]
    if situation.in_transaction:
        return causes
    if situation.outlet.meter is None:
        causes.append(_harmless(FaultKind.METER_OFFLINE))
    if any(fault.kind is FaultKind.READER_OFFLINE for fault in situation.outlet.faults):
        causes.append(_harmless(FaultKind.READER_OFFLINE))
    return causes


def _fault(fault: Fault, connector: int) -> Cause:
    if fault.kind is FaultKind.EMERGENCY_STOP:
        return Cause(
            code=BlockerCode.EMERGENCY_STOP,
            evidence="the emergency stop is pressed",
            next_step="release the emergency stop",
        )
    next_step = _SEEN_TO.get(fault.kind)
    if next_step is None:
        next_step = _CLEARED_BY[fault.rule.clearing].format(connector=connector, kind=fault.kind.value)
    return Cause(code=f"FAULT_{fault.kind.upper()}", evidence=_SHOWN_BY[fault.kind], next_step=next_step)


def _harmless(kind: FaultKind) -> Cause:
    """A fault that lets current flow, and keeps a transaction from being started."""
    return Cause(code=f"FAULT_{kind.upper()}", evidence=_SHOWN_BY[kind], next_step=_SEEN_TO[kind])


def _access(situation: Situation) -> list[Cause]:
    outlet = situation.outlet
    causes = [] if situation.in_transaction else _closed_to_all(situation)
    if outlet.pilot is PilotState.A:
        causes.append(
            Cause(
                code=BlockerCode.NO_CABLE,
                evidence="no vehicle on the pilot (state A)",
                next_step="plug the vehicle in",
            )
        )
    elif outlet.pilot.plugged and outlet.cable_a is None and not situation.fixed_cable:
        causes.append(
            Cause(
                code=BlockerCode.CABLE_UNKNOWN,
                evidence="the cable does not tell its rating (PP)",
                next_step="replug, or try another cable",
            )
        )
    if situation.in_transaction and outlet.lock in (LockState.UNLOCKED, LockState.FAILED):
        causes.append(
            Cause(
                code=BlockerCode.LOCK_OPEN,
                evidence=f"the plug lock is {outlet.lock}",
                next_step="push the plug in fully, replug",
            )
        )
    return causes


def _closed_to_all(situation: Situation) -> list[Cause]:
    causes = []
    if situation.withdrawn_by is Origin.CSMS:
        causes.append(
            Cause(
                code=BlockerCode.UNAVAILABLE_CSMS,
                evidence="set Inoperative by the CSMS",
                next_step="ask the operator to make it Operative",
            )
        )
    if situation.withdrawn_by is Origin.LOCAL:
        causes.append(
            Cause(
                code=BlockerCode.UNAVAILABLE_LOCAL,
                evidence="switched off by somebody at the charger",
                next_step=f"cpd availability {0 if situation.with_station else situation.connector} on",
            )
        )
    if situation.updating_firmware:
        causes.append(
            Cause(
                code=BlockerCode.UPDATING_FIRMWARE,
                evidence="new firmware is being installed",
                next_step="wait for the restart",
            )
        )
    if situation.reserved:
        causes.append(
            Cause(
                code=BlockerCode.RESERVED,
                evidence="reserved for another card",
                next_step="present the card it is reserved for",
                until_epoch_s=situation.reserved_until_epoch_s,
            )
        )
    return causes


_VERDICTS: Final = MappingProxyType(
    {
        CardVerdict.REFUSED: (
            BlockerCode.CARD_REFUSED,
            "the card was refused",
            "try another card; cpd auth explain TAG tells why",
        ),
        CardVerdict.UNKNOWN_OFFLINE: (
            BlockerCode.CARD_UNKNOWN_OFFLINE,
            "the CSMS does not answer, the card is not known here",
            "use a known card; cpd auth explain TAG tells why",
        ),
    }
)


def _session(situation: Situation) -> list[Cause]:
    if situation.in_transaction:
        if situation.deauthorised:
            return [_verdict(CardVerdict.REFUSED)]
        if situation.stopping:
            return [_ended("the transaction is being stopped")]
        return []
    causes = []
    if situation.authorising:
        causes.append(
            Cause(
                code=BlockerCode.AUTHORIZING,
                evidence="the CSMS is asked about the card",
                next_step="wait a few seconds",
            )
        )
    elif situation.verdict is not None:
        causes.append(_unknown_alone() if _is_unknown_alone(situation) else _verdict(situation.verdict))
    elif situation.ended and not situation.authorised:
        causes.append(_ended("the transaction has ended"))
    elif not situation.authorised and situation.outlet.pilot.plugged:
        causes.append(
            Cause(
                code=BlockerCode.WAITING_FOR_CARD,
                evidence="plugged in, nobody is authorised",
                next_step="present a card, or start remotely",
            )
        )
    if situation.store_failed and situation.authorised:
        causes.append(
            Cause(
                code=BlockerCode.STORE_FAILED,
                evidence="the store cannot keep the start of a session",
                next_step="cpd status names the trouble; free disk space",
            )
        )
    if situation.boot_refused:
        causes.append(
            Cause(
                code=BlockerCode.BOOT_NOT_ACCEPTED,
                evidence="the CSMS has not accepted this charger yet",
                next_step="ask the operator to accept its id",
            )
        )
    return causes


def _is_unknown_alone(situation: Situation) -> bool:
    return situation.alone and situation.verdict is CardVerdict.UNKNOWN_OFFLINE


def _unknown_alone() -> Cause:
    return Cause(
        code=BlockerCode.CARD_UNKNOWN_OFFLINE,
        evidence="this charger works alone, the card is not known here",
        next_step="AllowOfflineTxForUnknownId lets any card charge",
    )


def _verdict(verdict: CardVerdict) -> Cause:
    code, evidence, next_step = _VERDICTS[verdict]
    return Cause(code=code, evidence=evidence, next_step=next_step)


def _ended(evidence: str) -> Cause:
    return Cause(
        code=BlockerCode.TRANSACTION_ENDED, evidence=evidence, next_step="replug, or present a card again"
    )
