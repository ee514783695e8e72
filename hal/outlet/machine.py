"""The outlet machine: one step from a state and an input to the next state and what is to be done.

Pure: no clock, no I/O, no logging. The same state, input and instant always give the same answer.
"""

from collections.abc import Iterator
from itertools import chain
from typing import assert_never

from hal.evse import (
    CableChanged,
    ContactorChanged,
    DutyChanged,
    FaultCleared,
    FaultRaised,
    LockChanged,
    Offer,
    OpenedUnderLoad,
    OutletEvent,
    OutletSnapshot,
    PilotChanged,
    WakeChanged,
)
from hal.outlet import contactor, faults, ground_fault, lock, phases, pilot, vehicle
from hal.outlet.config import OutletConfig
from hal.outlet.state import (
    AvailabilitySet,
    CommandContactor,
    DriveLock,
    Emit,
    FaultAcknowledged,
    Offered,
    OutletAction,
    OutletInput,
    OutletState,
    PlugHeld,
    SelectPhases,
    Sensed,
    SetPilot,
    StopRequested,
    TestGroundFault,
    Tick,
    UnlockRequested,
    WakeRequested,
    replaced,
)
from hal.values import ContactorState, Fault, MeterReading, PilotState, StopReason

_MOST_PASSES = 5


def start(config: OutletConfig, *, now_s: float, faults: tuple[Fault, ...] = ()) -> OutletState:
    """The state of an outlet whose pilot was just set to X1 and whose contactor was just commanded open.

    *faults* are those that survived a restart. A vehicle found in C must leave it, or wait for 6 s. Where phases are
    switched, nobody knows on how many it charged before: it must rest as if the PWM had stopped now for a switch.
    """
    return OutletState(
        config=config,
        raw_since_s=now_s,
        blocked_until_s=now_s + config.timings.boot_wait_s,
        output_since_s=now_s,
        commanded_s=now_s,
        pwm_stopped_s=now_s if config.phase_switching else None,
        paused_for_phases=config.phase_switching,
        phases=config.phases,
        faults=faults,
    )


def step(
    state: OutletState, seen: OutletInput, *, now_s: float
) -> tuple[OutletState, tuple[OutletAction, ...]]:
    """Take in *seen* at *now_s* (monotonic, never running backwards) and decide.

    The actions are to be carried out in their order, all of them before the next step.
    """
    after = _settled(_taken_in(state, seen, now_s), now_s, was_faulted=state.is_faulted)
    return after, tuple(_actions(state, after))


def snapshot(state: OutletState, meter: MeterReading | None, *, now_s: float) -> OutletSnapshot:
    """What is true of the outlet at *now_s*."""
    closing_s = contactor.closing_at_s(state)
    waits = (
        not state.commanded_closed
        and now_s < closing_s
        and state.raw.plugged
        and pilot.permitted_ma(state, now_s) > 0
    )
    return OutletSnapshot(
        pilot=state.pilot,
        duty_ns=state.output_ns if state.is_offering else None,
        contactor_commanded=ContactorState.CLOSED if state.commanded_closed else ContactorState.OPEN,
        contactor=state.feedback,
        phases=state.phases,
        offer_ma=state.offer_ma,
        cable_a=state.cable_a,
        lock=state.lock,
        available=state.available,
        waking=state.waking_since_s is not None,
        woken_at_s=state.woken_at_s,
        increase_at_s=pilot.increase_at_s(state, now_s),
        closing_at_s=closing_s if waits else None,
        faults=state.faults,
        meter=meter,
        thermal_limit_ma=pilot.thermal_limit_ma(state),
        switching_at_s=phases.switching_at_s(state, now_s),
        overstayed_s=state.overstayed_s,
        temperature_mc=None if state.sensed is None else state.sensed.temperature_mc,
    )


def _taken_in(state: OutletState, seen: OutletInput, now_s: float) -> OutletState:
    match seen:
        case Sensed():
            return vehicle.seen(state, seen, now_s)
        case Offered(offer=offer):
            return _offered(state, offer, now_s)
        case StopRequested(reason=reason):
            return replaced(state, offer=None, open_at_once=reason is StopReason.EMERGENCY)
        case AvailabilitySet(available=available):
            return replaced(state, available=available, offer=state.offer if available else None)
        case WakeRequested():
            return replaced(state, wake_asked=True)
        case PlugHeld(held=held):
            return replaced(state, plug_held=held)
        case UnlockRequested():
            return lock.asked_for(state)
        case FaultAcknowledged(kind=kind):
            return faults.acknowledged(state, kind)
        case Tick():
            return state
        case _:
            assert_never(seen)


