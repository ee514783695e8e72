"""Which phases the relay connects, and when it may switch them.

It moves only while nothing is offered, the contactor is confirmed open and the vehicle has rested, and rarely: some
vehicles take harm where a phase comes or goes under their charger.
"""

from collections.abc import Iterator
from math import inf

from hal.outlet.state import OutletState, replaced
from hal.values import ContactorState, PilotState


def wanted(state: OutletState, now_s: float) -> int:
    """How many phases are to be connected: all, or one; those now where there is no relay, or no live offer."""
    if not state.config.phase_switching or state.offer is None or not state.offer_is_live(now_s):
        return state.phases
    return state.config.phases if state.offer.phases >= state.config.phases else 1


def must_rest(state: OutletState, now_s: float) -> bool:
    """True while nothing may be offered for the sake of a switch.

    At once where fewer phases are permitted than are connected, and until the relay has settled. Where more are
    permitted, the vehicle goes on with fewer until the rate of switches allows another one.
    """
    if now_s < _settled_s(state):
        return True
    target = wanted(state, now_s)
    return target < state.phases or (target > state.phases and now_s >= _spaced_s(state))


def pause_s(state: OutletState) -> float:
    """How long the pause lasts that began when the PWM stopped last.

    One that began for a switch lasts its whole time, whatever is wanted meanwhile.
    """
    timings = state.config.timings
    return timings.phase_switch_s if state.paused_for_phases else timings.min_off_s


def driven(state: OutletState, now_s: float) -> OutletState:
    """*state* with the number of phases that the relay connects from now on."""
    target = wanted(state, now_s)
    if target == state.phases or not _is_free(state) or now_s < _due_s(state):
        return state
    return replaced(state, phases=target, phases_switched_s=now_s)


def switching_at_s(state: OutletState, now_s: float) -> float | None:
    """The earliest instant at which the phases are switched; None where none are, or while it is not known."""
    opens = state.commanded_closed and not state.is_offering
    if wanted(state, now_s) == state.phases or opens:
        return None
    if state.is_offering:
        due_s = _spaced_s(state) + state.config.timings.phase_switch_s
    else:
        due_s = _due_s(state)
    return due_s if now_s < due_s else None


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instants at which time alone lets the relay switch, or ends the wait for it."""
    if state.config.phase_switching:
        yield _due_s(state)
        yield _settled_s(state)
        yield _spaced_s(state)


def _is_free(state: OutletState) -> bool:
    """True while nothing can flow through the relay. A current behind an open contactor is a fault by itself."""
    if state.is_offering or state.waking_since_s is not None or state.is_faulted:
        return False
    if state.commanded_closed or state.feedback is not ContactorState.OPEN:
        return False
    # Behind an open contactor a vehicle may go on to ask: some have no S2 to open.
    return state.raw.plugged or state.raw is PilotState.A


def _due_s(state: OutletState) -> float:
    """When the vehicle has rested, and the relay too; a vehicle that was offered nothing yet is at rest."""
    ended_s = [at_s for at_s in (state.pwm_stopped_s, state.woken_at_s) if at_s is not None]
    rested_s = max((*ended_s, state.commanded_s)) + state.config.timings.phase_switch_s if ended_s else -inf
    return max(rested_s, _spaced_s(state))


def _settled_s(state: OutletState) -> float:
    if state.phases_switched_s is None:
        return -inf
    return state.phases_switched_s + state.config.timings.phase_settle_s


def _spaced_s(state: OutletState) -> float:
    """When the switch before lies far enough back, in this plug-in."""
    if state.phases_switched_s is None:
        return -inf
    return state.phases_switched_s + state.config.timings.phase_switch_spacing_s
