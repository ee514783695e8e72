"""What the pilot and the proximity contact say about the vehicle and its cable.

Reads the sensed picture into states with their instants; decides nothing about outputs.
"""

from collections.abc import Iterator

from hal.iec61851 import DIODE_LOW_MV, F_NS, cable_a_for, is_undecided, state_for_voltage
from hal.outlet.state import OutletState, Sensed, replaced
from hal.values import ContactorState, PilotState


def seen(state: OutletState, sensed: Sensed, now_s: float) -> OutletState:
    """*state* with the new picture taken in."""
    state = replaced(state, sensed=sensed)
    if sensed.contactor is ContactorState.OPEN:
        state = replaced(state, contactor_checked=True)
    if state.output_ns != F_NS:
        # The vehicle's diode blocks in F: nothing of it can be seen, and what was seen last is held.
        state = _pilot_read(replaced(state, blind=False), sensed, now_s)
    return _cable_read(state, sensed)


def debounced(state: OutletState, now_s: float) -> OutletState:
    """*state* with C and D taken over once they have stood; every other state counts at once."""
    if state.raw not in (PilotState.C, PilotState.D):
        return replaced(state, debounced=state.raw)
    return replaced(state, debounced=state.raw) if now_s >= _stood_at_s(state) else state


def blocked(state: OutletState, until_s: float) -> OutletState:
    """*state* in which a vehicle that shows C or D now must show B first, or wait until *until_s*.

    What cannot be seen in F counts as C.
    """
    shows_b = state.raw is PilotState.B and not state.blind
    return state if shows_b else replaced(state, blocked_until_s=until_s)


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instants at which this module's answers change by time alone."""
    yield _stood_at_s(state)
    yield state.blocked_until_s


def _stood_at_s(state: OutletState) -> float:
    """When C or D has stood its time; a change between the two does not begin anew where both give energy."""
    since_s = state.raw_since_s if state.ready_since_s is None else state.ready_since_s
    return since_s + state.config.timings.close_after_s


def _pilot_read(state: OutletState, sensed: Sensed, now_s: float) -> OutletState:
    if sensed.high_mv is None:
        raw, undecided = PilotState.UNKNOWN, False
    else:
        raw = state_for_voltage(sensed.high_mv, state.raw)
        undecided = is_undecided(sensed.high_mv)
        if raw is PilotState.F:
            # We are not driving F: something else holds the pilot at −12 V.
            raw = PilotState.UNKNOWN
    if raw is not state.raw:
        state = replaced(state, raw=raw, raw_since_s=now_s)
        if raw is PilotState.A:
            state = _unplugged(state)
    state = replaced(state, undecided=undecided)
    if not state.is_ready:
        state = replaced(state, ready_since_s=None)
    elif state.ready_since_s is None:
        state = replaced(state, ready_since_s=now_s)
    if raw in (PilotState.A, PilotState.B):
        state = replaced(state, blocked_until_s=None)
    if state.is_offering and raw.plugged and sensed.low_mv is not None and sensed.low_mv <= DIODE_LOW_MV:
        return replaced(state, diode_seen=True)
    return state


def _cable_read(state: OutletState, sensed: Sensed) -> OutletState:
    """Latch the smallest ampacity of this plug-in; once it cannot be read any more, it is not trusted again."""
    if not state.config.lock:
        return replaced(state, cable_a=state.config.fixed_cable_a)
    if not state.raw.plugged:
        return state
    ampacity_a = None if sensed.cable_ohm is None else cable_a_for(sensed.cable_ohm)
    if ampacity_a is None:
        return replaced(state, cable_a=None, cable_bad=state.cable_bad or state.cable_a is not None)
    if state.cable_bad or (state.cable_a is not None and state.cable_a <= ampacity_a):
        return state
    return replaced(state, cable_a=ampacity_a)


def _unplugged(state: OutletState) -> OutletState:
    """An unplug ends everything that belonged to the plug-in, the permission included."""
    return replaced(
        state,
        offer=None,
        diode_seen=False,
        cable_a=None,
        cable_bad=False,
        pwm_stopped_s=None,
        overstayed_s=None,
        paused_for_phases=False,
        phases_switched_s=None,
        wake_armed=True,
        wake_asked=False,
        woken_at_s=None,
        unlock_asked=False,
    )