def _offered(state: OutletState, offer: Offer | None, now_s: float) -> OutletState:
    if offer is None or not state.available:
        return replaced(state, offer=None)
    # A driver who asked for the plug keeps it until a new permission is given, renewals do not count.
    asked = state.unlock_asked and state.offer_is_live(now_s)
    return replaced(state, offer=offer, offer_until_s=now_s + offer.valid_for_s, unlock_asked=asked)


def _settled(state: OutletState, now_s: float, *, was_faulted: bool) -> OutletState:
    """Apply every rule until none changes anything: what one decides, another may have to suspect."""
    for _ in range(_MOST_PASSES):
        before, state = state, _ruled(state, now_s, was_faulted=was_faulted)
        if state == before:
            break
        was_faulted = state.is_faulted
    return replaced(state, deadline_s=_deadline_s(state, now_s))


def _ruled(state: OutletState, now_s: float, *, was_faulted: bool) -> OutletState:
    state = vehicle.debounced(state, now_s)
    state = contactor.confirmed(state, now_s)
    state = ground_fault.tested(state, now_s)
    state = faults.judged(state, now_s)
    if was_faulted and not state.is_faulted and (state.raw is not PilotState.A or state.blind):
        state = vehicle.blocked(state, now_s + state.config.timings.after_fault_s)
    state = lock.driven(state, now_s)
    state = pilot.driven(state, now_s)
    return contactor.driven(state, now_s)


def _deadline_s(state: OutletState, now_s: float) -> float | None:
    candidates = chain.from_iterable(
        module.deadlines(state) for module in (vehicle, contactor, ground_fault, faults, lock, phases, pilot)
    )
    return min((due_s for due_s in candidates if due_s is not None and due_s > now_s), default=None)


def _actions(before: OutletState, after: OutletState) -> Iterator[OutletAction]:
    """What changed, as commands and events: opening comes before everything else, closing last."""
    if before.commanded_closed and not after.commanded_closed:
        yield CommandContactor(closed=False)
    # Where the relay stands after a start is not known; it is set before anything can be offered.
    first = after.config.phase_switching and after.contactor_checked and not before.contactor_checked
    if first or after.phases != before.phases:
        yield SelectPhases(phases=after.phases)
    if after.output_ns != before.output_ns:
        yield SetPilot(high_ns=after.output_ns)
    driven = (after.lock_driven_s, after.lock_wanted) != (before.lock_driven_s, before.lock_wanted)
    if after.lock_wanted is not None and after.lock_driven_s is not None and driven:
        yield DriveLock(locked=after.lock_wanted)
    if after.testing_since_s is not None and before.testing_since_s is None:
        yield TestGroundFault()
    if after.commanded_closed and not before.commanded_closed:
        yield CommandContactor(closed=True)
    for event in _events(before, after):
        yield Emit(event=event)


def _events(before: OutletState, after: OutletState) -> Iterator[OutletEvent]:
    for fault in after.faults:
        if not before.has_fault(fault.kind):
            yield FaultRaised(fault=fault)
    if after.pilot is not before.pilot:
        yield PilotChanged(state=after.pilot)
    if after.cable_a != before.cable_a:
        yield CableChanged(cable_a=after.cable_a)
    if after.lock is not before.lock:
        yield LockChanged(state=after.lock)
    if after.overstayed_s is not None and after.overstayed_s != before.overstayed_s:
        yield OpenedUnderLoad()
    if (after.waking_since_s is None) is not (before.waking_since_s is None):
        yield WakeChanged(waking=after.waking_since_s is not None)
    before_ns = before.output_ns if before.is_offering else None
    after_ns = after.output_ns if after.is_offering else None
    if after_ns != before_ns:
        yield DutyChanged(duty_ns=after_ns)
    if after.feedback is not before.feedback:
        yield ContactorChanged(state=after.feedback)
    for fault in before.faults:
        if not after.has_fault(fault.kind):
            yield FaultCleared(kind=fault.kind)
