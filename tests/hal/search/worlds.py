"""The worlds that are searched, each to its fixed point: what is free in it, and which invariants it decides.

A product of everything is too large. Each world frees the parts that meet in the invariants it is for; the others
stay healthy. What is *not* searched: two worlds' free parts at once (a residual current during a wake-up pulse under
a jammed bolt, say), several parts that change in one picture (they change one after the other, in every order, at
the same instant), and more than three levels of any limit.
"""

from dataclasses import replace
from typing import Any

from hal.evse import Offer
from hal.outlet.config import OutletConfig
from hal.outlet.state import (
    AvailabilitySet,
    FaultAcknowledged,
    Offered,
    PlugHeld,
    StopRequested,
    UnlockRequested,
    WakeRequested,
)
from hal.values import FaultKind, StopReason
from tests.hal.search.ticks import COARSE, LEASE, SCALED
from tests.hal.search.world import World


def _offered(current_ma: int, phases: int = 3) -> Offered:
    return Offered(offer=Offer(current_ma=current_ma, phases=phases, valid_for_s=LEASE))


def _outlet(**wiring: Any) -> OutletConfig:
    return OutletConfig(**{"id": 1, "lock": False, "timings": SCALED, **wiring})


OFFER = _offered(16_000)
WITHDRAW = Offered(offer=None)
STOP = StopRequested(reason=StopReason.NORMAL)
EMERGENCY = StopRequested(reason=StopReason.EMERGENCY)
OUT = AvailabilitySet(available=False)
BACK = AvailabilitySet(available=True)
WAKE = WakeRequested()
UNLOCK = UnlockRequested()
HOLD = PlugHeld(held=True)
LET_GO = PlugHeld(held=False)


def _serviced(kind: FaultKind) -> FaultAcknowledged:
    return FaultAcknowledged(kind=kind)


