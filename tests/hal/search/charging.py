"""Invariants 2, 7, 8, 14, 22, 23 and 25: when the contactor may close, must close, and may open."""

from hal.evse import FaultCleared
from hal.iec61851 import X1_NS
from hal.outlet.config import OutletConfig
from hal.outlet.state import FaultAcknowledged, TestGroundFault, UnlockRequested
from hal.values import FAULT_RULES, Clearing, ContactorState, FaultKind
from tests.hal.search.graph import Moment
from tests.hal.search.observing import (
    Memory,
    Permission,
    Watch,
    closes,
    counted,
    demand,
    is_emergency,
    is_ready,
    must_not_be_live,
    opens,
    permission,
    plug_is_held,
    recent_closes,
    unplugged,
)
from tests.hal.search.world import View

_NO_TEST = (False, None)


def closed_only_with_permission(config: OutletConfig) -> Watch:
    """2. Memory: the permission, with the ticks since it ended."""
    grace = config.timings.withdraw_s

    def watch(memory: Memory, moment: Moment) -> Memory:
        allowed = permission(memory or Permission(ended=int(grace)), moment, grace)
        if moment.after.closed:
            demand(
                allowed.live or allowed.ended < grace, f"closed {allowed.ended} ticks after the permission"
            )
            demand(not is_emergency(moment), "closed after an emergency stop")
        return allowed

    return watch


def closing_needs_everything(config: OutletConfig) -> Watch:
    """7. Memory: ticks of C (None: not C), ticks since opening, diode and open contacts seen, self-test."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        stood, rested, diode, parted, test = memory or (
            None,
            int(t.min_off_s),
            False,
            False,
            _NO_TEST,
        )
        after = moment.after
        rested = counted(rested, moment, t.min_off_s)
        stood = None if stood is None else counted(stood, moment, t.close_after_s)
        # Between two windows the state is held, but nothing is closed there.
        if after.visible and after.pilot != "gap":
            stood = (stood or 0) if is_ready(after, config) else None
        if unplugged(moment):
            diode = False
        elif after.offering and after.pilot in ("B", "C", "D") and after.diode == "good":
            diode = True
        test = _tested(test, moment, t.self_test_fresh_s)
        if closes(moment):
            fresh = test[1] is not None and test[1] < t.self_test_fresh_s
            demand(after.self_test == "absent" or fresh, "closed without a fresh self-test of the detector")
            demand(after.pilot != "gap", "closed in an undecided state")
            demand(stood is not None and stood >= t.close_after_s, "closed before C stood")
            demand(after.offering, "closed without a PWM")
            demand(diode, "closed before the diode was seen")
            demand(not config.lock or after.cable_a in (13, 20, 32), "closed without a known cable")
            demand(plug_is_held(after, config), "closed before the plug was held")
            demand(rested >= t.min_off_s, f"closed {rested} ticks after opening")
            demand(parted, "closed before the contacts were seen open")
            shut = moment.before.feedback is ContactorState.CLOSED and moment.event.part != "contactor"
            demand(not shut, "closed although the contacts show closed")
        if after.closed:
            parted = False
        elif after.feedback is ContactorState.OPEN:
            parted = True
        return stood, 0 if opens(moment) else rested, diode, parted, test

    return watch


def _tested(test: tuple[bool, int | None], moment: Moment, fresh: float) -> tuple[bool, int | None]:
    """Whether a self-test runs, and the ticks since the last one passed (None: it failed, or there was none)."""
    runs, age = test
    age = None if age is None else counted(age, moment, fresh)
    runs = runs or TestGroundFault() in moment.actions
    if runs and moment.after.self_test != "hangs":
        return False, 0 if moment.after.self_test == "passes" else None
    return runs, None if runs else age


def closes_in_time(config: OutletConfig) -> Watch:
    """8. Memory: permission, whether the plug was asked for, pause, closes, ticks of C under PWM, and of C."""
    t = config.timings
    soon = t.close_after_s + 1
    # A pause for a switch may be over just as the next one is allowed.
    switching_s = 2 * t.phase_switch_s + t.phase_switch_spacing_s if config.phase_switching else 0
    at_last = max(t.boot_wait_s, t.after_fault_s, t.min_off_s, t.close_window_s, switching_s) + soon

    def watch(memory: Memory, moment: Moment) -> Memory:
        allowed, asked, rested, ages, waits, stays = memory or (Permission(), False, 0, (), 0, 0)
        asked = (asked or isinstance(moment.event.user, UnlockRequested)) and not unplugged(moment)
        if asked and moment.event.user is not None and not allowed.live:
            asked = isinstance(moment.event.user, UnlockRequested)
        allowed = permission(allowed, moment, 0)
        after = moment.after
        wished = allowed.live and not asked and is_ready(after, config) and _is_well(after, config)
        rested = counted(rested, moment, t.min_off_s)
        ages = recent_closes(ages, moment, config)
        wished = wished and len(ages) < t.closes_per_window
        ready = wished and after.offering and rested >= t.min_off_s
        waits = counted(waits, moment, soon) if ready and not after.closed else 0
        stays = counted(stays, moment, at_last) if wished and not after.closed else 0
        demand(waits < soon, "not closed in C under a PWM")
        demand(stays < at_last, "never closed in C")
        return allowed, asked, 0 if opens(moment) else rested, ages, waits, stays

    return watch


def _is_well(view: View, config: OutletConfig) -> bool:
    """True while nothing in the world and no standing fault speaks against charging."""
    return (
        view.visible
        and not view.faults
        and not must_not_be_live(view, config)
        and view.diode == "good"
        and view.contactor == "follows"
        and view.self_test in ("absent", "passes")
        and (not config.lock or view.cable_a in (13, 20, 32))
    )


def pwm_stops_first(config: OutletConfig) -> Watch:
    """14. Memory: ticks since the PWM stopped."""
    grace = config.timings.withdraw_s

    def watch(memory: Memory, moment: Moment) -> Memory:
        before, after = moment.before, moment.after
        steady = 0 if memory is None or before.output_ns != X1_NS else counted(memory, moment, grace)
        if opens(moment) and is_ready(after, config):
            needed = (
                is_emergency(moment)
                or any(FAULT_RULES[kind].opens for kind in after.faults)
                or must_not_be_live(after, config)
                or after.contactor != "follows"
            )
            demand(needed or steady >= grace, f"opened under load {steady} ticks after the PWM stopped")
        return steady

    return watch


def starts_safely(config: OutletConfig) -> Watch:
    """22. Memory: ticks since the start, whether the vehicle showed A or B, whether the contacts were seen open."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        up, free, parted = memory or (0, False, False)
        up = counted(up, moment, t.boot_wait_s)
        after = moment.after
        free = free or (after.pilot in ("A", "B") and after.visible)
        parted = parted or after.feedback is ContactorState.OPEN
        if after.offering:
            demand(free or up >= t.boot_wait_s, "PWM for a vehicle that was found in C")
        demand(parted or not (after.offering or after.closed), "a closed contactor was adopted")
        return up, free, parted

    return watch


