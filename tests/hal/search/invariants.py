"""The safety invariants of one outlet, each as an observer of what can be seen from outside.

An observer is a pure function from its memory (None at the start) and a moment to its next memory; it raises
`Broken` where the invariant does not hold. Memories are small, so that the search ends. "closed" is the contactor's
command: the contacts follow within their release time, which the mock's physics checks (`hal/boards/mock/truth.py`).
Observers never look at what the machine believes, only at the world, the outputs and what was told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hal.outlet.config import OutletConfig
from tests.hal.search import charging, hardware, limits, phases, protection, vehicle
from tests.hal.search.graph import CLOCK_SHOWS, Moment
from tests.hal.search.observing import Broken, Memory, Watch, demand

__all__ = ["INVARIANTS", "Broken", "Invariant"]


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """One safety invariant, and the observer that watches it over an outlet as it is wired."""

    number: int
    sentence: str
    watch: Callable[[OutletConfig], Watch]


def _the_clock_does_not_matter(config: OutletConfig) -> Watch:
    """28. No memory: what `Graph` saw of steps on another clock."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        demand(moment.flaw != CLOCK_SHOWS, CLOCK_SHOWS)

    return watch


def _no_flaw(config: OutletConfig) -> Watch:
    """30. No memory: what `Graph` saw of the machine itself."""

    def watch(memory: Memory, moment: Moment) -> Memory:
        demand(moment.flaw in (None, CLOCK_SHOWS), moment.flaw or "")

    return watch


def _table(*rows: tuple[int, str, Callable[[OutletConfig], Watch]]) -> Mapping[int, Invariant]:
    return MappingProxyType(
        {number: Invariant(number=number, sentence=told, watch=watch) for number, told, watch in rows}
    )


INVARIANTS: Mapping[int, Invariant] = _table(
    (
        1,
        "closed only in C, or in D where ventilated; 6 s at most without PWM",
        vehicle.closed_only_for_a_vehicle_that_asks,
    ),
    (2, "closed only with a live permission, or 6 s after it", charging.closed_only_with_permission),
    (3, "open at once on a fault, an emergency stop or a trip", protection.open_on_faults),
    (5, "unplug, short and unreadable pilot open and end the PWM", vehicle.open_once_unplugged),
    (6, "C to B opens, whatever the user wants", vehicle.open_once_the_vehicle_leaves_c),
    (7, "closes only when everything that protects is in place", charging.closing_needs_everything),
    (8, "closes in time when everything is in place", charging.closes_in_time),
    (9, "the duty is 0, 100 % or 10 … 96 %", limits.duty_is_expressible),
    (10, "never advertises more than any limit", limits.never_above_any_limit),
    (11, "no limit, no offer", limits.no_limit_no_offer),
    (12, "never above the cable, which never grows", limits.within_the_cable),
    (13, "increases are 5 s apart while charging", limits.increases_are_spaced),
    (14, "the PWM stops before every opening without need", charging.pwm_stops_first),
    (
        15,
        "the phases change at rest, rarely, and are never more than permitted",
        phases.phases_change_at_rest,
    ),
    (16, "locked while closed, given back when free", hardware.locked_while_closed),
    (17, "a weld is latched until service", hardware.a_weld_is_for_service),
    (
        18,
        "a close without effect is taken back, and tried three times",
        hardware.a_contactor_that_does_not_close_is_released,
    ),
    (
        19,
        "over-current for 7 s stops; a vehicle that follows in 5 s never trips",
        protection.over_current_stops,
    ),
    (21, "what is too old is not used as fresh", limits.stale_is_not_fresh),
    (22, "a start adopts nothing", charging.starts_safely),
    (23, "faults clear as listed, and closing waits after them", charging.faults_clear_as_listed),
    (24, "D is C only where ventilated", vehicle.d_is_c_only_where_ventilated),
    (25, "the contactor rests and is not worn out", charging.contactor_is_spared),
    (26, "one wake-up pulse, in B, of its length", vehicle.one_wake_up_pulse),
    (27, "F is held; out of service means no PWM", protection.f_is_held_and_ends_service),
    (29, "a lease lapses however long nobody stepped", limits.a_stall_ends_the_offer),
    (28, "nothing depends on what the clock shows", _the_clock_does_not_matter),
    (30, "the same again, settled, and awake when it is due", _no_flaw),
)
