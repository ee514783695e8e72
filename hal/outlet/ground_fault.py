"""When the residual-current detector tests itself, and whether it may be trusted.

A test runs only with the contactor open. A detector that fails, or does not answer, counts as tripped.
"""

from collections.abc import Iterator

from hal.outlet.state import OutletState, replaced
from hal.values import ContactorState, SelfTest


def tested(state: OutletState, now_s: float) -> OutletState:
    """*state* with a due test begun, or the result of the one that runs taken over."""
    if state.self_test is SelfTest.ABSENT:
        return state
    began_s = state.testing_since_s
    if began_s is None:
        idle = not state.commanded_closed and state.feedback is ContactorState.OPEN
        return replaced(state, testing_since_s=now_s) if idle and now_s >= _due_s(state, now_s) else state
    match state.self_test:
        case SelfTest.RUNNING:
            state = replaced(state, test_running=True)
        # A result that was there before the test ran is that of an earlier one.
        case SelfTest.PASSED if state.test_running:
            return _ended(state, now_s, failed=False)
        case SelfTest.FAILED if state.test_running:
            return _ended(state, now_s, failed=True)
    if now_s >= began_s + state.config.timings.self_test_s:
        return _ended(state, now_s, failed=True)
    return state


def is_trusted(state: OutletState, now_s: float) -> bool:
    """True while the last test passed and is fresh, or where there is nothing to test."""
    if state.self_test is SelfTest.ABSENT:
        return True
    return state.testing_since_s is None and not state.test_failed and now_s < _due_s(state, now_s)


def deadlines(state: OutletState) -> Iterator[float | None]:
    """The instants at which a test is due, or has not answered."""
    timings = state.config.timings
    if state.testing_since_s is not None:
        yield state.testing_since_s + timings.self_test_s
    elif state.tested_s is not None:
        yield _due_s(state, state.tested_s)


def _ended(state: OutletState, now_s: float, *, failed: bool) -> OutletState:
    return replaced(state, testing_since_s=None, test_running=False, tested_s=now_s, test_failed=failed)


def _due_s(state: OutletState, now_s: float) -> float:
    timings = state.config.timings
    if state.tested_s is None:
        return now_s
    return state.tested_s + (timings.self_test_retry_s if state.test_failed else timings.self_test_fresh_s)
