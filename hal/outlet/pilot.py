"""What the pilot output is to be: F, steady X1, or the PWM that advertises an offer.

No offer, no PWM: every doubt ends in X1. Rounding is towards less current.
"""

from collections.abc import Iterator

from hal.iec61851 import F_NS, MIN_CURRENT_MA, X1_NS, duty_ns_for
from hal.outlet import phases
from hal.outlet.state import OutletState, replaced
from hal.values import ContactorState, PilotState

_DERATE_FROM_MC = 60_000
_DERATE_TO_MC = 70_000
_NO_THERMOMETER_MA = 10_000


def driven(state: OutletState, now_s: float) -> OutletState:
    """*state* with the output that holds from now on."""
    state = phases.driven(_woken(state, now_s), now_s)
    steady_ns = _steady_ns(state, now_s)
    offer_ma = 0 if steady_ns is not None else _advertised_ma(state, now_s)
    output_ns = steady_ns if steady_ns is not None else duty_ns_for(offer_ma)
    follow_s = state.config.timings.follow_s
    earlier = tuple(entry for entry in state.earlier_offers if now_s < entry[0] + follow_s)
    if offer_ma != state.offer_ma:
        earlier = (*earlier, (now_s, state.offer_ma))
        if offer_ma > state.offer_ma:
            state = replaced(state, increased_s=now_s)
    state = replaced(state, offer_ma=offer_ma, earlier_offers=earlier)
    if output_ns == state.output_ns:
        return state
    if steady_ns is None and not state.is_offering:
        state = replaced(state, pwm_since_s=now_s)
    elif steady_ns is not None and state.is_offering:
        state = replaced(state, pwm_since_s=None)
        if state.waking_since_s is None and state.raw is not PilotState.A:
            state = replaced(state, pwm_stopped_s=now_s, paused_for_phases=phases.must_rest(state, now_s))
    return replaced(state, output_ns=output_ns, output_since_s=now_s, blind=state.blind or output_ns == F_NS)


def permitted_ma(state: OutletState, now_s: float) -> int:
    """What the offer, the cable, the hardware and the temperature allow, in mA per phase; 0 below 6 A."""
    if state.offer is None or not state.offer_is_live(now_s) or state.cable_a is None:
        return 0
    allowed_ma = min(state.offer.current_ma, state.cable_a * 1_000, state.config.max_current_ma)
    thermal_ma = thermal_limit_ma(state)
    if thermal_ma is not None:
        allowed_ma = min(allowed_ma, thermal_ma)
    return allowed_ma if allowed_ma >= MIN_CURRENT_MA else 0


def thermal_limit_ma(state: OutletState) -> int | None:
    """What the temperature allows: from 60 to 70 °C falling to 6 A in whole amperes; 10 A while it is unknown."""
    if not state.config.thermometer or state.sensed is None:
        return None
    temperature_mc = state.sensed.temperature_mc
    if temperature_mc is None:
        return _NO_THERMOMETER_MA
    if temperature_mc <= _DERATE_FROM_MC:
        return None
    left_mc = max(0, _DERATE_TO_MC - temperature_mc)
    span_mc = _DERATE_TO_MC - _DERATE_FROM_MC
    limit_ma = MIN_CURRENT_MA + (state.config.max_current_ma - MIN_CURRENT_MA) * left_mc // span_mc
    return limit_ma // 1_000 * 1_000


def increase_at_s(state: OutletState, now_s: float) -> float | None:
    """When the larger offer that is held back takes effect; None while nothing is held back."""
    if state.increased_s is None or not state.is_offering or not _is_charging(state):
        return None
    due_s = state.increased_s + state.config.timings.increase_spacing_s
    return due_s if permitted_ma(state, now_s) > state.offer_ma and now_s < due_s else None


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instants at which time alone changes the output."""
    timings = state.config.timings
    if state.offer is not None:
        yield state.offer_until_s
    yield state.fault_pulse_until_s
    if state.output_ns == F_NS:
        yield state.output_since_s + timings.fault_pulse_s
    if state.waking_since_s is not None:
        yield state.waking_since_s + timings.wake_pulse_s
        yield state.waking_since_s + timings.wake_pulse_s + timings.wake_rest_s
    if state.pwm_since_s is not None and state.wake_armed:
        yield max(state.raw_since_s, state.pwm_since_s) + timings.wake_after_s
    if state.pwm_stopped_s is not None:
        yield state.pwm_stopped_s + phases.pause_s(state)
    if state.increased_s is not None:
        yield state.increased_s + timings.increase_spacing_s
    for ended_s, _ in state.earlier_offers:
        yield ended_s + timings.follow_s


def _steady_ns(state: OutletState, now_s: float) -> int | None:
    """F or X1 where the output is steady, None where the offer may be advertised."""
    timings = state.config.timings
    if state.fault_pulse_until_s is not None and now_s < state.fault_pulse_until_s:
        return F_NS
    if state.output_ns == F_NS and now_s < state.output_since_s + timings.fault_pulse_s:
        return F_NS
    if state.waking_since_s is not None:
        return F_NS if now_s < state.waking_since_s + timings.wake_pulse_s else X1_NS
    if not state.available:
        # What an unplugging clears would stand for ever in F, in which no unplugging can be seen.
        return F_NS if state.raw is PilotState.A and not state.is_faulted else X1_NS
    return None if _may_offer(state, now_s) else X1_NS


def _may_offer(state: OutletState, now_s: float) -> bool:
    if not state.raw.plugged or state.is_faulted or state.unlock_asked or not state.contactor_checked:
        return False
    if state.blocked_until_s is not None and now_s < state.blocked_until_s:
        return False
    if state.pwm_stopped_s is not None and now_s < state.pwm_stopped_s + phases.pause_s(state):
        return False
    return not phases.must_rest(state, now_s) and permitted_ma(state, now_s) > 0


def _advertised_ma(state: OutletState, now_s: float) -> int:
    return state.offer_ma if increase_at_s(state, now_s) is not None else permitted_ma(state, now_s)


def _is_charging(state: OutletState) -> bool:
    return state.raw in (PilotState.C, PilotState.D)


def _woken(state: OutletState, now_s: float) -> OutletState:
    """Begin the one wake-up pulse of a vehicle that sleeps in B2, or end it."""
    timings = state.config.timings
    if state.waking_since_s is not None:
        over = now_s >= state.waking_since_s + timings.wake_pulse_s + timings.wake_rest_s
        return replaced(state, waking_since_s=None) if over or state.is_faulted else state
    if not state.wake_armed or state.raw is not PilotState.B or state.pwm_since_s is None:
        return replaced(state, wake_asked=False)
    due_s = max(state.raw_since_s, state.pwm_since_s) + timings.wake_after_s
    if not (state.wake_asked or now_s >= due_s):
        return state
    if state.commanded_closed or state.feedback is not ContactorState.OPEN or not _may_offer(state, now_s):
        return replaced(state, wake_asked=False)
    return replaced(state, waking_since_s=now_s, woken_at_s=now_s, wake_armed=False, wake_asked=False)
