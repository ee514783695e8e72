"""What observers share: their shape, counting ticks, and the user's permission as the user gave it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hal.iec61851 import current_ma_for
from hal.outlet.config import OutletConfig
from hal.outlet.state import AvailabilitySet, CommandContactor, Offered, StopRequested
from hal.values import LockState, StopReason
from tests.hal.search.graph import Moment
from tests.hal.search.world import View

Memory = Any
Watch = Callable[[Memory, Moment], Memory]


class Broken(Exception):
    """An invariant does not hold; the message says what was seen instead."""


def demand(met: bool, otherwise: str) -> None:
    """Raise Broken with *otherwise* unless *met*."""
    if not met:
        raise Broken(otherwise)


class Permission(NamedTuple):
    """What the user allows: *ma* for *left* more ticks, nothing while not *available*; *ended* so many ticks ago.

    *free*: nothing was plugged when the pilot could be read last.
    """

    ma: int = 0
    left: int = 0
    available: bool = True
    free: bool = True
    ended: int = 0

    @property
    def live(self) -> bool:
        return self.left > 0


def permission(last: Permission, moment: Moment, most_ended: float) -> Permission:
    """*last* after *moment*; an unplug that could be seen ends it."""
    ma, left, available, free, ended = last
    left = max(0, left - moment.event.ticks)
    ended = min(ended + moment.event.ticks, int(most_ended))
    match moment.event.user:
        case Offered(offer=offer) if offer is not None and available:
            ma, left = offer.current_ma, int(offer.valid_for_s)
        case Offered() | StopRequested():
            left = 0
        case AvailabilitySet(available=now_available):
            available = now_available
            left = left if available else 0
    if moment.after.visible or moment.before.visible:
        left = left if free or not unplugged(moment) else 0
        free = unplugged(moment)
    if left:
        return Permission(ma, left, available, free)
    return Permission(0, 0, available, free, 0 if last.live else ended)


def unplugged(moment: Moment) -> bool:
    """True while nothing is plugged, and that can be seen."""
    return moment.after.pilot == "A" and (moment.after.visible or moment.before.visible)


def is_ready(view: View, config: OutletConfig) -> bool:
    """True while the vehicle asks for energy that it may have here."""
    return view.pilot == "C" or (view.pilot == "D" and config.ventilation)


def advertised_ma(view: View) -> int:
    """What the vehicle reads from the pilot."""
    return current_ma_for(view.output_ns)


def closes(moment: Moment) -> bool:
    """True where the contactor is commanded closed in *moment*."""
    return CommandContactor(closed=True) in moment.actions


def opens(moment: Moment) -> bool:
    """True where the contactor is commanded open in *moment*."""
    return CommandContactor(closed=False) in moment.actions


def is_emergency(moment: Moment) -> bool:
    """True where the user opens at once."""
    user = moment.event.user
    return isinstance(user, StopRequested) and user.reason is StopReason.EMERGENCY


def plug_is_held(view: View, config: OutletConfig) -> bool:
    """True where the plug cannot be pulled."""
    return not config.lock or view.bolt is LockState.LOCKED


def must_not_be_live(view: View, config: OutletConfig) -> bool:
    """True while something is physically wrong of which not even a moment is allowed."""
    hot = view.temperature_mc is not None and view.temperature_mc >= 75_000
    return view.tripped or view.pressed or hot or not plug_is_held(view, config)


def counted(ticks: int, moment: Moment, most: float) -> int:
    """*ticks* after *moment*, at most *most*."""
    return min(ticks + moment.event.ticks, int(most))


def recent_closes(ages: tuple[int, ...], moment: Moment, config: OutletConfig) -> tuple[int, ...]:
    """The ages of the closes within the window after *moment*; none where the pauses alone keep the rate."""
    t = config.timings
    if t.closes_per_window > t.close_window_s:
        return ()
    older = tuple(age + moment.event.ticks for age in ages if age + moment.event.ticks < t.close_window_s)
    return (*older, 0) if closes(moment) else older
