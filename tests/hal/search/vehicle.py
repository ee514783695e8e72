"""Invariants 1, 5, 6, 24 and 26: the contactor and the pilot follow the vehicle."""

from hal.iec61851 import F_NS, X1_NS
from hal.outlet.config import OutletConfig
from hal.values import FaultKind
from tests.hal.search.graph import Moment
from tests.hal.search.observing import Memory, Watch, closes, counted, demand, is_ready, unplugged

_NOT_PLUGGED = ("A", "E", "?", "-12")


def closed_only_for_a_vehicle_that_asks(config: OutletConfig) -> Watch:
    """1. Memory: the last valid pilot state, and the ticks since the PWM stopped."""
    grace = config.timings.withdraw_s

    def watch(memory: Memory, moment: Moment) -> Memory:
        asks, steady = memory or (False, 0)
        after = moment.after
        if after.pilot != "gap" and after.visible:
            asks = is_ready(after, config)
        steady = counted(steady, moment, grace) if after.output_ns == X1_NS else 0
        if after.output_ns == X1_NS and moment.before.output_ns != X1_NS:
            steady = 0
        if after.closed:
            demand(asks, f"closed in {after.pilot}")
            demand(after.output_ns != F_NS, "closed in F")
            demand(steady < grace, f"closed {steady} ticks after the PWM stopped")
        return asks, steady

    return watch


def open_once_unplugged(config: OutletConfig) -> Watch:
    """5. No memory."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        if moment.after.pilot in _NOT_PLUGGED and moment.after.visible:
            demand(not moment.after.closed, f"closed in {moment.after.pilot}")
            demand(not moment.after.offering, f"PWM in {moment.after.pilot}")

    return watch


def open_once_the_vehicle_leaves_c(config: OutletConfig) -> Watch:
    """6. No memory."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        if is_ready(moment.before, config) and moment.after.pilot == "B":
            demand(not moment.after.closed, "closed after C to B")

    return watch


def d_is_c_only_where_ventilated(config: OutletConfig) -> Watch:
    """24. No memory."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        if moment.after.pilot == "D" and moment.after.visible and not config.ventilation:
            demand(not moment.after.closed, "closed in D without ventilation")

    return watch


def one_wake_up_pulse(config: OutletConfig) -> Watch:
    """26. Memory: pulses since the last plug-in or close, ticks of the pulse that lasts, whether it may be cut."""
    length = config.timings.wake_pulse_s

    def watch(memory: Memory, moment: Moment) -> Memory:
        pulses, lasted, cut = memory or (0, None, False)
        before, after = moment.before, moment.after
        lasted = None if lasted is None else counted(lasted, moment, length + 1)
        opening = any(fault is not FaultKind.METER_OFFLINE for fault in after.faults)
        if unplugged(moment) or closes(moment):
            pulses = 0
        if after.output_ns == F_NS and lasted is None:
            cut = opening or after.pilot == "A" or moment.event.name == "boot"
            lasted = 0
            if not cut:
                demand(after.pilot == "B", f"a pulse in {after.pilot}")
                demand(not before.closed, "a pulse while closed")
                demand(pulses == 0, "a second pulse")
                pulses = 1
        elif after.output_ns == F_NS:
            cut = cut or opening
            demand(cut or lasted <= length, "a pulse without end")
        elif lasted is not None:
            demand(cut or lasted == length, f"a pulse of {lasted} ticks")
            lasted = None
        return pulses, lasted, cut

    return watch
