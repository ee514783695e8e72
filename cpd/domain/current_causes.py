"""Why no current flows in a running transaction, or less than could: the limit, a wait of ours, the vehicle."""

from types import MappingProxyType
from typing import Final

from cpd.domain.blockers import BlockerCode, Cause, Situation
from cpd.domain.composite import ActiveLimit
from cpd.domain.profiles import Purpose
from cpd.domain.supply import Constraint, ConstraintKind
from hal.iec61851 import MIN_CURRENT_MA
from hal.values import ContactorState, PilotState

DRAWS_NOTHING_MA = 500
"""Below this on every phase a vehicle in state C is said to draw nothing."""

_LIMIT_CODES: Final = MappingProxyType(
    {
        ConstraintKind.OFFLINE: (BlockerCode.LIMIT_OFFLINE, "restore the link to the CSMS"),
        ConstraintKind.STATION: (BlockerCode.LIMIT_STATION, "the supply of the station is too small"),
        ConstraintKind.SHARE: (BlockerCode.LIMIT_SHARED, "wait: another connector has the current"),
        ConstraintKind.TEMPERATURE: (BlockerCode.LIMIT_TEMPERATURE, "let it cool down"),
        ConstraintKind.CLOCK: (BlockerCode.CLOCK_UNTRUSTED, "let NTP or the CSMS set the clock"),
        ConstraintKind.CABLE: (BlockerCode.CABLE_UNKNOWN, "use a cable for 6 A or more"),
    }
)


def limit_causes(situation: Situation) -> list[Cause]:
    """What the limit has to do with it: too low to charge, or lowered by what somebody should see to."""
    limit = situation.limit
    if limit is None:
        return []
    by = limit.constrained_by
    flowing = limit.offer_ma > 0
    if flowing and (by.kind is not ConstraintKind.TEMPERATURE or situation.outlet.opening_fault is not None):
        return []
    code, next_step = _low_limit(limit)
    return [
        Cause(
            code=code,
            evidence=f"limit {amperes(limit.current_ma)} by {described(by)}{_needed(limit)}{_without(limit)}",
            next_step=next_step,
            constraint=by,
            until_epoch_s=limit.valid_until_s,
            flowing=flowing,
        )
    ]


def wait_causes(situation: Situation, *, hindered: bool) -> list[Cause]:
    """Why less is offered than the limit allows, by our own doing; *hindered*: something else explains it."""
    limit, outlet = situation.limit, situation.outlet
    if limit is None or limit.offer_ma == 0 or outlet.opening_fault is not None:
        return []
    increase = f"increase to {amperes(limit.offer_ma)} waits"
    if situation.delayed_until_s is not None and outlet.offer_ma < limit.offer_ma:
        return [_random_delay(situation, f"{increase}, random delay", situation.delayed_until_s)]
    if 0 < outlet.offer_ma < limit.offer_ma:
        if outlet.increase_at_s is not None:
            return [_wait(f"{increase}, 5 s between increases", outlet.increase_at_s, flowing=True)]
        if situation.waits_until_s is not None:
            return [_wait(f"{increase}, others give way first", situation.waits_until_s, flowing=True)]
        return []
    if outlet.offer_ma > 0 and outlet.phases < limit.phases:
        return [_fewer_phases(outlet.phases, limit.phases, outlet.switching_at_s)]
    if situation.waits_until_s is not None and outlet.offer_ma == 0:
        return [_wait("minimum pause before charging again", situation.waits_until_s)]
    if outlet.offer_ma == 0 and limit.phases != outlet.phases:
        return [_phase_switch(outlet.phases, limit.phases, outlet.switching_at_s)]
    if outlet.closing_at_s is not None:
        return [_wait("minimum pause before charging again", outlet.closing_at_s)]
    if outlet.offer_ma == 0 and outlet.pilot.plugged and not hindered:
        return [_wait("minimum pause before charging again", None)]
    return []