def faults_clear_as_listed(config: OutletConfig) -> Watch:
    """23. Memory: ticks since an opening fault was cleared under a vehicle that did not show A or B since."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        waited = None if memory is None else counted(memory, moment, t.after_fault_s)
        after = moment.after
        if closes(moment):
            demand(waited is None or waited >= t.after_fault_s, "closed right after a fault")
        for event in moment.told:
            if isinstance(event, FaultCleared) and FAULT_RULES[event.kind].opens:
                _demand_listed(event.kind, moment, config)
                waited = 0
        if after.pilot in ("A", "B") and after.visible:
            waited = None
        return waited

    return watch


def _demand_listed(kind: FaultKind, moment: Moment, config: OutletConfig) -> None:
    view = moment.after
    unmeasured = view.voltage_mv is None and not config.meter_behind_contactor
    volts = 230 if view.voltage_mv is None else view.voltage_mv / 1_000
    match FAULT_RULES[kind].clearing:
        case Clearing.UNPLUG:
            demand(unplugged(moment), f"{kind} cleared while plugged")
        case Clearing.ACKNOWLEDGE:
            acts = isinstance(moment.event.user, FaultAcknowledged) and moment.event.user.kind is kind
            demand(acts, f"{kind} cleared by itself")
    still = {
        FaultKind.GROUND_FAULT: view.tripped,
        FaultKind.EMERGENCY_STOP: view.pressed,
        FaultKind.CONTACTOR_WELDED: not view.closed and view.feedback is ContactorState.CLOSED,
        FaultKind.POWER_SWITCH_FAILURE: view.feedback is ContactorState.UNKNOWN,
        FaultKind.PILOT_SHORT: view.pilot == "E" and view.visible,
        FaultKind.OVER_TEMPERATURE: view.temperature_mc is not None and view.temperature_mc > 60_000,
        FaultKind.UNDER_VOLTAGE: unmeasured or volts < 195,
        FaultKind.OVER_VOLTAGE: unmeasured or volts > 265,
    }
    demand(not still.get(kind, False), f"{kind} cleared while its cause stands")


def contactor_is_spared(config: OutletConfig) -> Watch:
    """25. Memory: ticks since opening, and the ages of the closes that count."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        rested, ages = memory or (int(t.min_off_s), ())
        rested = counted(rested, moment, t.min_off_s)
        ages = recent_closes(ages, moment, config)
        if closes(moment):
            demand(rested >= t.min_off_s, f"closed {rested} ticks after opening")
            demand(len(ages) <= t.closes_per_window, f"closed {len(ages)} times in one window")
        return 0 if opens(moment) else rested, ages

    return watch
