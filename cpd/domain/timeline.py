"""One profile in a form that is quick to look up, and which profile of a stack prevails until when.

Knows neither volts nor phases of a connector: a period's limit is passed on as the profile gave it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cpd.domain.local_time import LocalTime
from cpd.domain.profiles import ChargingProfile, Purpose, SchedulePeriod
from cpd.domain.supply import Constraint, ConstraintKind

FOREVER_S: Final = 1 << 63


class Level(NamedTuple):
    """What a period asks for: its limit in tenths of the schedule's unit, and 1 … 3 phases.

    A tuple because it is the key under which answers are remembered.
    """

    limit_tenths: int
    phases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledProfile:
    """An installed profile as sorted arrays, cut to the periods that can ever run, equal neighbours merged.

    *anchor_s* is None where the start of the transaction is the anchor. *span_s* is how long a run lasts at
    most.
    """

    profile: ChargingProfile
    starts_s: tuple[int, ...]
    levels: tuple[Level, ...]
    lowest: Level
    anchor_s: int | None
    every_s: int | None
    span_s: int | None
    needs_wall_clock: bool
    constraint: Constraint
    held_constraint: Constraint

    def activation(
        self, at_s: int, started_at_s: int | None, local_time: LocalTime | None = None
    ) -> tuple[int | None, int]:
        """The anchor of the run that is active at *at_s*, None while there is none; and until when.

        Half-open everywhere: the first instant of a run belongs to it, the last one to what follows. With
        *local_time* runs recur by its clocks, and until those change or stand still: the anchor is then where the
        run would have begun, had they gone as now.
        """
        profile = self.profile
        if profile.valid_from_s is not None and at_s < profile.valid_from_s:
            return None, profile.valid_from_s
        valid_to_s = FOREVER_S if profile.valid_to_s is None else profile.valid_to_s
        if at_s >= valid_to_s:
            return None, FOREVER_S
        anchor_s = started_at_s if self.anchor_s is None else self.anchor_s
        if anchor_s is None:
            return at_s, valid_to_s
        # Charging that has begun is never before its start: a start in the future is a clock that was set
        # back, and the profile must not fall silent over it. Only startSchedule is waited for.
        if at_s < anchor_s and profile.fixed_start_s is not None:
            return None, anchor_s
        if self.every_s is not None:
            if local_time is not None:
                return self._local_activation(at_s, local_time, valid_to_s)
            anchor_s += (at_s - anchor_s) // self.every_s * self.every_s
        end_s = FOREVER_S if self.span_s is None else anchor_s + self.span_s
        if at_s >= end_s:
            return None, FOREVER_S if self.every_s is None else anchor_s + self.every_s
        return anchor_s, min(end_s, valid_to_s)

    def _local_activation(self, at_s: int, local_time: LocalTime, valid_to_s: int) -> tuple[int | None, int]:
        """The same of a recurring profile whose first run has begun."""
        assert self.anchor_s is not None
        assert self.every_s is not None
        assert self.span_s is not None
        reading = local_time.read(at_s)
        anchor_s = at_s - (reading.shown_s - local_time.shows(self.anchor_s)) % self.every_s
        is_active = at_s < anchor_s + self.span_s
        # While the clocks stand still, no run begins or ends.
        end_s = FOREVER_S if reading.still else anchor_s + (self.span_s if is_active else self.every_s)
        if reading.until_s is not None:
            end_s = min(end_s, reading.until_s)
        return anchor_s if is_active else None, min(end_s, valid_to_s)

    def level_at(self, offset_s: int) -> Level:
        """The level *offset_s* after the anchor of a run."""
        return self.levels[bisect_right(self.starts_s, offset_s) - 1]


def compile_profile(profile: ChargingProfile, *, connector: int, received_at_s: int) -> CompiledProfile:
    """Prepare *profile*, whose content has passed `check_profile`, for lookups."""
    every_s = profile.every_s
    spans = [span for span in (profile.schedule.duration_s, every_s) if span is not None]
    span_s = min(spans) if spans else None
    anchor_s = profile.fixed_start_s
    if anchor_s is None and profile.purpose is Purpose.CHARGE_POINT_MAX:
        anchor_s = received_at_s
    starts_s, levels = _runnable(profile.schedule.periods, span_s)
    return CompiledProfile(
        profile=profile,
        starts_s=starts_s,
        levels=levels,
        lowest=min(levels, key=lambda level: level.limit_tenths),
        anchor_s=anchor_s,
        every_s=every_s,
        span_s=span_s,
        needs_wall_clock=profile.needs_wall_clock,
        constraint=_constraint(ConstraintKind.PROFILE, profile, connector, received_at_s),
        held_constraint=_constraint(ConstraintKind.CLOCK, profile, connector, received_at_s),
    )


class Run(NamedTuple):
    """The stretch from the instant asked for until *until_s* in which one profile prevails, or none does.

    *compiled* is None where no profile says anything; the only level is then None. *held*: the clock is not
    trusted and the profile stands still at its lowest limit. A tuple because each answer makes several.
    """

    compiled: CompiledProfile | None
    anchor_s: int
    until_s: int
    starts_s: Sequence[int] = (0,)
    levels: Sequence[Level | None] = (None,)
    held: bool = False

    def steps(self, from_s: int, to_s: int) -> tuple[list[int], Sequence[Level | None]]:
        """The levels in [from_s, to_s) and the instants at which they start, the first one *from_s*."""
        anchor_s = self.anchor_s
        first = max(bisect_right(self.starts_s, from_s - anchor_s) - 1, 0)
        last = bisect_left(self.starts_s, to_s - anchor_s, first + 1)
        starts_s = [anchor_s + start_s for start_s in self.starts_s[first:last]]
        starts_s[0] = from_s
        return starts_s, self.levels[first:last]

    def change_after(self, at_s: int) -> int:
        """The first instant after *at_s* at which another period or another profile may apply."""
        following = bisect_right(self.starts_s, at_s - self.anchor_s)
        if following == 0:
            # Before the anchor the first period holds already; it has no start of its own to wait for.
            following = 1
        if following == len(self.starts_s):
            return self.until_s
        return min(self.until_s, self.anchor_s + self.starts_s[following])


def prevailing(
    stack: Iterable[CompiledProfile],
    at_s: int,
    *,
    started_at_s: int | None,
    clock_trusted: bool,
    local_time: LocalTime | None = None,
) -> Run:
    """The first profile of *stack* that says something at *at_s* (OCPP 1.6 §3.13.2).

    *started_at_s* is the start of the transaction; None: every instant counts as the start, which is how a
    connector without a transaction is answered. *local_time*: what Recurring profiles recur by, None for UTC. The
    run's end may come early, never late.
    """
    until_s = FOREVER_S
    for compiled in stack:
        if compiled.needs_wall_clock and not clock_trusted:
            return Run(
                compiled=compiled, anchor_s=at_s, until_s=until_s, levels=(compiled.lowest,), held=True
            )
        anchor_s, end_s = compiled.activation(at_s, started_at_s, local_time)
        until_s = min(until_s, end_s)
        if anchor_s is None:
            continue
        if compiled.anchor_s is None and started_at_s is None:
            return Run(compiled=compiled, anchor_s=at_s, until_s=until_s, levels=compiled.levels[:1])
        if local_time is not None and compiled.every_s is not None and local_time.read(at_s).still:
            level = compiled.level_at(at_s - anchor_s)
            return Run(compiled=compiled, anchor_s=at_s, until_s=until_s, levels=(level,))
        return Run(
            compiled=compiled,
            anchor_s=anchor_s,
            until_s=until_s,
            starts_s=compiled.starts_s,
            levels=compiled.levels,
        )
    return Run(compiled=None, anchor_s=at_s, until_s=until_s)


def _runnable(
    periods: Sequence[SchedulePeriod], span_s: int | None
) -> tuple[tuple[int, ...], tuple[Level, ...]]:
    starts_s: list[int] = []
    levels: list[Level] = []
    latest: Level | None = None
    for start_s, limit_tenths, phases in periods:
        if span_s is not None and start_s >= span_s:
            break
        level = Level(limit_tenths, 3 if phases is None else phases)
        if level != latest:
            starts_s.append(start_s)
            levels.append(level)
            latest = level
    return tuple(starts_s), tuple(levels)


def _constraint(
    kind: ConstraintKind, profile: ChargingProfile, connector: int, received_at_s: int
) -> Constraint:
    return Constraint(
        kind=kind,
        purpose=profile.purpose,
        profile_id=profile.id,
        stack_level=profile.stack_level,
        connector=connector,
        received_at_s=received_at_s,
        recurrency=None if profile.every_s is None else profile.recurrency,
    )
