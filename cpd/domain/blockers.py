"""Why a connector is not charging: one ordered list of causes, used by status, `cpd why` and StatusNotification.

The first blocker is the primary cause. Codes are stable and fit StatusNotification.info (≤ 50 characters); the
evidence and the next step are short sentences for a technician.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cpd.domain.authorization import CardVerdict
from cpd.domain.composite import ActiveLimit
from cpd.domain.profiles import Purpose
from cpd.domain.supply import Constraint, ConstraintKind
from hal.evse import OutletSnapshot
from hal.values import Clearing, ContactorState, Fault, FaultKind, LockState, PilotState


class BlockerCode(StrEnum):
    """The codes besides ``FAULT_<KIND>``, in order of precedence."""

    EMERGENCY_STOP = "EMERGENCY_STOP"
    UNAVAILABLE_CSMS = "UNAVAILABLE_CSMS"
    UNAVAILABLE_LOCAL = "UNAVAILABLE_LOCAL"
    UPDATING_FIRMWARE = "UPDATING_FIRMWARE"
    NO_CABLE = "NO_CABLE"
    CABLE_UNKNOWN = "CABLE_UNKNOWN"
    LOCK_OPEN = "LOCK_OPEN"
    RESERVED = "RESERVED"
    WAITING_FOR_CARD = "WAITING_FOR_CARD"
    AUTHORIZING = "AUTHORIZING"
    CARD_REFUSED = "CARD_REFUSED"
    CARD_UNKNOWN_OFFLINE = "CARD_UNKNOWN_OFFLINE"
    TRANSACTION_ENDED = "TRANSACTION_ENDED"
    BOOT_NOT_ACCEPTED = "BOOT_NOT_ACCEPTED"
    LIMIT_ZERO_CSMS = "LIMIT_ZERO_CSMS"
    LIMIT_BELOW_6A_CSMS = "LIMIT_BELOW_6A_CSMS"
    LIMIT_LOCAL = "LIMIT_LOCAL"
    LIMIT_OFFLINE = "LIMIT_OFFLINE"
    LIMIT_STATION = "LIMIT_STATION"
    LIMIT_SHARED = "LIMIT_SHARED"
    LIMIT_TEMPERATURE = "LIMIT_TEMPERATURE"
    CLOCK_UNTRUSTED = "CLOCK_UNTRUSTED"
    WAIT_MIN_PAUSE = "WAIT_MIN_PAUSE"
    WAIT_PHASE_SWITCH = "WAIT_PHASE_SWITCH"
    WAKING_EV = "WAKING_EV"
    EV_NOT_READY = "EV_NOT_READY"
    EV_NEEDS_VENTILATION = "EV_NEEDS_VENTILATION"
    EV_DRAWS_NOTHING = "EV_DRAWS_NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause before it is dated: its code, what constrains, what shows it, what to do.

    *until_s* is an instant of the monotonic clock, *limit_until_s* one in seconds since 1970 UTC; both None
    where the end is open.
    """

    code: str
    evidence: str
    next_step: str
    constraint: Constraint | None = None
    until_s: float | None = None
    limit_until_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A cause with its dates: since and until when it holds (*until* None: open)."""

    code: str
    since: datetime
    until: datetime | None
    constraint: Constraint | None
    evidence: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that can keep one connector from charging.

    *limit* is the engine's answer, *waits_until_s* the end of a wait that holds an increase back (monotonic).
    *boot_refused*: a link stands, but the CSMS has not accepted the boot.
    """

    outlet: OutletSnapshot
    operative: bool
    in_transaction: bool
    stopping: bool
    ended: bool
    authorised: bool
    authorising: bool
    deauthorised: bool
    verdict: CardVerdict | None
    boot_refused: bool
    limit: ActiveLimit | None
    waits_until_s: float | None
    fixed_cable: bool


DRAWS_NOTHING_MA = 500
"""Below this on every phase a vehicle in state C is said to draw nothing."""


