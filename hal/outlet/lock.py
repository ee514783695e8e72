"""Where the bolt of the plug lock is to be, and when to drive it again.

The bolt is in while a vehicle is plugged, and never moves out while the contactor is closed, or shows closed. A
held plug stays in its socket although its vehicle is gone.
"""

from collections.abc import Iterator

from hal.outlet.state import OutletState, replaced
from hal.values import ContactorState, LockState, PilotState


def driven(state: OutletState, now_s: float) -> OutletState:
    """*state* with the bolt wanted in or out, and driven (again) where it is not there yet."""
    if not state.config.lock:
        return state
    wanted = _wanted(state)
    if wanted is not state.lock_wanted:
        is_there = wanted is None or state.lock is _position(wanted)
        return replaced(
            state,
            lock_wanted=wanted,
            lock_driven_s=None if is_there else now_s,
            lock_tries=0 if is_there else 1,
        )
    if wanted is None or state.lock is _position(wanted):
        return replaced(state, lock_tries=0, lock_driven_s=None)
    if state.lock_driven_s is None or now_s >= state.lock_driven_s + _retry_s(state):
        return replaced(state, lock_driven_s=now_s, lock_tries=state.lock_tries + 1)
    return state


def may_unlock(state: OutletState) -> bool:
    """True while the plug can be given back: nothing is closed, nor shows closed."""
    return not state.commanded_closed and state.feedback is ContactorState.OPEN


def asked_for(state: OutletState) -> OutletState:
    """*state* in which the plug is given back, where it may be; the offer rests until it is given anew."""
    if not state.config.lock or not may_unlock(state):
        return state
    # Nobody is kept waiting for a pilot that cannot be read.
    asked = state.raw is not PilotState.A
    return replaced(state, unlock_asked=asked, plug_held=False, lock_tries=0, lock_driven_s=None)


def is_secured(state: OutletState) -> bool:
    """True where the plug cannot be pulled: the bolt is in, or the cable is fixed."""
    return not state.config.lock or state.lock is LockState.LOCKED


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instant of the next try."""
    if state.lock_driven_s is not None:
        yield state.lock_driven_s + _retry_s(state)


def _wanted(state: OutletState) -> bool | None:
    if not may_unlock(state):
        return state.lock_wanted
    if state.raw is PilotState.A and state.plug_held and state.lock_wanted:
        return True
    if state.raw in (PilotState.A, PilotState.E) or state.unlock_asked:
        return False
    return True if state.raw.plugged else state.lock_wanted


def _position(wanted: bool) -> LockState:
    return LockState.LOCKED if wanted else LockState.UNLOCKED


def _retry_s(state: OutletState) -> float:
    """A bolt that keeps failing is tried on a slow timer, so that its motor lives."""
    timings = state.config.timings
    return timings.lock_retry_s if state.lock_tries <= timings.lock_attempts else timings.unlock_retry_s
