"""Which faults stand at an outlet that a controller runs: what it says, and what only its observer can see.

`hal.values.FAULT_RULES` says how each kind behaves, here as on a board of our own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from hal.controllers.state import Supervised
from hal.outlet import voltage
from hal.values import Clearing, ContactorState, Fault, FaultKind, PilotState

OVER_ADVERTISED_S = 3.0
"""A pilot may carry more than is allowed for this long: the controller takes up a lower limit in its next round."""

OPENING_S = 10.0
"""A controller opens within 6 s of the end of its permission; what is closed 10 s after it does not open."""


def judged(state: Supervised, now_s: float) -> Supervised:
    """*state* with the faults raised whose cause has stood long enough, and those cleared that may be."""
    known = dict(state.suspected)
    suspected = tuple((kind, known.get(kind, now_s)) for kind in FaultKind if _stands(kind, state))
    causes = {kind for kind, since_s in suspected if now_s >= since_s + _delay_s(kind, state)}
    doubted = {kind for kind, _ in suspected}
    since = dict(state.healthy)
    healthy = tuple(
        (fault.kind, since.get(fault.kind, now_s)) for fault in state.faults if fault.kind not in doubted
    )
    state = replace(state, healthy=healthy)
    left = tuple(
        fault for fault in state.faults if fault.kind in doubted or not _may_clear(fault, state, now_s)
    )
    new = tuple(
        Fault(kind=kind, since_s=now_s) for kind in FaultKind if kind in causes and not state.has_fault(kind)
    )
    return replace(state, suspected=suspected, faults=left + new)


def acknowledged(state: Supervised, kind: FaultKind) -> Supervised:
    """*state* without the fault *kind*, where it waits for service and its cause is gone; else unchanged."""
    left = tuple(fault for fault in state.faults if fault.kind is not kind)
    waits = any(fault.kind is kind and fault.rule.clearing is Clearing.ACKNOWLEDGE for fault in state.faults)
    return replace(state, faults=left) if waits and not state.lost and not _stands(kind, state) else state


def deadlines(state: Supervised) -> Iterator[float]:
    """The instants at which a cause has stood long enough, or has been gone long enough."""
    for kind, since_s in state.suspected:
        yield since_s + _delay_s(kind, state)
    for _, since_s in state.healthy:
        yield since_s + state.config.timings.voltage_back_s


def _stands(kind: FaultKind, state: Supervised) -> bool:
    told = state.report is not None and not state.lost and kind in state.report.faults
    cause = _SEEN.get(kind)
    return told or (cause is not None and cause(state))


def _may_clear(fault: Fault, state: Supervised, now_s: float) -> bool:
    match fault.rule.clearing:
        case Clearing.UNPLUG:
            return state.pilot is PilotState.A
        case Clearing.RECOVERS:
            return fault.kind is FaultKind.GUARD_LOST or not state.lost
        case Clearing.RECOVERS_FOR_60_S:
            return (
                not state.lost
                and now_s >= dict(state.healthy)[fault.kind] + state.config.timings.voltage_back_s
            )
        case Clearing.ACKNOWLEDGE:
            return False


def _delay_s(kind: FaultKind, state: Supervised) -> float:
    timings = state.config.timings
    match kind:
        case FaultKind.PILOT_FAULT:
            return OVER_ADVERTISED_S if _advertises_too_much(state) else timings.pilot_fault_after_s
        case FaultKind.OVER_CURRENT:
            told = state.report is not None and kind in state.report.faults
            return 0.0 if told else timings.over_current_s
        case FaultKind.CONTACTOR_WELDED:
            told = state.report is not None and kind in state.report.faults
            return 0.0 if told else OPENING_S
        case FaultKind.UNDER_VOLTAGE | FaultKind.OVER_VOLTAGE:
            return timings.voltage_fault_after_s
        case FaultKind.METER_OFFLINE if state.config.meter_behind_contactor:
            return timings.meter_wake_s
        case _:
            return 0.0


def _advertises_too_much(state: Supervised) -> bool:
    """More than what is allowed now; a reduction is carried out in the next round."""
    return state.advertised_ma > state.given_ma


def _pilot_is_unclear(state: Supervised) -> bool:
    if state.report is None or state.lost:
        return False
    return state.pilot is PilotState.UNKNOWN or _advertises_too_much(state)


def _does_not_open(state: Supervised) -> bool:
    return state.contactor is ContactorState.CLOSED and state.given_ma == 0


def _draws_too_much(state: Supervised) -> bool:
    """More than (reference + 0.5 A) · 1.1 on any phase; the reference is the largest permission of the last 5 s."""
    if state.contactor is not ContactorState.CLOSED or state.meter is None or state.meter.current_ma is None:
        return False
    allowed_ma = max([state.given_ma, *(ma for _, ma in state.reference)]) + 500
    return any(current_ma * 10 > allowed_ma * 11 for current_ma in state.meter.current_ma)


def _voltages_mv(state: Supervised) -> tuple[int, ...]:
    return () if state.lost or state.meter is None else state.meter.voltage_mv or ()


def _voltage_is_low(state: Supervised) -> bool:
    return voltage.is_low(_voltages_mv(state), state.config, stands=state.has_fault(FaultKind.UNDER_VOLTAGE))


def _voltage_is_high(state: Supervised) -> bool:
    return voltage.is_high(_voltages_mv(state), state.config, stands=state.has_fault(FaultKind.OVER_VOLTAGE))


def _meter_is_silent(state: Supervised) -> bool:
    has_power = state.contactor is ContactorState.CLOSED or not state.config.meter_behind_contactor
    known = state.report is not None and not state.lost
    return known and has_power and state.meter is None


_SEEN: Mapping[FaultKind, Callable[[Supervised], bool]] = MappingProxyType(
    {
        FaultKind.GUARD_LOST: lambda state: state.lost,
        FaultKind.PILOT_FAULT: _pilot_is_unclear,
        FaultKind.CONTACTOR_WELDED: _does_not_open,
        FaultKind.OVER_CURRENT: _draws_too_much,
        FaultKind.UNDER_VOLTAGE: _voltage_is_low,
        FaultKind.OVER_VOLTAGE: _voltage_is_high,
        FaultKind.METER_OFFLINE: _meter_is_silent,
        FaultKind.READER_OFFLINE: lambda state: not state.reader_online,
    }
)
"""What the observer sees by itself; all other kinds the controller must tell."""
