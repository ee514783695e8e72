"""Which faults stand: their causes in the sensed picture, how long a cause must stand, what clears each.

`hal.values.FAULT_RULES` says how each kind behaves; nothing here drives an output.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from hal.iec61851 import DIODE_LOW_MV, F_NS
from hal.outlet import voltage
from hal.outlet.config import OutletConfig
from hal.outlet.state import OutletState, replaced
from hal.values import Clearing, ContactorState, Fault, FaultKind, LockState, PilotState

_OVER_TEMPERATURE_MC = 75_000
_COOLED_DOWN_MC = 60_000
_LEAK_MA = 500


def judged(state: OutletState, now_s: float) -> OutletState:
    """*state* with the faults raised whose cause has stood long enough, and those cleared that may be."""
    suspected = _since(state.suspected, (kind for kind, cause in _CAUSES.items() if cause(state)), now_s)
    causes = {kind for kind, since_s in suspected if now_s >= since_s + _delay_s(kind, state.config)}
    healthy = _since(
        state.healthy, (fault.kind for fault in state.faults if not _is_in(fault.kind, suspected)), now_s
    )
    state = replaced(state, suspected=suspected, healthy=healthy)
    return _raised(_cleared(state, causes, now_s), causes, now_s)


def acknowledged(state: OutletState, kind: FaultKind) -> OutletState:
    """*state* without the fault *kind*, where it waits for service and its cause is gone; else unchanged."""
    if not any(fault.kind is kind and fault.rule.clearing is Clearing.ACKNOWLEDGE for fault in state.faults):
        return state
    if kind is FaultKind.CONTACTOR_STUCK_OPEN:
        # Whether it closes again can only be seen by closing it.
        state = replaced(state, failed_closes=0)
    if _CAUSES[kind](state):
        return state
    return replaced(state, faults=tuple(fault for fault in state.faults if fault.kind is not kind))


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instants at which a cause has stood long enough, or has been gone long enough."""
    for kind, since_s in state.suspected:
        yield since_s + _delay_s(kind, state.config)
    for _, since_s in state.healthy:
        yield since_s + state.config.timings.voltage_back_s


def _raised(state: OutletState, causes: set[FaultKind], now_s: float) -> OutletState:
    if all(state.has_fault(kind) for kind in causes):
        return state
    new = tuple(
        Fault(kind=kind, since_s=now_s) for kind in FaultKind if kind in causes and not state.has_fault(kind)
    )
    state = replaced(state, faults=state.faults + new)
    if any(fault.rule.opens for fault in new):
        state = replaced(state, fault_pulse_until_s=now_s + state.config.timings.fault_pulse_s)
    return state


def _cleared(state: OutletState, causes: set[FaultKind], now_s: float) -> OutletState:
    left = tuple(
        fault for fault in state.faults if fault.kind in causes or not _may_clear(fault, state, now_s)
    )
    return state if len(left) == len(state.faults) else replaced(state, faults=left)


def _may_clear(fault: Fault, state: OutletState, now_s: float) -> bool:
    healthy_since_s = next((since_s for kind, since_s in state.healthy if kind is fault.kind), None)
    if healthy_since_s is None:
        return False
    match fault.rule.clearing:
        case Clearing.UNPLUG:
            return state.raw is PilotState.A and not state.blind
        case Clearing.RECOVERS:
            return True
        case Clearing.RECOVERS_FOR_60_S:
            return now_s >= healthy_since_s + state.config.timings.voltage_back_s
        case Clearing.ACKNOWLEDGE:
            return False


def _since(
    earlier: tuple[tuple[FaultKind, float], ...], kinds: Iterator[FaultKind], now_s: float
) -> tuple[tuple[FaultKind, float], ...]:
    known = dict(earlier)
    return tuple((kind, known.get(kind, now_s)) for kind in kinds)


def _is_in(kind: FaultKind, entries: tuple[tuple[FaultKind, float], ...]) -> bool:
    return any(entry is kind for entry, _ in entries)


def _delay_s(kind: FaultKind, config: OutletConfig) -> float:
    """How long the cause of *kind* must stand."""
    timings = config.timings
    match kind:
        case FaultKind.CONTACTOR_WELDED:
            return timings.weld_after_s
        case FaultKind.PILOT_SHORT | FaultKind.PILOT_FAULT:
            return timings.pilot_fault_after_s
        case FaultKind.DIODE_MISSING:
            return timings.diode_fault_after_s
        case FaultKind.OVER_CURRENT:
            return timings.over_current_s
        case FaultKind.UNDER_VOLTAGE | FaultKind.OVER_VOLTAGE:
            return timings.voltage_fault_after_s
        case FaultKind.POWER_SWITCH_FAILURE:
            return timings.mirror_fault_after_s
        case FaultKind.METER_OFFLINE if config.meter_behind_contactor:
            return timings.meter_wake_s
        case _:
            return 0.0