_TABLE = (
    World(
        name="vehicle",
        about="Any vehicle on a fixed cable, and a user that offers, withdraws, stops.",
        proves=(1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 14, 22, 24, 25, 28, 30),
        config=_outlet(),
        free={"pilot": ("A", "B", "C", "D")},
        users=(OFFER, WITHDRAW, EMERGENCY),
    ),
    World(
        name="ventilated",
        about="A vehicle that may ask for ventilation, and gets it.",
        proves=(1, 5, 6, 7, 8, 14, 24),
        config=_outlet(ventilation=True),
        free={"pilot": ("A", "B", "C", "D")},
        users=(OFFER,),
    ),
    World(
        name="unclear pilot",
        about="A pilot that is shorted, cannot be read, lies between two windows, or is held at −12 V from outside.",
        proves=(1, 3, 5, 7, 23),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "C", "E", "?", "gap", "-12")},
        users=(OFFER,),
    ),
    World(
        name="diode",
        about="A vehicle whose diode comes and goes.",
        proves=(3, 7, 8, 14, 23),
        config=_outlet(),
        free={"pilot": ("A", "B", "C"), "diode": ("good", "missing")},
        users=(OFFER,),
    ),
    World(
        name="plug",
        about="A socket whose bolt sticks or jams, a user who holds the plug, and a driver who asks for it.",
        proves=(3, 7, 8, 16, 23),
        config=_outlet(lock=True, timings=COARSE),
        free={"pilot": ("A", "C"), "lock": ("follows", "out", "jammed")},
        users=(OFFER, UNLOCK, HOLD, LET_GO),
    ),
    World(
        name="cable",
        about="A cable whose coding changes, and a user that offers more than it carries.",
        proves=(7, 10, 11, 12),
        config=_outlet(lock=True, max_current_ma=25_000, timings=COARSE),
        free={"pilot": ("A", "C"), "cable_a": (None, 32, 13)},
        users=(_offered(28_000),),
    ),
    World(
        name="contactor",
        about="A contactor that welds or sticks, and the service that comes.",
        proves=(7, 17, 18, 23),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "C"), "contactor": ("follows", "welded", "stuck")},
        users=(
            OFFER,
            _serviced(FaultKind.CONTACTOR_WELDED),
            _serviced(FaultKind.CONTACTOR_STUCK_OPEN),
        ),
    ),
    World(
        name="mirror contacts",
        about="Mirror contacts that cannot be read for a while, and the service that comes.",
        proves=(3, 14, 18, 23),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "C"), "contactor": ("follows", "unknown")},
        users=(OFFER, _serviced(FaultKind.POWER_SWITCH_FAILURE)),
    ),
    World(
        name="weld in a socket",
        about="A contactor that welds under a locked plug, and a driver who asks for the plug.",
        proves=(16, 17),
        config=_outlet(lock=True, timings=COARSE),
        free={"pilot": ("A", "C"), "contactor": ("follows", "welded")},
        users=(OFFER, UNLOCK, _serviced(FaultKind.CONTACTOR_WELDED)),
    ),
    World(
        name="short in a socket",
        about="A pilot that is shorted or unreadable under a locked plug, and a driver who asks for the plug.",
        proves=(3, 5, 16, 23),
        config=_outlet(lock=True, timings=COARSE),
        free={"pilot": ("A", "C", "E", "?")},
        users=(OFFER, UNLOCK),
    ),
    World(
        name="rate of closes",
        about="A vehicle that toggles; two closes in a window, and a pause short enough to want more.",
        proves=(7, 8, 25),
        config=_outlet(timings=replace(SCALED, min_off_s=1, closes_per_window=2)),
        free={"pilot": ("A", "B", "C")},
        users=(OFFER,),
    ),
    World(
        name="limits",
        about="A user whose limit goes up and down, also above what the outlet may carry.",
        proves=(2, 9, 10, 11, 13, 14),
        config=_outlet(max_current_ma=25_000, timings=COARSE),
        free={"pilot": ("A", "B", "C")},
        users=(_offered(6_000), _offered(80_000)),
    ),
    World(
        name="temperature",
        about="An outlet that gets warm and hot, and a thermometer that is lost.",
        proves=(3, 10, 21, 23),
        config=_outlet(timings=COARSE, thermometer=True),
        free={"pilot": ("A", "C"), "temperature_mc": (25_000, None, 75_000)},
        users=(OFFER,),
    ),
    World(
        name="over-current",
        about="A vehicle that draws what it likes, under an offer that goes up and down.",
        proves=(14, 19, 23),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "B", "C"), "draw_ma": (0, 16_000, 20_000)},
        users=(OFFER, _offered(8_000)),
    ),
    World(
        name="voltage",
        about="A mains that sags and swells, and a meter that is lost.",
        proves=(3, 8, 14, 21, 23),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "B", "C"), "voltage_mv": (230_000, 180_000, None)},
        users=(OFFER,),
    ),
    World(
        name="dark meter",
        about="A meter behind the contactor, dark or not, on a mains that sags.",
        proves=(3, 8, 14, 21, 23),
        config=_outlet(timings=COARSE, meter_behind_contactor=True),
        free={"pilot": ("A", "B", "C"), "meter": (True, False), "voltage_mv": (230_000, 180_000, None)},
        users=(OFFER,),
    ),
    World(
        name="trips",
        about="Residual currents and emergency stops.",
        proves=(3, 8, 14, 23, 27),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "B", "C"), "tripped": (False, True), "pressed": (False, True)},
        users=(OFFER,),
    ),
    World(
        name="detector",
        about="A residual-current detector that passes its self-test, fails it, or does not answer.",
        proves=(3, 7, 8, 23),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "B", "C"), "self_test": ("passes", "fails", "hangs")},
        users=(OFFER,),
    ),
    World(
        name="sleep",
        about="A vehicle that sleeps in B, somebody who wakes it, and a fault meanwhile.",
        proves=(8, 14, 26, 27),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "B", "C"), "pressed": (False, True)},
        users=(OFFER, WITHDRAW, WAKE),
    ),
    World(
        name="out of service",
        about="An outlet that is taken out of service and put back, under every vehicle.",
        proves=(2, 5, 8, 11, 14, 26, 27),
        config=_outlet(),
        free={"pilot": ("A", "B", "C")},
        users=(OFFER, OUT, BACK),
    ),
    World(
        name="start",
        about="A start that meets any vehicle and any contactor.",
        proves=(1, 7, 17, 22),
        config=_outlet(timings=COARSE),
        free={"pilot": ("A", "B", "C"), "contactor": ("follows", "welded")},
        users=(OFFER,),
        any_start=True,
    ),
    World(
        name="start after a weld",
        about="A start with a weld that waits for service.",
        proves=(16, 17, 22),
        config=_outlet(lock=True, timings=COARSE),
        free={"pilot": ("A", "C"), "contactor": ("follows", "welded")},
        users=(OFFER, _serviced(FaultKind.CONTACTOR_WELDED)),
        kept=(FaultKind.CONTACTOR_WELDED,),
        any_start=True,
    ),
    World(
        name="phases",
        about="A user whose wish for phases changes, under every vehicle, also one that a start meets.",
        proves=(1, 8, 10, 14, 15, 26, 28, 30),
        config=_outlet(
            # A pulse that is shorter than the pause for a switch, which is shorter than the time between two.
            timings=replace(
                COARSE,
                min_off_s=1,
                wake_pulse_s=1,
                withdraw_s=2,
                boot_wait_s=2,
                wake_after_s=2,
                phase_switch_s=3,
                phase_switch_spacing_s=5,
            ),
            phase_switching=True,
        ),
        free={"pilot": ("A", "B", "C")},
        users=(OFFER, _offered(16_000, phases=1)),
        any_start=True,
    ),
    World(
        name="stall",
        about="A loop that stands still for longer than every lease and every timing.",
        proves=(2, 11, 29),
        config=_outlet(),
        free={"pilot": ("A", "B", "C")},
        users=(OFFER,),
        stalls=(9,),
    ),
)

WORLDS = {world.name: world for world in _TABLE}


def fine(world: World) -> World:
    """*world* in five levels of time where it has four."""
    if world.config.timings != COARSE:
        return world
    return replace(world, config=replace(world.config, timings=SCALED))
