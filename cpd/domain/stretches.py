"""Stretches of time with the same prevailing profiles and bounds, and what they let connectors draw.

Knows nothing of the form of an answer: `composite` asks it for one instant or for a window.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from cpd.domain.allocation import Ceiling, Draw, allocate, alone
from cpd.domain.local_time import LocalTime
from cpd.domain.profile_book import ProfileBook
from cpd.domain.profiles import STATION, RateUnit
from cpd.domain.sessions import Session
from cpd.domain.supply import Bound, Connector, Supply
from cpd.domain.timeline import FOREVER_S, CompiledProfile, Level, Run, prevailing


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a limit depends on besides the time; *local_time* is what Recurring profiles recur by, None: UTC."""

    book: ProfileBook
    supply: Supply
    sessions: tuple[Session, ...]
    clock_trusted: bool
    local_time: LocalTime | None

    @property
    def shares(self) -> bool:
        """True where anything caps the connectors together; else what one draws is nothing to the others."""
        return self.supply.is_capped or bool(self.book.max_stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A connector that takes part in an answer; *started_at_s* None: every instant counts as its start."""

    connector: Connector
    stack: Sequence[CompiledProfile]
    started_at_s: int | None


def running_lanes(situation: Situation, asked: int = STATION) -> list[Lane]:
    """The connectors with a transaction, or *asked* alone if it has one; the senior transaction first."""
    connectors = {connector.id: connector for connector in situation.supply.connectors}
    sessions = [one for one in situation.sessions if asked in (STATION, one.connector)]
    running = sorted(sessions, key=lambda session: (session.started_at_s, session.order))
    return [
        Lane(
            connector=connectors[session.connector],
            stack=situation.book.stack_for(session.connector, session),
            started_at_s=session.started_at_s,
        )
        for session in running
    ]


def lanes_for(asked: int, situation: Situation, *, idle_start_s: int | None) -> tuple[list[Lane], int]:
    """Who takes part in an answer for connector *asked*, senior transaction first, and its place there.

    For the station (0) all connectors take part, and the place says nothing. *idle_start_s*: see `Lane`.
    Raises KeyError for an unknown connector.
    """
    # Where nothing is capped nothing is shared, and the others need not be looked at.
    lanes = running_lanes(situation, STATION if situation.shares else asked)
    busy = {lane.connector.id for lane in lanes}
    idle = [one for one in situation.supply.connectors if one.id not in busy and asked in (STATION, one.id)]
    lanes += [
        Lane(connector=one, stack=situation.book.stack_for(one.id, None), started_at_s=idle_start_s)
        for one in idle
    ]
    if asked == STATION:
        return lanes, 0
    place = next((index for index, lane in enumerate(lanes) if lane.connector.id == asked), None)
    if place is None:
        raise KeyError(f"no connector {asked}")
    return lanes, place


class Stretch:
    """The time from an instant until the first one at which another profile or bound may hold somewhere."""

    __slots__ = ("_lone", "_max_run", "_outlets", "_runs", "_unprofiled", "until_s")

    def __init__(self, lanes: Sequence[Lane], situation: Situation, at_s: int) -> None:
        trusted, local_time = situation.clock_trusted, situation.local_time
        own = [
            prevailing(
                lane.stack,
                at_s,
                started_at_s=lane.started_at_s,
                clock_trusted=trusted,
                local_time=local_time,
            )
            for lane in lanes
        ]
        bounds = [lane.connector.bound_at(at_s) for lane in lanes]
        shared = situation.supply.bound_at(at_s)
        self._unprofiled = Ceiling(shared.current_ma, shared.constrained_by)
        # The anchor of a ChargePointMaxProfile is never the start of a transaction.
        self._max_run = prevailing(
            situation.book.max_stack, at_s, started_at_s=None, clock_trusted=trusted, local_time=local_time
        )
        self._runs = [*own, self._max_run]
        self._outlets = [
            _Outlet(lane.connector, run, bound) for lane, run, bound in zip(lanes, own, bounds, strict=True)
        ]
        self._lone = self._outlets[0] if len(lanes) == 1 else None
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
        varying = [starts_s for starts_s, levels in tracks if len(levels) > 1]
        instants = varying[0] if len(varying) == 1 else sorted({from_s}.union(*varying))
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
        if self._lone is None:
            return allocate(*self.settle(levels))[place]
        # Nearly always, and many times over in a composite schedule.
        top = levels[-1]
        own = self._lone.draw(levels[0], _phases_left(top))
        if top is None and self._unprofiled.current_ma is None:
            return own
        return alone(own, self._ceiling(top))

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

    __slots__ = (
        "_bound_by",
        "_bound_ma",
        "_by_phases",
        "_connector",
        "_constraint",
        "_in_amperes",
        "_least_ma",
        "_minimum_tenths",
    )

    def __init__(self, connector: Connector, run: Run, bound: Bound) -> None:
        assert bound.current_ma is not None
        self._connector = connector
        self._bound_ma = bound.current_ma
        self._bound_by = self._constraint = bound.constrained_by
        self._in_amperes, self._minimum_tenths, self._least_ma = True, 0, 0
        if run.compiled is not None:
            schedule = run.compiled.profile.schedule
            self._in_amperes = schedule.unit is RateUnit.A
            self._minimum_tenths = schedule.min_rate_tenths or 0
            self._constraint = run.compiled.held_constraint if run.held else run.compiled.constraint
            # A guess about the time may lower the current, but must not keep a car from charging at all.
            self._least_ma = connector.min_current_ma if run.held else 0
        # All that depends on the phases asked for, which are few, is worked out once.
        self._by_phases: dict[int, tuple[int, int, int, int, int, int]] = {}

    def draw(self, level: Level | None, phases_allowed: int) -> Draw:
        """The smaller of the level and the connector's bound, at the phases that both profiles leave."""
        wanted = phases_allowed if level is None or level.phases > phases_allowed else level.phases
        terms = self._by_phases.get(wanted) or self._terms(wanted)
        phases, mw_per_ma, mw_per_tenth, least_mw, bound_mw, minimum_mw = terms
        if level is None:
            return Draw(bound_mw, mw_per_ma, phases, self._bound_by, 0, self._connector.min_current_ma)
        power_mw, by = level.limit_tenths * mw_per_tenth, self._constraint
        if power_mw < least_mw:
            power_mw = least_mw
        if power_mw > bound_mw:
            power_mw, by = bound_mw, self._bound_by
        # Half the price of Draw(…), a thousand times in a composite schedule.
        return tuple.__new__(
            Draw, (power_mw, mw_per_ma, phases, by, minimum_mw, self._connector.min_current_ma)
        )

    def _terms(self, wanted: int) -> tuple[int, int, int, int, int, int]:
        phases = self._connector.phases_for(wanted)
        mw_per_ma = phases * self._connector.voltage_v
        mw_per_tenth = 100 * mw_per_ma if self._in_amperes else 100
        terms = (
            phases,
            mw_per_ma,
            mw_per_tenth,
            self._least_ma * mw_per_ma,
            self._bound_ma * mw_per_ma,
            self._minimum_tenths * mw_per_tenth,
        )
        self._by_phases[wanted] = terms
        return terms
