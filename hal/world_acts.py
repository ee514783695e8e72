"""What is done to a simulated outlet from outside, as values: in process and over a socket the same.

`MockWorld` checks and does it; real hardware has no such world.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hal.values import FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugIn:
    """A vehicle is plugged in with a cable of *cable_a*, None: the usual one."""

    connector: int
    cable_a: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugOut:
    """The vehicle's end of the cable is pulled."""

    connector: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The vehicle wants something else from now on; None leaves a wish as it is."""

    connector: int
    ready: bool | None = None
    max_current_a: int | None = None
    phases: int | None = None
    ventilation: bool | None = None
    personality: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swipe:
    """A card is held to the reader of *connector*, None: of all."""

    id_tag: str
    connector: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PressStop:
    """Somebody presses the stop button of *connector*, and lets it go."""

    connector: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """What shows as the fault *kind* breaks, or is mended."""

    connector: int
    kind: FaultKind
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deceive:
    """A part begins to deceive the outlet in the way of *defect*, or is mended."""

    connector: int
    defect: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMeter:
    """The energy register is turned to *energy_wh*, the mains set to *voltage_v*; None leaves it as it is."""

    connector: int
    energy_wh: int | None = None
    voltage_v: int | None = None


WorldAct = PlugIn | PlugOut | Wish | Swipe | PressStop | Break | Deceive | TurnMeter

Perform = Callable[[WorldAct], Awaitable[None]]
"""Does an act; raises `ValueError`, which says what is possible, and `HalError` where the guard is out of reach."""
