"""What an outlet looks like while its guard is out of reach, and what has happened once it is back."""

from dataclasses import replace

from hal.evse import (
    CableChanged,
    ContactorChanged,
    DutyChanged,
    FaultCleared,
    FaultRaised,
    LockChanged,
    OutletEvent,
    OutletSnapshot,
    PilotChanged,
    WakeChanged,
)
from hal.values import ContactorState, Fault, FaultKind, MeterReading, PilotState


def without_guard(snapshot: OutletSnapshot, since_s: float) -> OutletSnapshot:
    """What is known of an outlet whose guard is lost since *since_s*: nothing that moves, and the fault.

    Of its meter the register is kept with its age, but not what flowed. What was latched stays.
    """
    meter, faults = snapshot.meter, snapshot.faults
    if FaultKind.GUARD_LOST not in {fault.kind for fault in faults}:
        # A controller whose line is silent has it already.
        faults = (*faults, Fault(kind=FaultKind.GUARD_LOST, since_s=since_s))
    return replace(
        snapshot,
        meter=None
        if meter is None
        else MeterReading(
            at_s=meter.at_s, energy_wh=meter.energy_wh, power_w=None, current_ma=None, voltage_mv=None
        ),
        pilot=PilotState.UNKNOWN,
        duty_ns=None,
        contactor_commanded=ContactorState.UNKNOWN,
        contactor=ContactorState.UNKNOWN,
        offer_ma=0,
        waking=False,
        increase_at_s=None,
        closing_at_s=None,
        switching_at_s=None,
        faults=faults,
    )


def events_between(before: OutletSnapshot, after: OutletSnapshot) -> tuple[OutletEvent, ...]:
    """The events that lead from *before* to *after*: what is worse first, what ends last."""
    was, now = ({fault.kind for fault in one.faults} for one in (before, after))
    events: list[OutletEvent] = [FaultRaised(fault=fault) for fault in after.faults if fault.kind not in was]
    if before.pilot is not after.pilot:
        events.append(PilotChanged(state=after.pilot))
    if before.duty_ns != after.duty_ns:
        events.append(DutyChanged(duty_ns=after.duty_ns))
    if before.contactor is not after.contactor:
        events.append(ContactorChanged(state=after.contactor))
    if before.cable_a != after.cable_a:
        events.append(CableChanged(cable_a=after.cable_a))
    if before.lock is not after.lock:
        events.append(LockChanged(state=after.lock))
    if before.waking is not after.waking:
        events.append(WakeChanged(waking=after.waking))
    events += [FaultCleared(kind=fault.kind) for fault in before.faults if fault.kind not in now]
    return tuple(events)