def _leaks_or_cannot_tell(state: OutletState) -> bool:
    return state.test_failed or (state.sensed is not None and state.sensed.ground_fault)


def _is_welded(state: OutletState) -> bool:
    return not state.commanded_closed and state.feedback is ContactorState.CLOSED


def _is_stuck_open(state: OutletState) -> bool:
    return state.failed_closes >= state.config.timings.close_attempts


def _is_short(state: OutletState) -> bool:
    return state.raw is PilotState.E


def _lacks_diode(state: OutletState) -> bool:
    low_mv = None if state.sensed is None else state.sensed.low_mv
    return state.is_offering and state.raw.plugged and low_mv is not None and low_mv > DIODE_LOW_MV


def _pilot_is_unclear(state: OutletState) -> bool:
    return state.output_ns != F_NS and (state.raw is PilotState.UNKNOWN or state.undecided)


def _draws_too_much(state: OutletState) -> bool:
    """More than (reference + 0.5 A) · 1.1 on any phase; the reference is the largest offer of the last 5 s."""
    if not state.commanded_closed or state.sensed is None or state.sensed.current_ma is None:
        return False
    allowed_ma = max([state.offer_ma, *(ma for _, ma in state.earlier_offers)]) + 500
    return any(current_ma * 10 > allowed_ma * 11 for current_ma in state.sensed.current_ma)


def _is_hot(state: OutletState) -> bool:
    temperature_mc = None if state.sensed is None else state.sensed.temperature_mc
    if temperature_mc is None:
        return False
    if state.has_fault(FaultKind.OVER_TEMPERATURE):
        return temperature_mc > _COOLED_DOWN_MC
    return temperature_mc >= _OVER_TEMPERATURE_MC


def _voltage_is_low(state: OutletState) -> bool:
    return voltage.is_low(_voltages_mv(state), state.config, stands=state.has_fault(FaultKind.UNDER_VOLTAGE))


def _voltage_is_high(state: OutletState) -> bool:
    return voltage.is_high(_voltages_mv(state), state.config, stands=state.has_fault(FaultKind.OVER_VOLTAGE))


def _meter_is_silent(state: OutletState) -> bool:
    has_power = state.commanded_closed or not state.config.meter_behind_contactor
    return has_power and state.sensed is not None and not state.sensed.meter_online


def _voltages_mv(state: OutletState) -> tuple[int, ...]:
    return () if state.sensed is None or state.sensed.voltage_mv is None else state.sensed.voltage_mv


def _lock_failed(state: OutletState) -> bool:
    if state.lock is LockState.FAILED:
        return True
    return (
        state.lock_wanted is True
        and state.lock is not LockState.LOCKED
        and state.lock_tries > state.config.timings.lock_attempts
    )


def _mirror_is_wrong(state: OutletState) -> bool:
    """The mirror contacts cannot be read, or current flows although they say open."""
    if state.sensed is None:
        return False
    if state.feedback is ContactorState.UNKNOWN:
        return True
    flows = any(current_ma > _LEAK_MA for current_ma in state.sensed.current_ma or ())
    return flows and not state.commanded_closed and state.feedback is ContactorState.OPEN


_CAUSES: Mapping[FaultKind, Callable[[OutletState], bool]] = MappingProxyType(
    {
        FaultKind.GROUND_FAULT: _leaks_or_cannot_tell,
        FaultKind.CONTACTOR_WELDED: _is_welded,
        FaultKind.CONTACTOR_STUCK_OPEN: _is_stuck_open,
        FaultKind.PILOT_SHORT: _is_short,
        FaultKind.DIODE_MISSING: _lacks_diode,
        FaultKind.PILOT_FAULT: _pilot_is_unclear,
        FaultKind.OVER_CURRENT: _draws_too_much,
        FaultKind.OVER_TEMPERATURE: _is_hot,
        FaultKind.UNDER_VOLTAGE: _voltage_is_low,
        FaultKind.OVER_VOLTAGE: _voltage_is_high,
        FaultKind.LOCK_FAILURE: _lock_failed,
        FaultKind.EMERGENCY_STOP: lambda state: state.sensed is not None and state.sensed.emergency_stop,
        FaultKind.POWER_SWITCH_FAILURE: _mirror_is_wrong,
        FaultKind.METER_OFFLINE: _meter_is_silent,
        FaultKind.READER_OFFLINE: lambda state: state.sensed is not None and not state.sensed.reader_online,
    }
)
