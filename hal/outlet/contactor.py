"""When the contactor closes and when it opens.

It closes only while the vehicle asks for energy under a PWM and everything that protects it is in place; it
opens at once on any doubt, and after 6 s at the latest once the PWM stopped.
"""

from collections.abc import Iterator

from hal.iec61851 import X1_NS
from hal.outlet import ground_fault, phases
from hal.outlet.lock import is_secured
from hal.outlet.state import OutletState, replaced
from hal.values import ContactorState


def confirmed(state: OutletState, now_s: float) -> OutletState:
    """*state* with the mirror contacts compared with the command.

    A close that is not confirmed in time is taken back and counted; a confirmed one re-arms the wake-up.
    """
    if not state.commanded_closed:
        return state
    if state.feedback is ContactorState.CLOSED:
        return replaced(state, failed_closes=0, wake_armed=True)
    if now_s < state.commanded_s + state.config.timings.feedback_s:
        return state
    return replaced(state, commanded_closed=False, commanded_s=now_s, failed_closes=state.failed_closes + 1)


def driven(state: OutletState, now_s: float) -> OutletState:
    """*state* with the contactor commanded closed or open."""
    if state.commanded_closed:
        if _must_open(state, now_s):
            state = replaced(state, commanded_closed=False, commanded_s=now_s)
            if _asks_on(state):
                state = replaced(state, overstayed_s=now_s)
    elif _may_close(state, now_s):
        window_s = state.config.timings.close_window_s
        recent = tuple(closed_s for closed_s in state.closes_s if now_s < closed_s + window_s)
        state = replaced(state, commanded_closed=True, commanded_s=now_s, closes_s=(*recent, now_s))
    return replaced(state, open_at_once=False)


def closing_at_s(state: OutletState) -> float:
    """The earliest instant of the next close: after every pause, and within the rate of closes."""
    timings = state.config.timings
    earliest_s = state.commanded_s + timings.min_off_s if state.closes_s else state.commanded_s
    if state.pwm_stopped_s is not None:
        earliest_s = max(earliest_s, state.pwm_stopped_s + phases.pause_s(state))
    if state.blocked_until_s is not None:
        earliest_s = max(earliest_s, state.blocked_until_s)
    if len(state.closes_s) >= timings.closes_per_window:
        earliest_s = max(earliest_s, state.closes_s[-timings.closes_per_window] + timings.close_window_s)
    return earliest_s


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instants at which time alone opens the contactor, or lets it close."""
    timings = state.config.timings
    if state.commanded_closed:
        yield state.commanded_s + timings.feedback_s
        yield state.output_since_s + timings.withdraw_s
    else:
        yield closing_at_s(state)


def _must_open(state: OutletState, now_s: float) -> bool:
    if state.open_at_once or state.is_faulted or not state.is_ready or not is_secured(state):
        return True
    if state.output_ns == X1_NS:
        return now_s >= state.output_since_s + state.config.timings.withdraw_s
    return not state.is_offering


def _asks_on(state: OutletState) -> bool:
    """True where nothing but the vehicle's own staying makes the contactor open under load."""
    orderly = state.output_ns == X1_NS and not state.open_at_once and not state.is_faulted
    return orderly and state.is_ready and is_secured(state)


def _may_close(state: OutletState, now_s: float) -> bool:
    if state.ready_since_s is None or now_s < state.ready_since_s + state.config.timings.close_after_s:
        return False
    return (
        state.is_offering
        and state.is_ready
        and not state.undecided
        and not state.blind
        and state.offer_is_live(now_s)
        and not state.open_at_once
        and not state.is_faulted
        and state.diode_seen
        and state.feedback is ContactorState.OPEN
        and is_secured(state)
        and ground_fault.is_trusted(state, now_s)
        and now_s >= closing_at_s(state)
    )
