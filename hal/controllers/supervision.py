"""What cpd adds to a controller that runs its own outlet: the lease, the limits, the pauses and the faults.

Pure: what the user wants and what the controller says come in, the order for the controller and the events for the
user go out. The contactor is the controller's own; the most that can be ordered of it is a permission.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from hal.controllers import faults
from hal.controllers.state import (
    EXCHANGE_S,
    LOST_AFTER_S,
    Acknowledged,
    AvailabilitySet,
    Begun,
    Input,
    Offered,
    Report,
    Reported,
    Stopped,
    Supervised,
    Tick,
)
from hal.evse import (
    CableChanged,
    ContactorChanged,
    DutyChanged,
    FaultCleared,
    FaultRaised,
    OutletEvent,
    OutletSnapshot,
    PilotChanged,
)
from hal.iec61851 import MAX_CURRENT_MA, MIN_CURRENT_MA, duty_ns_for
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, Fault, LockState, MeterReading, PilotState, StopReason


def start(config: OutletConfig, *, now_s: float, faults: tuple[Fault, ...] = ()) -> Supervised:
    """The state of an outlet whose controller was not heard yet; *faults* are those that survived a restart."""
    return Supervised(config=config, reported_s=now_s, faults=faults)


def step(state: Supervised, seen: Input, *, now_s: float) -> tuple[Supervised, tuple[OutletEvent, ...]]:
    """Take in *seen* at *now_s* (monotonic, never running backwards); `state.order` says what follows of it."""
    before = state
    passed: tuple[OutletEvent, ...] = ()
    state = _taken_in(state, seen, now_s)
    if isinstance(seen, Reported) and state.begun and _may_be_another(before, seen.report, now_s):
        before, passed = _unplugging(before)
    lost = now_s >= state.reported_s + LOST_AFTER_S
    state = replace(state, lost=lost, begun=state.begun and (before.lost or not lost))
    was_faulted = state.is_faulted
    state = faults.judged(state, now_s)
    if was_faulted and not state.is_faulted:
        state = _blocked(state, now_s + state.config.timings.after_fault_s)
    state = _permitting(state, now_s)
    due_s = min((due_s for due_s in _deadlines(state) if due_s > now_s), default=None)
    state = replace(state, deadline_s=due_s)
    return state, (*passed, *_events(before, state))


def snapshot(state: Supervised, meter: MeterReading | None, *, now_s: float) -> OutletSnapshot:
    """What is true of the outlet at *now_s*."""
    closed = state.contactor is ContactorState.CLOSED and state.given_ma > 0
    wants_ma = _bounded_ma(state, now_s)
    resumes_s = max((due_s for due_s in _pauses(state) if now_s < due_s), default=None)
    return OutletSnapshot(
        pilot=state.pilot,
        duty_ns=_duty_ns(state),
        contactor_commanded=ContactorState.CLOSED if closed else ContactorState.OPEN,
        contactor=state.contactor,
        phases=state.config.phases,
        offer_ma=state.advertised_ma,
        cable_a=state.cable_a,
        lock=LockState.NONE,
        available=state.available,
        waking=False,
        woken_at_s=None,
        increase_at_s=_increase_at_s(state, wants_ma, now_s),
        closing_at_s=resumes_s if wants_ma and state.pilot.plugged else None,
        faults=state.faults,
        meter=meter,
        thermal_limit_ma=state.thermal_limit_ma,
        temperature_mc=None if state.report is None else state.report.temperature_mc,
        min_current_ma=state.min_current_ma,
    )


def _taken_in(state: Supervised, seen: Input, now_s: float) -> Supervised:
    match seen:
        case Begun():
            # Whatever was allowed before has been taken back, and nobody knows on what it charged.
            blocked_s = now_s + state.config.timings.boot_wait_s
            return replace(state, begun=True, given_ma=0, stopped_s=now_s, blocked_until_s=blocked_s)
        case Reported() if not state.begun:
            # One that comes back is not believed before it was told to hold; but what it says only once is kept.
            left = seen.report.pilot is PilotState.A
            return replace(state, exchanged=left or _may_be_another(state, seen.report, now_s))
        case Reported(report=report, order=order, meter=meter, reader_online=reader_online):
            opened = order.at_once and report.contactor is ContactorState.OPEN
            if report.pilot is PilotState.A or _may_be_another(state, report, now_s):
                # An unplugging ends everything that belonged to the plug-in, the permission included.
                state = replace(state, offer=None)
            if report.pilot in (PilotState.A, PilotState.B):
                state = replace(state, blocked_until_s=None)
            return replace(
                state,
                reported_s=now_s,
                report=report,
                exchanged=False,
                meter=meter,
                reader_online=reader_online,
                at_once=state.at_once and not opened,
            )
        case Offered(offer=offer):
            if offer is None or not state.available:
                return replace(state, offer=None)
            return replace(state, offer=offer, offer_until_s=now_s + offer.valid_for_s)
        case Stopped(reason=reason):
            return replace(state, offer=None, at_once=state.at_once or reason is StopReason.EMERGENCY)
        case AvailabilitySet(available=available):
            return replace(state, available=available, offer=state.offer if available else None)
        case Acknowledged(kind=kind):
            return faults.acknowledged(state, kind)
        case Tick():
            return state
        case _:
            assert_never(seen)


def _may_be_another(state: Supervised, report: Report, now_s: float) -> bool:
    """True where *report* may be of another vehicle than the one before: nobody is to be billed for a stranger."""
    if report.pilot is PilotState.A:
        return False
    if state.exchanged:
        return True
    if report.replugged is None:
        return state.report is not None and now_s >= state.reported_s + EXCHANGE_S
    return report.replugged


def _blocked(state: Supervised, until_s: float) -> Supervised:
    """A vehicle that shows C or D now must show B first, or wait until *until_s*."""
    shows_no_wish = state.pilot in (PilotState.A, PilotState.B)
    return state if shows_no_wish else replace(state, blocked_until_s=until_s)


def _permitting(state: Supervised, now_s: float) -> Supervised:
    """*state* with what the controller is allowed from now on."""
    earlier = tuple(entry for entry in state.reference if now_s < entry[0] + state.config.timings.follow_s)
    state = replace(state, reference=earlier)
    wants_ma = _bounded_ma(state, now_s)
    if any(now_s < due_s for due_s in _pauses(state)) or not state.pilot.plugged:
        wants_ma = 0
    if wants_ma == state.given_ma or _increase_at_s(state, wants_ma, now_s) is not None:
        return state
    state = replace(state, reference=(*earlier, (now_s, state.given_ma)))
    if wants_ma > state.given_ma:
        state = replace(state, increased_s=now_s)
    if wants_ma == 0:
        state = replace(state, stopped_s=now_s)
    return replace(state, given_ma=wants_ma)


def _bounded_ma(state: Supervised, now_s: float) -> int:
    """What offer, cable, hardware and temperature allow, in mA per phase; 0 where that is too little or in doubt."""
    if state.offer is None or not state.offer_is_live(now_s) or state.cable_a is None:
        return 0
    if state.is_faulted or state.at_once or not state.available or state.lost:
        return 0
    allowed_ma = min(state.offer.current_ma, state.cable_a * 1_000, state.config.max_current_ma)
    if state.thermal_limit_ma is not None:
        allowed_ma = min(allowed_ma, state.thermal_limit_ma)
    return allowed_ma if allowed_ma >= state.min_current_ma else 0


def _pauses(state: Supervised) -> Iterator[float]:
    if state.stopped_s is not None:
        yield state.stopped_s + state.config.timings.min_off_s
    if state.blocked_until_s is not None:
        yield state.blocked_until_s


def _increase_at_s(state: Supervised, wants_ma: int, now_s: float) -> float | None:
    """When the larger offer that is held back takes effect; None while nothing is held back."""
    if state.increased_s is None or not 0 < state.given_ma < wants_ma or not state.is_charging:
        return None
    due_s = state.increased_s + state.config.timings.increase_spacing_s
    return due_s if now_s < due_s else None


def _deadlines(state: Supervised) -> Iterator[float]:
    """The instants at which time alone changes something."""
    yield state.reported_s + LOST_AFTER_S
    yield from faults.deadlines(state)
    yield from _pauses(state)
    if state.offer is not None:
        yield state.offer_until_s
    if state.increased_s is not None:
        yield state.increased_s + state.config.timings.increase_spacing_s


def _duty_ns(state: Supervised) -> int | None:
    advertised_ma = min(state.advertised_ma, MAX_CURRENT_MA)
    return duty_ns_for(advertised_ma) if advertised_ma >= MIN_CURRENT_MA else None


def _unplugging(before: Supervised) -> tuple[Supervised, tuple[OutletEvent, ...]]:
    """An unplugging that nobody saw happened between two reports: the user hears of it all the same."""
    if before.report is None or before.report.pilot is PilotState.A:
        # Nothing was plugged then: who is there now is told as one that came.
        return before, ()
    unplugged = replace(before, report=replace(before.report, pilot=PilotState.A))
    return unplugged, (PilotChanged(state=PilotState.A),)


def _events(before: Supervised, after: Supervised) -> Iterator[OutletEvent]:
    for fault in after.faults:
        if not before.has_fault(fault.kind):
            yield FaultRaised(fault=fault)
    if after.pilot is not before.pilot:
        yield PilotChanged(state=after.pilot)
    if after.cable_a != before.cable_a:
        yield CableChanged(cable_a=after.cable_a)
    if _duty_ns(after) != _duty_ns(before):
        yield DutyChanged(duty_ns=_duty_ns(after))
    if after.contactor is not before.contactor:
        yield ContactorChanged(state=after.contactor)
    for fault in before.faults:
        if not after.has_fault(fault.kind):
            yield FaultCleared(kind=fault.kind)
