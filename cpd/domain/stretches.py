"""Stretches of time with the same prevailing profiles and bounds, and what they let connectors draw.

Knows nothing of the form of an answer: `composite` asks it for one instant or for a window.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from cpd.domain.allocation import Ceiling, Draw, allocate, alone
from cpd.domain.profile_book import ProfileBook
from cpd.domain.profiles import STATION, RateUnit
from cpd.domain.sessions import Session
from cpd.domain.supply import Bound, Connector, Supply
from cpd.domain.timeline import FOREVER_S, CompiledProfile, Level, Run, prevailing
from hal.iec61851 import MIN_CURRENT_MA


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a limit depends on besides the time."""

    book: ProfileBook
    supply: Supply
    sessions: tuple[Session, ...]
    clock_trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A connector that takes part in an answer; *started_at_s* None: every instant counts as its start."""

    connector: Connector
    stack: Sequence[CompiledProfile]
    started_at_s: int | None


def lanes_for(asked: int, situation: Situation, *, idle_start_s: int | None) -> tuple[list[Lane], int]:
    """Who takes part in an answer for connector *asked*, senior transaction first, and its place there.

    For the station (0) all connectors take part, and the place says nothing. *idle_start_s*: see `Lane`.
    Raises KeyError for an unknown connector.
    """
    book, supply = situation.book, situation.supply
    connectors = {connector.id: connector for connector in supply.connectors}
    running = sorted(situation.sessions, key=lambda session: (session.started_at_s, session.order))
    busy = {session.connector for session in running}
    lanes = [
        Lane(
            connector=connectors[session.connector],
            stack=book.stack_for(session.connector, session),
            started_at_s=session.started_at_s,
        )
        for session in running
    ]
    idle = [one for one in supply.connectors if one.id not in busy and asked in (STATION, one.id)]
    lanes += [
        Lane(connector=one, stack=book.stack_for(one.id, None), started_at_s=idle_start_s) for one in idle
    ]
    if asked == STATION:
        return lanes, 0
    place = next((index for index, lane in enumerate(lanes) if lane.connector.id == asked), None)
    if place is None:
        raise KeyError(f"no connector {asked}")
    if not supply.is_capped and not book.max_stack:
        # Where nothing is capped nothing is shared, and the others need not be looked at.
        return [lanes[place]], 0
    return lanes, place


class Stretch:
    """The time from an instant until the first one at which another profile or bound may hold somewhere."""

    __slots__ = ("_max_run", "_outlets", "_runs", "_unprofiled", "until_s")

    def __init__(self, lanes: Sequence[Lane], situation: Situation, at_s: int) -> None:
        trusted = situation.clock_trusted
        own = [
            prevailing(lane.stack, at_s, started_at_s=lane.started_at_s, clock_trusted=trusted)
            for lane in lanes
        ]
        bounds = [lane.connector.bound_at(at_s) for lane in lanes]
        shared = situation.supply.bound_at(at_s)
        self._unprofiled = Ceiling(shared.current_ma, shared.constrained_by)
        # The anchor of a ChargePointMaxProfile is never the start of a transaction.
        self._max_run = prevailing(situation.book.max_stack, at_s, started_at_s=None, clock_trusted=trusted)
        self._runs = [*own, self._max_run]
        self._outlets = [
            _Outlet(lane.connector, run, bound) for lane, run, bound in zip(lanes, own, bounds, strict=True)
        ]
        self.until_s = min(
            *(run.until_s for run in self._runs),
            *(bound.until_s for bound in (*bounds, shared) if bound.until_s is not None),
            FOREVER_S,
        )

    def change_after(self, at_s: int) -> int:
        return min(self.until_s, *(run.change_after(at_s) for run in self._runs))

    def steps(self, from_s: int, to_s: int) -> tuple[list[int], Iterator[tuple[Level | None, ...]]]:
        """The instants in [from_s, to_s) at which a period begins, and the levels of the runs from each on.

        Levels are in the order of the lanes, the ChargePointMaxProfile's last.
        """
        tracks = [run.steps(from_s, to_s) for run in self._runs]
        instants = sorted(set().union(*[starts_s for starts_s, _ in tracks]))
        columns: list[Iterable[Level | None]] = []
        for starts_s, levels in tracks:
            if len(levels) == 1:
                columns.append(repeat(levels[0], len(instants)))
            elif len(levels) == len(instants):
                columns.append(levels)
            else:
                columns.append([levels[bisect_right(starts_s, instant_s) - 1] for instant_s in instants])
        return instants, zip(*columns, strict=True)

    def settle(self, levels: tuple[Level | None, ...]) -> tuple[list[Draw], Ceiling]:
        """What each lane may draw by itself and all of them together, for one of the `steps`."""
        allowed = _phases_left(levels[-1])
        draws = [outlet.draw(level, allowed) for outlet, level in zip(self._outlets, levels, strict=False)]
        return draws, self._ceiling(levels[-1])

    def granted(self, levels: tuple[Level | None, ...], place: int) -> Draw:
        """What the lane at *place* gets of it."""
        if len(self._outlets) == 1:
            # Nearly always, and many times over in a composite schedule.
            own = self._outlets[0].draw(levels[0], _phases_left(levels[-1]))
            return alone(own, self._ceiling(levels[-1]))
        return allocate(*self.settle(levels))[place]

    def _ceiling(self, level: Level | None) -> Ceiling:
        bound = self._unprofiled
        if level is None:
            return bound
        compiled = self._max_run.compiled
        assert compiled is not None
        by = compiled.held_constraint if self._max_run.held else compiled.constraint
        limit = 100 * level.limit_tenths
        if compiled.profile.schedule.unit is RateUnit.W:
            return Ceiling(bound.current_ma, bound.current_by, limit, by)
        if bound.current_ma is None or limit <= bound.current_ma:
            return Ceiling(limit, by)
        return bound


def _phases_left(level: Level | None) -> int:
    """The phases that a ChargePointMaxProfile leaves to the connectors."""
    return 3 if level is None else level.phases


class _Outlet:
    """One connector while the same profile prevails on it: turns that profile's levels into draws."""

    __slots__ = ("_bound_by", "_by_phases", "_constraint")

    def __init__(self, connector: Connector, run: Run, bound: Bound) -> None:
        assert bound.current_ma is not None
        self._bound_by = self._constraint = bound.constrained_by
        in_amperes, minimum_tenths, least_ma = True, 0, 0
        if run.compiled is not None:
            schedule = run.compiled.profile.schedule
            in_amperes = schedule.unit is RateUnit.A
            minimum_tenths = schedule.min_rate_tenths or 0
            self._constraint = run.compiled.held_constraint if run.held else run.compiled.constraint
            # A guess about the time may lower the current, but must not keep a car from charging at all.
            least_ma = MIN_CURRENT_MA if run.held else 0
        # All that depends on the phases asked for, which are few, is worked out once.
        self._by_phases: list[tuple[int, int, int, int, int, int]] = []
        for wanted in (1, 2, 3):
            phases = connector.phases_for(wanted)
            mw_per_ma = phases * connector.voltage_v
            mw_per_tenth = 100 * mw_per_ma if in_amperes else 100
            self._by_phases.append(
                (
                    phases,
                    mw_per_ma,
                    mw_per_tenth,
                    least_ma * mw_per_ma,
                    bound.current_ma * mw_per_ma,
                    minimum_tenths * mw_per_tenth,
                )
            )

    def draw(self, level: Level | None, phases_allowed: int) -> Draw:
        """The smaller of the level and the connector's bound, at the phases that both profiles leave."""
        wanted = phases_allowed if level is None or level.phases > phases_allowed else level.phases
        phases, mw_per_ma, mw_per_tenth, least_mw, bound_mw, minimum_mw = self._by_phases[wanted - 1]
        if level is None:
            return Draw(bound_mw, mw_per_ma, phases, self._bound_by)
        power_mw = level.limit_tenths * mw_per_tenth
        if power_mw < least_mw:
            power_mw = least_mw
        if power_mw > bound_mw:
            return Draw(bound_mw, mw_per_ma, phases, self._bound_by, minimum_mw)
        return Draw(power_mw, mw_per_ma, phases, self._constraint, minimum_mw)
