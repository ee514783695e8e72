"""Invariants 3, 19 and 27: faults, over-current, state F and being out of service."""

from hal.evse import FaultRaised
from hal.iec61851 import F_NS
from hal.outlet.config import OutletConfig
from hal.outlet.state import AvailabilitySet
from hal.values import FAULT_RULES, ContactorState, FaultKind
from tests.hal.search.graph import Moment
from tests.hal.search.observing import (
    Memory,
    Watch,
    advertised_ma,
    counted,
    demand,
    must_not_be_live,
    unplugged,
)
from tests.hal.search.world import View


def open_on_faults(config: OutletConfig) -> Watch:
    """3. Memory: whether the detector tripped in this plug-in, ticks of bad voltage, mirror and diode."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        tripped, volts, mirror, diode = memory or (False, 0, 0, 0)
        before, after = moment.before, moment.after
        tripped = after.tripped or (tripped and not unplugged(moment))

        def lasted(ticks: int, was: bool, now: bool, most: float) -> int:
            return (counted(ticks, moment, most) if was else 0) if now else 0

        volts = lasted(volts, _voltage_is_bad(before.voltage_mv), _voltage_is_bad(after.voltage_mv), 9)
        mirror = lasted(mirror, before.contactor == "unknown", after.contactor == "unknown", 9)
        diode = lasted(diode, _diode_is_bad(before), _diode_is_bad(after), 9)
        if after.closed:
            demand(not tripped, "closed with a tripped detector")
            demand(not must_not_be_live(after, config), "closed on a fault")
            demand(volts < t.voltage_fault_after_s, "closed on a bad voltage")
            demand(mirror < t.mirror_fault_after_s, "closed without mirror contacts")
            demand(diode < t.diode_fault_after_s, "closed without a diode under PWM")
            told = [kind for kind in after.faults if FAULT_RULES[kind].opens]
            demand(not told, f"closed while {told} is told")
        return tripped, min(volts, 1), min(mirror, 1), min(diode, 1)

    return watch


def _voltage_is_bad(voltage_mv: int | None) -> bool:
    return voltage_mv is not None and not 195_500 <= voltage_mv <= 264_500


def _diode_is_bad(view: View) -> bool:
    return view.offering and view.diode == "missing" and view.pilot in ("B", "C", "D")


def over_current_stops(config: OutletConfig) -> Watch:
    """19. Memory: the largest offer of each of the last ticks (newest first), and the ticks of too much."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        offers, over = memory or ((0,) * (int(t.follow_s) + 1), None)
        before, after = moment.before, moment.after
        over = None if over is None else counted(over, moment, t.over_current_s)
        if moment.event.ticks:
            offers = (advertised_ma(before), *offers)[: int(t.follow_s) + 1]
        offers = (max(offers[0], advertised_ma(before), advertised_ma(after)), *offers[1:])
        # An offer that ended this very follow time ago does not count any more.
        recent = max(advertised_ma(after), *offers[: int(t.follow_s)])
        flows = after.draw_ma if after.closed and after.feedback is ContactorState.CLOSED else 0
        too_much = flows * 10 > (recent + 500) * 11
        raised = any(
            isinstance(event, FaultRaised) and event.fault.kind is FaultKind.OVER_CURRENT
            for event in moment.told
        )
        demand(not raised or (over or 0) >= t.over_current_s, f"tripped after {over} ticks of too much")
        if after.closed:
            demand(
                over is None or not too_much or over < t.over_current_s,
                "closed for too long on an over-current",
            )
        return offers, (over or 0) if too_much else None

    return watch


def f_is_held_and_ends_service(config: OutletConfig) -> Watch:
    """27. Memory: ticks of F, ticks out of service (None: in service)."""
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        lasted, out = memory or (None, None)
        after = moment.after
        lasted = None if lasted is None else counted(lasted, moment, t.fault_pulse_s)
        out = None if out is None else counted(out, moment, t.withdraw_s)
        if isinstance(moment.event.user, AvailabilitySet):
            out = None if moment.event.user.available else (out or 0)
        if after.output_ns != F_NS:
            demand(lasted is None or lasted >= t.fault_pulse_s, f"F for {lasted} ticks only")
        if out is not None:
            demand(not after.offering, "PWM while out of service")
            demand(not after.closed or out < t.withdraw_s, "closed while out of service")
        return (lasted or 0) if after.output_ns == F_NS else None, out

    return watch
