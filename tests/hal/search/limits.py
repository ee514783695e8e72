"""Invariants 9, 10, 11, 12, 13, 21 and 29: what the pilot advertises."""

from hal.evse import FaultCleared
from hal.iec61851 import F_NS, X1_NS
from hal.outlet.config import OutletConfig
from hal.outlet.state import SetPilot
from hal.values import FaultKind
from tests.hal.search.graph import Moment
from tests.hal.search.observing import (
    Memory,
    Permission,
    Watch,
    advertised_ma,
    counted,
    demand,
    permission,
    unplugged,
)

_UNKNOWN_TEMPERATURE_MA = 10_000


def duty_is_expressible(config: OutletConfig) -> Watch:
    """9. No memory."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        for action in moment.actions:
            if isinstance(action, SetPilot):
                steady = action.high_ns in (F_NS, X1_NS)
                demand(steady or 100_000 <= action.high_ns <= 960_000, f"duty of {action.high_ns} ns")

    return watch


def never_above_any_limit(config: OutletConfig) -> Watch:
    """10. Memory: the permission."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        allowed = permission(memory or Permission(), moment, 0)
        limit_ma = min(allowed.ma if allowed.live else 0, config.max_current_ma)
        advertised = advertised_ma(moment.after)
        demand(advertised <= limit_ma, f"{advertised} mA advertised of {limit_ma} mA")
        return allowed

    return watch


def no_limit_no_offer(config: OutletConfig) -> Watch:
    """11. Memory: the permission."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        allowed = permission(memory or Permission(), moment, 0)
        known = not config.lock or moment.after.cable_a in (13, 20, 32)
        if not (allowed.live and known):
            demand(not moment.after.offering, "a PWM without a limit to advertise")
        return allowed

    return watch


def within_the_cable(config: OutletConfig) -> Watch:
    """12. Memory: the smallest rating of this plug-in, 0 once it could not be read any more."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        smallest = memory
        after = moment.after
        if unplugged(moment):
            smallest = None
        elif after.pilot in ("B", "C", "D") and after.visible and config.lock:
            readable = after.cable_a in (13, 20, 32)
            if readable:
                smallest = after.cable_a if smallest is None else min(smallest, after.cable_a)
            elif smallest is not None:
                smallest = 0
        cable_ma = config.max_current_ma if smallest is None else smallest * 1_000
        demand(advertised_ma(after) <= min(cable_ma, config.max_current_ma), "more than the cable carries")
        return smallest

    return watch


def increases_are_spaced(config: OutletConfig) -> Watch:
    """13. Memory: ticks since the last increase."""
    spacing = config.timings.increase_spacing_s

    def watch(memory: Memory, moment: Moment) -> Memory:
        since = counted(spacing if memory is None else memory, moment, spacing)
        before_ma, after_ma = advertised_ma(moment.before), advertised_ma(moment.after)
        if after_ma <= before_ma:
            return since
        charges = moment.before.pilot in ("C", "D") and moment.after.pilot in ("C", "D")
        if before_ma > 0 and charges:
            demand(since >= spacing, f"increased {since} ticks after an increase")
        return 0

    return watch


def stale_is_not_fresh(config: OutletConfig) -> Watch:
    """21. No memory: a lost thermometer lowers the offer, a voltage that nobody measures has not come back.

    Unless nobody can: a meter behind the contactor is dark while that is open.
    """

    def watch(memory: Memory, moment: Moment) -> Memory:
        if config.thermometer and moment.after.temperature_mc is None:
            demand(
                advertised_ma(moment.after) <= _UNKNOWN_TEMPERATURE_MA, "more than 10 A without thermometer"
            )
        if moment.after.voltage_mv is None and not config.meter_behind_contactor:
            for event in moment.told:
                lost = isinstance(event, FaultCleared) and event.kind is FaultKind.UNDER_VOLTAGE
                demand(not lost, "a voltage fault cleared without a voltage")

    return watch


def a_stall_ends_the_offer(config: OutletConfig) -> Watch:
    """29. Memory: the permission. However long nobody stepped, what lapsed meanwhile is gone at the next step."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        allowed = permission(memory or Permission(), moment, 0)
        if moment.event.ticks > 1 and not allowed.live:
            demand(not moment.after.offering, "a PWM after a stall that outlived the lease")
        return allowed

    return watch
