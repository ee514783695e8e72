"""The world around one outlet, as little of it as the machine can notice: what is free, what is fixed.

A free part may take any of its values at any instant, before and after every other input of the same instant; no
physics restrains it. A part that *follows* does what it was commanded in the same instant. So every vehicle, user and
defect that differs from this one in its timing alone is among the searched ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

from hal.iec61851 import F_NS, is_pwm
from hal.outlet.config import OutletConfig
from hal.outlet.state import OutletInput, OutletState, Sensed, Tick
from hal.values import ContactorState, FaultKind, LockState, SelfTest

HIGH_MV: Mapping[str, int | None] = MappingProxyType(
    {"A": 12_000, "B": 8_978, "C": 5_992, "D": 2_930, "E": 0, "?": None, "gap": 7_500, "-12": -12_000}
)
CABLE_OHM: Mapping[int | None, int | None] = MappingProxyType(
    {None: None, 0: 20, 13: 1_500, 20: 680, 32: 220}
)
"""By rating in A; None: nothing to read, 0: a short that codes nothing."""

_LOW_MV = {"good": -12_000, "missing": -5_000}
_FEEDBACK = {"welded": ContactorState.CLOSED, "stuck": ContactorState.OPEN, "unknown": ContactorState.UNKNOWN}
_LOCK = {"in": LockState.LOCKED, "out": LockState.UNLOCKED, "jammed": LockState.FAILED}
_ANSWER = {"passes": SelfTest.PASSED, "fails": SelfTest.FAILED, "hangs": SelfTest.RUNNING}

HEALTHY: Mapping[str, Any] = MappingProxyType(
    {
        "pilot": "A",
        "diode": "good",
        "contactor": "follows",
        "lock": "follows",
        "cable_a": 32,
        "tripped": False,
        "self_test": "absent",
        "pressed": False,
        "temperature_mc": 25_000,
        "draw_ma": 0,
        "voltage_mv": 230_000,
        "meter": True,
    }
)
"""Every part of the world, and the value that it has where it is not free."""


class View(NamedTuple):
    """An outlet from outside: the parts of the world, then what the machine drives, then what it told."""

    pilot: str
    diode: str
    contactor: str
    lock: str
    cable_a: int | None
    tripped: bool
    self_test: str
    pressed: bool
    temperature_mc: int | None
    draw_ma: int
    voltage_mv: int | None
    meter: bool
    output_ns: int
    closed: bool
    feedback: ContactorState
    bolt: LockState
    phases: int
    faults: frozenset[FaultKind]

    @property
    def offering(self) -> bool:
        return is_pwm(self.output_ns)

    @property
    def visible(self) -> bool:
        """False in F: the vehicle's diode blocks."""
        return self.output_ns != F_NS


class Event(NamedTuple):
    """Time passes, a part of the world changes, or the user acts."""

    name: str
    ticks: int = 0
    part: str | None = None
    value: Any = None
    user: OutletInput | None = None


TICK = Event("tick", ticks=1)


@dataclass(frozen=True, kw_only=True)
class World:
    """*free* parts with all their values, the first one at the start; what the *users* may do; the invariants
    that are searched for here. *stalls*: the loop may stand still for so many ticks. *kept* faults survived a
    restart. *any_start*: the start may meet every combination of the free parts.
    """

    name: str
    about: str
    proves: tuple[int, ...]
    config: OutletConfig
    free: Mapping[str, tuple[Any, ...]]
    users: tuple[OutletInput, ...] = ()
    stalls: tuple[int, ...] = ()
    kept: tuple[FaultKind, ...] = ()
    any_start: bool = False

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """What can happen at any instant."""
        changes = (
            Event(f"{part}={value}", part=part, value=value)
            for part, values in self.free.items()
            for value in values
        )
        acts = (Event(str(act), user=act) for act in self.users)
        stalls = (Event(f"stall of {ticks} ticks", ticks=ticks) for ticks in self.stalls)
        return (TICK, *stalls, *changes, *acts)

    @cached_property
    def starts(self) -> tuple[tuple[Any, ...], ...]:
        """The surroundings that the start may meet, each in the order of `HEALTHY`."""
        values = [
            (self.free[part] if self.any_start else self.free[part][:1]) if part in self.free else (fixed,)
            for part, fixed in HEALTHY.items()
        ]
        return tuple(product(*values))


def changed(around: tuple[Any, ...], event: Event) -> tuple[Any, ...]:
    """*around* after *event*."""
    if event.part is None:
        return around
    index = _INDEX[event.part]
    return (*around[:index], event.value, *around[index + 1 :])


def view_of(around: tuple[Any, ...], state: OutletState, bolt: LockState) -> View:
    """What an observer sees of both."""
    return View(
        *around,
        output_ns=state.output_ns,
        closed=state.commanded_closed,
        feedback=_feedback(around[_INDEX["contactor"]], state.commanded_closed),
        bolt=bolt,
        phases=state.phases,
        faults=frozenset(fault.kind for fault in state.faults),
    )


def picture(around: tuple[Any, ...], state: OutletState) -> Sensed:
    """What the board shows of *around* under the outputs of *state*."""
    return _picture(
        around,
        state.config.lock,
        state.output_ns == F_NS,
        state.is_offering,
        state.commanded_closed,
        state.lock_wanted,
        _self_test(around[_INDEX["self_test"]], state),
        state.config.phases,
    )


_pictures: dict[tuple[Any, ...], Sensed] = {}


def _picture(*key: Any) -> Sensed:
    if key not in _pictures:
        around, socket, blocked, offering, closed, locked, test, phases = key
        seen = dict(zip(HEALTHY, around, strict=True))
        feedback = _feedback(seen["contactor"], closed)
        volts, draws = seen["voltage_mv"], seen["draw_ma"]
        flows = draws if feedback is ContactorState.CLOSED else 0
        _pictures[key] = Sensed(
            high_mv=-12_000 if blocked else HIGH_MV[seen["pilot"]],
            low_mv=_LOW_MV[seen["diode"]] if offering else None,
            contactor=feedback,
            lock=bolt(seen["lock"], locked) if socket else LockState.NONE,
            cable_ohm=CABLE_OHM[seen["cable_a"]],
            ground_fault=seen["tripped"],
            self_test=test,
            emergency_stop=seen["pressed"],
            temperature_mc=seen["temperature_mc"],
            meter_online=seen["meter"],
            current_ma=None if draws is None else (flows,) * phases,
            voltage_mv=None if volts is None else (volts,) * phases,
        )
    return _pictures[key]


def bolt(mode: str, locked: bool | None) -> LockState:
    """Where the bolt is that was last driven *locked*."""
    if mode == "follows":
        return LockState.LOCKED if locked else LockState.UNLOCKED
    return _LOCK[mode]


def _self_test(mode: str, state: OutletState) -> SelfTest:
    """A test is seen to run, and answers in the same instant, or never."""
    if mode == "absent":
        return SelfTest.ABSENT
    if state.testing_since_s is None:
        return (
            SelfTest.IDLE if state.tested_s is None else _ANSWER["fails" if state.test_failed else "passes"]
        )
    return _ANSWER[mode] if state.test_running else SelfTest.RUNNING


def _feedback(mode: str, closed: bool) -> ContactorState:
    if mode == "follows":
        return ContactorState.CLOSED if closed else ContactorState.OPEN
    return _FEEDBACK[mode]


_INDEX = {part: index for index, part in enumerate(HEALTHY)}
NOTHING_NEW = Tick()