def vehicle_causes(situation: Situation) -> list[Cause]:
    """What the vehicle has to do with it, while something is offered."""
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
        return [_STAYS_IN_C] if outlet.overstayed_s is not None and outlet.pilot in _ASKING else []
    offered = f"we offer {amperes(outlet.offer_ma)}"
    if outlet.pilot is PilotState.B:
        woken = "" if outlet.woken_at_s is None else ", though it was woken once"
        return [
            Cause(
                code=BlockerCode.EV_NOT_READY,
                evidence=f"{offered}, the vehicle does not ask (state B){woken}",
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
    """What constrains, in words: ``TxProfile #7``, ``main fuse (cpd.toml)``, ``cable``."""
    if by.purpose is not None:
        return f"{_PURPOSES[by.purpose]} #{by.profile_id}"
    return _KINDS.get(by.kind, str(by.kind))


_PURPOSES: Final = MappingProxyType(
    {
        Purpose.CHARGE_POINT_MAX: "ChargePointMax",
        Purpose.TX_DEFAULT: "TxDefault",
        Purpose.TX: "TxProfile",
    }
)
_KINDS: Final = MappingProxyType(
    {
        ConstraintKind.CONNECTOR: "connector (cpd.toml)",
        ConstraintKind.STATION: "main fuse (cpd.toml)",
        ConstraintKind.SHARE: "main fuse, shared",
        ConstraintKind.OFFLINE: "[offline] (cpd.toml)",
        ConstraintKind.LOCAL: "cpd limit",
    }
)


def _low_limit(limit: ActiveLimit) -> tuple[BlockerCode, str]:
    by = limit.constrained_by
    if by.kind is ConstraintKind.LOCAL:
        return BlockerCode.LIMIT_LOCAL, f"wait for its end, or: cpd limit {by.connector} off"
    if by.kind in _LIMIT_CODES:
        return _LIMIT_CODES[by.kind]
    code = BlockerCode.LIMIT_ZERO_CSMS if limit.current_ma == 0 else BlockerCode.LIMIT_BELOW_6A_CSMS
    return code, f"ask the operator to clear {described(by)}"


def _needed(limit: ActiveLimit) -> str:
    """Why a limit that the pilot could tell is a pause all the same."""
    pauses = MIN_CURRENT_MA <= limit.current_ma < limit.least_ma
    return f", below min_current_a {amperes(limit.least_ma)}" if pauses else ""


def _without(limit: ActiveLimit) -> str:
    other = limit.runner_up
    if other is None:
        return ""
    return f"; without it {amperes(other.current_ma)} by {described(other.constrained_by)}"


_ASKING: Final = (PilotState.C, PilotState.D)
_STAYS_IN_C: Final = Cause(
    code=BlockerCode.EV_STAYS_IN_C,
    evidence="the vehicle asks on without a PWM, the contactor was opened under load",
    next_step="nothing to do now; each such pause wears the contactor",
)
_WAIT: Final = Constraint(kind=ConstraintKind.WAIT)


def _wait(evidence: str, until_s: float | None, *, flowing: bool = False) -> Cause:
    return Cause(
        code=BlockerCode.WAIT_MIN_PAUSE,
        evidence=evidence,
        next_step="wait, it goes on by itself",
        constraint=_WAIT,
        until_s=until_s,
        flowing=flowing,
    )


def _random_delay(situation: Situation, evidence: str, until_s: float) -> Cause:
    return Cause(
        code=BlockerCode.WAIT_RANDOM_DELAY,
        evidence=evidence,
        next_step=f"wait, or: cpd delay {situation.connector} skip",
        constraint=_WAIT,
        until_s=until_s,
        flowing=situation.outlet.offer_ma > 0,
    )


def _phase_switch(present: int, wanted: int, until_s: float | None) -> Cause:
    return Cause(
        code=BlockerCode.WAIT_PHASE_SWITCH,
        evidence=f"switches from {_phases(present)} to {_phases(wanted)} with the contactor open",
        next_step="wait about a minute, it goes on by itself",
        constraint=_WAIT,
        until_s=until_s,
    )


def _fewer_phases(present: int, wanted: int, until_s: float | None) -> Cause:
    return Cause(
        code=BlockerCode.WAIT_PHASE_SWITCH,
        evidence=f"charges on {_phases(present)}, the change to {_phases(wanted)} waits",
        next_step="wait a few minutes, it goes on by itself",
        constraint=_WAIT,
        until_s=until_s,
        flowing=True,
    )


def _phases(count: int) -> str:
    return "1 phase" if count == 1 else f"{count} phases"