def causes_of(situation: Situation) -> tuple[Cause, ...]:
    """Every cause that holds, the primary one first; empty while current flows, or could as soon as it is wanted."""
    causes = [*_faults(situation), *_access(situation), *_session(situation)]
    if situation.in_transaction and not situation.stopping and not situation.deauthorised:
        causes += [*_limit(situation), *_waits(situation), *_vehicle(situation)]
    return tuple(sorted(causes, key=_precedence))


_ORDER = {str(code): place for place, code in enumerate(BlockerCode)}


def _precedence(cause: Cause) -> int:
    """Faults first, oldest first, then the codes in their order."""
    return _ORDER.get(cause.code, -1)


def _faults(situation: Situation) -> list[Cause]:
    causes = [_fault(fault) for fault in situation.outlet.faults if fault.rule.opens]
    if situation.outlet.meter is None and not situation.in_transaction:
        causes.append(
            Cause(
                code=f"FAULT_{FaultKind.METER_OFFLINE.upper()}",
                evidence="the meter does not answer, so nothing can be started",
                next_step="look at the meter and its wiring",
            )
        )
    return causes


_CLEARED_BY = {
    Clearing.UNPLUG: "unplug the vehicle once the cause is gone",
    Clearing.ACKNOWLEDGE: "service it, then acknowledge the fault",
    Clearing.RECOVERS: "clears by itself when the cause is gone",
    Clearing.RECOVERS_FOR_60_S: "clears 60 s after the cause is gone",
}


def _fault(fault: Fault) -> Cause:
    if fault.kind is FaultKind.EMERGENCY_STOP:
        return Cause(
            code=BlockerCode.EMERGENCY_STOP,
            evidence="the emergency stop is pressed",
            next_step="release the emergency stop",
        )
    return Cause(
        code=f"FAULT_{fault.kind.upper()}",
        evidence=f"fault {fault.kind}",
        next_step=_CLEARED_BY[fault.rule.clearing],
    )


def _access(situation: Situation) -> list[Cause]:
    outlet = situation.outlet
    causes = []
    if not situation.operative and not situation.in_transaction:
        causes.append(
            Cause(
                code=BlockerCode.UNAVAILABLE_CSMS,
                evidence="set Inoperative by the CSMS",
                next_step="ask the operator to make it Operative",
            )
        )
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


_VERDICTS = {
    CardVerdict.REFUSED: (
        BlockerCode.CARD_REFUSED,
        "the card was refused",
        "try another card, or ask the operator",
    ),
    CardVerdict.UNKNOWN_OFFLINE: (
        BlockerCode.CARD_UNKNOWN_OFFLINE,
        "the CSMS does not answer, the card is not known here",
        "wait for the link, or use a known card",
    ),
}


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
        causes.append(_verdict(situation.verdict))
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
    if situation.boot_refused:
        causes.append(
            Cause(
                code=BlockerCode.BOOT_NOT_ACCEPTED,
                evidence="the CSMS has not accepted this charger yet",
                next_step="ask the operator to accept its id",
            )
        )
    return causes


def _verdict(verdict: CardVerdict) -> Cause:
    code, evidence, next_step = _VERDICTS[verdict]
    return Cause(code=code, evidence=evidence, next_step=next_step)


def _ended(evidence: str) -> Cause:
    return Cause(
        code=BlockerCode.TRANSACTION_ENDED, evidence=evidence, next_step="replug, or present a card again"
    )


_LIMIT_CODES = {
    ConstraintKind.LOCAL: (BlockerCode.LIMIT_LOCAL, "end the local limit"),
    ConstraintKind.OFFLINE: (BlockerCode.LIMIT_OFFLINE, "restore the link to the CSMS"),
    ConstraintKind.STATION: (BlockerCode.LIMIT_STATION, "the supply of the station is too small"),
    ConstraintKind.SHARE: (BlockerCode.LIMIT_SHARED, "wait: another connector has the current"),
    ConstraintKind.TEMPERATURE: (BlockerCode.LIMIT_TEMPERATURE, "let it cool down"),
    ConstraintKind.CLOCK: (BlockerCode.CLOCK_UNTRUSTED, "let NTP or the CSMS set the clock"),
}


