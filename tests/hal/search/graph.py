"""Everything that a machine can come to in a world: nodes are canonical states with their surroundings.

They are found on demand.

A transition is one event with all that follows from it in the same instant: the machine's step, and a step for each
new picture that its own outputs bring about.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from hal.evse import OutletEvent
from hal.outlet.config import OutletConfig
from hal.outlet.state import Emit, OutletAction, OutletInput, OutletState
from hal.values import Fault, LockState
from tests.hal.search.ticks import aged, shifted
from tests.hal.search.world import NOTHING_NEW, Event, View, World, bolt, changed, picture, view_of

CLOCK_SHOWS = "depends on what the clock shows"

_MOST_PICTURES = 8
_LOOKED_AT = 64
_SHIFT = 1_000_003


class Machine(Protocol):
    """`hal.outlet.machine`, or a faulty copy of it."""

    def start(self, config: OutletConfig, *, now_s: float, faults: tuple[Fault, ...] = ()) -> OutletState: ...

    def step(
        self, state: OutletState, seen: OutletInput, *, now_s: float
    ) -> tuple[OutletState, tuple[OutletAction, ...]]: ...


class Moment(NamedTuple):
    """One transition as an observer sees it."""

    event: Event
    before: View
    after: View
    actions: tuple[OutletAction, ...]
    flaw: str | None
    """What the machine itself did wrong here, whatever the invariants say."""

    @property
    def told(self) -> tuple[OutletEvent, ...]:
        return tuple(action.event for action in self.actions if isinstance(action, Emit))


@dataclass(slots=True)
class Graph:
    """The reachable nodes of *machine* in *world*; each is expanded when it is asked for."""

    machine: Machine
    world: World
    nodes: list[tuple[OutletState, tuple[Any, ...]]] = field(default_factory=list)
    steps: int = 0
    _known: dict[tuple[OutletState, tuple[Any, ...]], int] = field(default_factory=dict)
    _edges: dict[int, tuple[tuple[Moment, int], ...]] = field(default_factory=dict)
    _stepped: dict[
        tuple[OutletState, OutletInput], tuple[OutletState, tuple[OutletAction, ...], str | None]
    ] = field(default_factory=dict)
    _due: dict[OutletState, float] = field(default_factory=dict)

    @property
    def transitions(self) -> int:
        """How many edges have been found."""
        return sum(len(edges) for edges in self._edges.values())

    def starts(self) -> list[tuple[Moment, int]]:
        """The first moment of each start."""
        fresh = self.machine.start(
            self.world.config, now_s=0, faults=tuple(Fault(kind=kind, since_s=0) for kind in self.world.kept)
        )
        boot = Event("boot", value=self.world.kept)
        return [self._moved(aged(fresh, 0), around, boot) for around in self.world.starts]

    def edges(self, node: int) -> tuple[tuple[Moment, int], ...]:
        """Every transition out of *node*."""
        if node not in self._edges:
            state, around = self.nodes[node]
            self._edges[node] = tuple(
                moved
                for event in self.world.events
                if (moved := self._moved(state, around, event))
                and (event.ticks or moved[1] != node or event.user)
            )
        return self._edges[node]

    def _moved(self, state: OutletState, around: tuple[Any, ...], event: Event) -> tuple[Moment, int]:
        before = view_of(around, state, _bolt(around, state))
        around = changed(around, event)
        actions: tuple[OutletAction, ...] = ()
        flaw = None
        if event.ticks or event.user is not None:
            due = self._due.get(state)
            if event.ticks:
                state = aged(state, event.ticks)
            state, actions, flaw = self._step(state, event.user or NOTHING_NEW)
            if event.ticks == 1 and actions and (due is None or due > 1):
                flaw = "acts at an instant that it did not ask to be woken at"
        for _ in range(_MOST_PICTURES):
            shown = picture(around, state)
            if shown == state.sensed:
                break
            state, more, worse = self._step(state, shown)
            actions, flaw = actions + more, flaw or worse
        else:
            flaw = "never settles with its own outputs"
        after = view_of(around, state, _bolt(around, state))
        return Moment(event, before, after, actions, flaw), self._node(state, around)

    def _step(
        self, state: OutletState, seen: OutletInput
    ) -> tuple[OutletState, tuple[OutletAction, ...], str | None]:
        key = (state, seen)
        if key not in self._stepped:
            after, actions = self.machine.step(state, seen, now_s=0)
            self.steps += 1
            canonical, flaw = aged(after, 0), None
            due = after.deadline_s
            self._due[canonical] = max(self._due.get(canonical, 0), float("inf") if due is None else due)
            if self.steps % _LOOKED_AT == 0:
                flaw = self._flaw(state, seen, after, actions)
            self._stepped[key] = (canonical, actions, flaw)
        return self._stepped[key]

    def _flaw(
        self, state: OutletState, seen: OutletInput, after: OutletState, actions: tuple[OutletAction, ...]
    ) -> str | None:
        """Determinism, an unmoved clock and a settled end, looked at once in a while: each costs a step."""
        if self.machine.step(state, seen, now_s=0) != (after, actions):
            return "does not do the same twice"
        if self.machine.step(after, NOTHING_NEW, now_s=0) != (after, ()):
            return "is not settled after one step"
        moved, same = self.machine.step(shifted(state, _SHIFT), seen, now_s=_SHIFT)
        if aged(shifted(moved, -_SHIFT), 0) != aged(after, 0) or len(same) != len(actions):
            return CLOCK_SHOWS
        return None

    def _node(self, state: OutletState, around: tuple[Any, ...]) -> int:
        key = (state, around)
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(key)
        return self._known[key]


def _bolt(around: tuple[Any, ...], state: OutletState) -> LockState:
    return bolt(around[3], state.lock_wanted) if state.config.lock else LockState.NONE
