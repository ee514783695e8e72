"""The limit that holds on each connector: now (`limits_at`) and over a window (`composite_schedule`).

Both settle the same stretches of time, so what is reported is what is applied. Knows nothing of the vehicle,
of offers or of waits: a limit below 6 A is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import lcm
from typing import NamedTuple

from cpd.domain.allocation import Ceiling, Draw, allocate
from cpd.domain.counterfactual import without
from cpd.domain.local_time import LocalTime
from cpd.domain.profile_book import ProfileBook
from cpd.domain.profiles import STATION, Capabilities, RateUnit, Refusal
from cpd.domain.sessions import Session
from cpd.domain.stretches import Lane, Situation, Stretch, lanes_for, running_lanes
from cpd.domain.supply import Cap, Connector, Constraint, ConstraintKind, Supply
from cpd.domain.timeline import FOREVER_S, Level
from hal.iec61851 import MIN_CURRENT_MA

__all__ = [
    "ActiveLimit",
    "Cap",
    "CompositePeriod",
    "CompositeSchedule",
    "Connector",
    "Constraint",
    "ConstraintKind",
    "Supply",
    "composite_schedule",
    "limit_at",
    "limits_at",
]


def _no_limit() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLimit:
    """What a connector may draw now, and why.

    *current_ma* per phase, rounded down; below *least_ma* means pause, never "round up". *power_mw* is the same
    limit, exact, over all *phases*. *own_ma* is the limit before the supply is shared. *valid_until_s* is an
    instant up to which nothing can change by itself, None: until someone changes something.
    """

    current_ma: int
    power_mw: int
    phases: int
    constrained_by: Constraint
    own_ma: int
    least_ma: int = MIN_CURRENT_MA
    valid_until_s: int | None = None
    find_runner_up: Callable[[], ActiveLimit | None] = field(default=_no_limit, compare=False, repr=False)

    @property
    def runner_up(self) -> ActiveLimit | None:
        """The limit that would hold without what constrains this one, None where that is the connector itself.

        Worked out when asked for: only people ask, and it costs as much as the limit.
        """
        return self.find_runner_up()

    @property
    def offer_ma(self) -> int:
        """What the pilot can advertise of it: whole tenths of an ampere, and 0 below *least_ma*."""
        current_ma = self.current_ma // 100 * 100
        return current_ma if current_ma >= self.least_ma else 0


class CompositePeriod(NamedTuple):
    """One entry of a composite schedule; a tuple because an answer has up to a thousand.

    *limit_tenths* in the schedule's unit, rounded down. Neighbours of equal limit and phases are one entry;
    *constrained_by* is then what holds at its start.
    """

    start_s: int
    limit_tenths: int
    phases: int
    constrained_by: Constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSchedule:
    """The answer to GetCompositeSchedule (OCPP 1.6 §5.7); *connector* 0 is the station's expected draw.

    *recurs_by*: the place by whose clocks Recurring profiles recur, None for UTC.
    """

    connector: int
    start_at_s: int
    duration_s: int
    unit: RateUnit
    periods: tuple[CompositePeriod, ...]
    recurs_by: str | None = None


def limits_at(
    now_s: int,
    book: ProfileBook,
    supply: Supply,
    sessions: Iterable[Session],
    *,
    clock_trusted: bool = True,
    local_time: LocalTime | None = None,
) -> dict[int, ActiveLimit]:
    """The limit of every connector at *now_s*, in seconds since 1970 UTC.

    The supply is shared among running transactions. A connector without a transaction is answered as if one
    started now; it takes no share from the others. *local_time*: the clocks by which Recurring profiles recur, None
    for every 24 hours or 7 days from startSchedule (OCPP 1.6 §7.37, errata 3.79).
    """
    situation = _situation(book, supply, sessions, clock_trusted, local_time)
    # Who shares a supply is settled at once, not once for each.
    shared = _settle(now_s, running_lanes(situation), situation) if situation.shares else {}
    return {
        one.id: shared[one.id] if one.id in shared else _settle_one(now_s, one.id, situation)
        for one in supply.connectors
    }


def limit_at(
    now_s: int,
    connector: int,
    book: ProfileBook,
    supply: Supply,
    sessions: Iterable[Session],
    *,
    clock_trusted: bool = True,
    local_time: LocalTime | None = None,
) -> ActiveLimit:
    """The limit of one connector at *now_s*, as `limits_at` gives it. Raises KeyError where there is none."""
    if connector == STATION:
        raise KeyError("the station has no limit of its own; ask for its composite_schedule")
    situation = _situation(book, supply, sessions, clock_trusted, local_time)
    return _settle_one(now_s, connector, situation)


def composite_schedule(
    now_s: int,
    duration_s: int,
    connector: int,
    unit: RateUnit | None,
    book: ProfileBook,
    supply: Supply,
    sessions: Iterable[Session],
    capabilities: Capabilities,
    *,
    clock_trusted: bool = True,
    local_time: LocalTime | None = None,
) -> CompositeSchedule | Refusal:
    """The limits in [now_s, now_s + duration_s) on *connector*, or the expected draw of the station for 0.

    *unit* None is the first allowed one. The duration (0: just now) is cut to what the capabilities allow,
    and to where the first entry beyond ChargingScheduleMaxPeriods would begin. Running transactions are taken
    to go on; a connector without one is answered as if it started at *now_s*.
    """
    if connector != STATION and all(one.id != connector for one in supply.connectors):
        return Refusal.UNKNOWN_CONNECTOR
    if unit is None:
        unit = capabilities.allowed_units[0]
    elif unit not in capabilities.allowed_units:
        return Refusal.UNIT_NOT_ALLOWED
    situation = _situation(book, supply, sessions, clock_trusted, local_time)
    duration_s = min(duration_s, capabilities.max_composite_duration_s)
    most = capabilities.max_periods
    periods = _changes(now_s, now_s + max(duration_s, 1), connector, unit, situation, most)
    if len(periods) > most:
        duration_s = periods[most].start_s
    return CompositeSchedule(
        connector=connector,
        start_at_s=now_s,
        duration_s=duration_s,
        unit=unit,
        periods=tuple(periods[:most]),
        recurs_by=None if local_time is None else local_time.name,
    )


def _situation(
    book: ProfileBook,
    supply: Supply,
    sessions: Iterable[Session],
    clock_trusted: bool,
    local_time: LocalTime | None,
) -> Situation:
    return Situation(
        book=book,
        supply=supply,
        sessions=tuple(sessions),
        clock_trusted=clock_trusted,
        local_time=local_time,
    )


_Answer = tuple[int, int, Constraint]
"""A limit in tenths of the unit asked for, the phases, and what constrains it."""


class _Answers(dict[tuple[Level | None, ...], _Answer]):
    """The answer to each combination of levels within one stretch, worked out when it is first asked for.

    Limits repeat within a day far more often than they are new. *place* None: for the station.
    """

    def __init__(self, stretch: Stretch, place: int | None, unit: RateUnit) -> None:
        super().__init__()
        self._stretch = stretch
        self._place = place
        self._in_amperes = unit is RateUnit.A

    def __missing__(self, levels: tuple[Level | None, ...]) -> _Answer:
        if self._place is None:
            answer = _expected(*self._stretch.settle(levels), in_amperes=self._in_amperes)
        else:
            power_mw, mw_per_ma, phases, by, *_ = self._stretch.granted(levels, self._place)
            answer = power_mw // (100 * mw_per_ma if self._in_amperes else 100), phases, by
        self[levels] = answer
        return answer


def _changes(
    from_s: int, to_s: int, connector: int, unit: RateUnit, situation: Situation, most: int
) -> list[CompositePeriod]:
    """The entries of [from_s, to_s); where there are more than *most*, at least that one which is too many."""
    lanes, place = lanes_for(connector, situation, idle_start_s=from_s)
    changes: list[CompositePeriod] = []
    limit_tenths, phases = -1, 0
    start_s = from_s
    while start_s < to_s and len(changes) <= most:
        stretch = Stretch(lanes, situation, start_s)
        end_s = min(stretch.until_s, to_s)
        answers = _Answers(stretch, None if connector == STATION else place, unit)
        instants, levels = stretch.steps(start_s, end_s)
        for at_s, answer in zip(instants, map(answers.__getitem__, levels), strict=False):
            if answer[0] != limit_tenths or answer[1] != phases:
                limit_tenths, phases, by = answer
                changes.append(tuple.__new__(CompositePeriod, (at_s - from_s, limit_tenths, phases, by)))
        start_s = end_s
    return changes


def _settle_one(now_s: int, connector: int, situation: Situation) -> ActiveLimit:
    lanes, _ = lanes_for(connector, situation, idle_start_s=None)
    return _settle(now_s, lanes, situation)[connector]


def _settle(now_s: int, lanes: Sequence[Lane], situation: Situation) -> dict[int, ActiveLimit]:
    """The limit of each connector that takes part, by its number."""
    if not lanes:
        return {}
    stretch = Stretch(lanes, situation, now_s)
    _, levels = stretch.steps(now_s, now_s + 1)
    draws, ceiling = stretch.settle(next(levels))
    until_s = stretch.change_after(now_s)
    limits = {}
    for lane, own, draw in zip(lanes, draws, allocate(draws, ceiling), strict=True):
        connector = lane.connector.id
        limits[connector] = ActiveLimit(
            current_ma=draw.current_ma,
            power_mw=draw.power_mw,
            phases=draw.phases,
            least_ma=draw.least_ma,
            constrained_by=draw.constrained_by,
            own_ma=own.current_ma,
            valid_until_s=None if until_s >= FOREVER_S else until_s,
            find_runner_up=partial(_runner_up, now_s, connector, situation, draw.constrained_by),
        )
    return limits


def _runner_up(now_s: int, connector: int, situation: Situation, by: Constraint) -> ActiveLimit | None:
    other = without(by, connector, situation)
    return None if other is None else _settle_one(now_s, connector, other)


def _expected(draws: Sequence[Draw], ceiling: Ceiling, *, in_amperes: bool) -> _Answer:
    """The station: all own draws at once, up to the ceiling."""
    phases = max(draw.phases for draw in draws)
    mw_per_ma = max(draw.mw_per_ma for draw in draws)
    if in_amperes:
        denominator = lcm(*[draw.mw_per_ma for draw in draws])
        scaled = sum(draw.power_mw * (denominator // draw.mw_per_ma) for draw in draws)
        tenths = scaled // (100 * denominator)
        by_current = ceiling.current_ma
        by_power = None if ceiling.power_mw is None else ceiling.power_mw // mw_per_ma
    else:
        tenths = sum(draw.power_mw for draw in draws) // 100
        by_current = None if ceiling.current_ma is None else ceiling.current_ma * mw_per_ma
        by_power = ceiling.power_mw
    reasons = {draw.constrained_by for draw in draws}
    by = reasons.pop() if len(reasons) == 1 else Constraint(kind=ConstraintKind.CONNECTOR)
    for bound, bound_by in ((by_current, ceiling.current_by), (by_power, ceiling.power_by)):
        if bound is not None and bound_by is not None and bound // 100 < tenths:
            tenths, by = bound // 100, bound_by
    return tenths, phases, by