def _limit(situation: Situation) -> list[Cause]:
    limit = situation.limit
    if limit is None or limit.offer_ma > 0:
        return []
    by = limit.constrained_by
    if by.kind in _LIMIT_CODES:
        code, next_step = _LIMIT_CODES[by.kind]
    else:
        code = BlockerCode.LIMIT_ZERO_CSMS if limit.current_ma == 0 else BlockerCode.LIMIT_BELOW_6A_CSMS
        next_step = f"ask the operator to clear {described(by)}"
    return [
        Cause(
            code=code,
            evidence=f"limit {amperes(limit.current_ma)} by {described(by)}{_without(limit)}",
            next_step=next_step,
            constraint=by,
            limit_until_s=limit.valid_until_s,
        )
    ]


def _without(limit: ActiveLimit) -> str:
    other = limit.runner_up
    if other is None:
        return ""
    return f"; without it {amperes(other.current_ma)} by {described(other.constrained_by)}"


def _waits(situation: Situation) -> list[Cause]:
    until_s = situation.waits_until_s
    waits = situation.outlet.closing_at_s if until_s is None else until_s
    if waits is None or situation.outlet.contactor is ContactorState.CLOSED:
        return []
    return [
        Cause(
            code=BlockerCode.WAIT_MIN_PAUSE,
            evidence="minimum pause before charging again",
            next_step="wait, it goes on by itself",
            until_s=waits,
        )
    ]


def _vehicle(situation: Situation) -> list[Cause]:
    outlet = situation.outlet
    if outlet.waking:
        return [
            Cause(
                code=BlockerCode.WAKING_EV,
                evidence="the vehicle is being woken by a pulse",
                next_step="wait a few seconds",
            )
        ]
    if outlet.offer_ma == 0:
        return []
    offered = f"we offer {amperes(outlet.offer_ma)}"
    if outlet.pilot is PilotState.B:
        return [
            Cause(
                code=BlockerCode.EV_NOT_READY,
                evidence=f"{offered}, the vehicle does not ask (state B)",
                next_step="look at the vehicle's own timer, unlock it, or replug",
            )
        ]
    if outlet.pilot is PilotState.D and outlet.contactor is not ContactorState.CLOSED:
        return [
            Cause(
                code=BlockerCode.EV_NEEDS_VENTILATION,
                evidence="the vehicle asks for ventilation (state D)",
                next_step="charge it where there is ventilation",
            )
        ]
    drawn = outlet.meter.current_ma if outlet.meter is not None else None
    if outlet.contactor is ContactorState.CLOSED and drawn and max(drawn) < DRAWS_NOTHING_MA:
        return [
            Cause(
                code=BlockerCode.EV_DRAWS_NOTHING,
                evidence=f"{offered}, contactor closed, no current flows",
                next_step="look at the vehicle: full, or its own limit",
            )
        ]
    return []


def amperes(current_ma: int) -> str:
    """A current as people read it: ``16 A``, ``10.5 A``; rounded down to 0.1 A."""
    whole, tenth = divmod(current_ma // 100, 10)
    return f"{whole} A" if tenth == 0 else f"{whole}.{tenth} A"


def described(by: Constraint) -> str:
    """What constrains, in words: ``TxProfile #7``, ``grid (main fuse)``, ``cable``."""
    if by.purpose is not None:
        return f"{_PURPOSES[by.purpose]} #{by.profile_id}"
    return _KINDS.get(by.kind, str(by.kind))


_PURPOSES = {
    Purpose.CHARGE_POINT_MAX: "ChargePointMax",
    Purpose.TX_DEFAULT: "TxDefault",
    Purpose.TX: "TxProfile",
}

_KINDS = {
    ConstraintKind.CONNECTOR: "connector (cpd.toml)",
    ConstraintKind.STATION: "main fuse (cpd.toml)",
    ConstraintKind.SHARE: "main fuse, shared",
}
