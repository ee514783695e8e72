"""Invariants 16, 17 and 18: the lock and the contactor that do not do as they are told."""

from hal.outlet.config import OutletConfig
from hal.outlet.state import DriveLock, FaultAcknowledged, PlugHeld, UnlockRequested
from hal.values import ContactorState, FaultKind, LockState
from tests.hal.search.graph import Moment
from tests.hal.search.observing import (
    Memory,
    Watch,
    closes,
    counted,
    demand,
    opens,
    plug_is_held,
)
from tests.hal.search.world import View


def locked_while_closed(config: OutletConfig) -> Watch:
    """16. Memory: whether the bolt was last driven in, and whether the user wants the plug held."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        was_in, held = memory or (False, False)
        driven_in = was_in
        before, after = moment.before, moment.after
        for action in moment.actions:
            if isinstance(action, DriveLock):
                driven_in = action.locked
                shut = after.closed or after.feedback is ContactorState.CLOSED
                demand(action.locked or not shut, "unlocked while closed")
        demand(not after.closed or plug_is_held(after, config), "closed with an open lock")
        match moment.event.user:
            case PlugHeld(held=wished):
                held = wished
            case UnlockRequested() if _parted(before):
                held = False
                out = not driven_in or after.bolt is LockState.UNLOCKED
                demand(out, f"the plug is not given back in {after.pilot}")
        if config.lock and after.visible and after.pilot in ("A", "E") and _parted(after):
            if held and after.pilot == "A":
                demand(driven_in or not was_in, "a held plug was let go")
            else:
                demand(
                    not driven_in or after.bolt is LockState.UNLOCKED, f"the plug is kept in {after.pilot}"
                )
        return driven_in, held

    return watch


def _parted(view: View) -> bool:
    return not view.closed and view.feedback is ContactorState.OPEN


def a_weld_is_for_service(config: OutletConfig) -> Watch:
    """17. Memory: ticks that it shows closed without a command, whether it counts as welded."""
    patience = config.timings.weld_after_s

    def watch(memory: Memory, moment: Moment) -> Memory:
        lasted, welded = memory or (0, FaultKind.CONTACTOR_WELDED in moment.event.value)
        before, after = moment.before, moment.after
        shut = not after.closed and after.feedback is ContactorState.CLOSED
        was_shut = not before.closed and before.feedback is ContactorState.CLOSED
        lasted = counted(lasted, moment, patience) if shut and was_shut else 0
        welded = welded or lasted >= patience
        user = moment.event.user
        serviced = isinstance(user, FaultAcknowledged) and user.kind is FaultKind.CONTACTOR_WELDED
        if serviced and not shut:
            welded = False
        if welded:
            demand(FaultKind.CONTACTOR_WELDED in after.faults, "a weld is not told")
            demand(not after.offering, "PWM on a weld")
            demand(not closes(moment), "a weld was closed again")
            demand(not (shut and DriveLock(locked=False) in moment.actions), "a weld was unlocked")
        return lasted, welded

    return watch


def a_contactor_that_does_not_close_is_released(config: OutletConfig) -> Watch:
    """18. Memory: ticks that a close waits for its confirmation (None: none does), failures in a row."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        waits, failures = memory or (None, 0)
        after = moment.after
        waits = None if waits is None else counted(waits, moment, t.feedback_s)
        user = moment.event.user
        if isinstance(user, FaultAcknowledged) and user.kind is FaultKind.CONTACTOR_STUCK_OPEN:
            failures = 0
        if opens(moment) and waits is not None and waits >= t.feedback_s:
            failures = min(failures + 1, t.close_attempts)
        if closes(moment):
            demand(failures < t.close_attempts, f"closed again after {failures} failures")
        if after.closed and after.feedback is ContactorState.CLOSED:
            return None, 0
        if not after.closed:
            return None, failures
        waits = waits or 0
        demand(waits < t.feedback_s, "a close that is not confirmed was not taken back")
        return waits, failures

    return watch
