"""How connectors share a supply that is too small for all of them (OCPP 1.6 §3.13.3).

Knows no profiles and no time: it is given what each connector may draw and what all of them may.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import lcm
from operator import mul
from typing import Final, NamedTuple

from cpd.domain.supply import Constraint, ConstraintKind
from hal.iec61851 import MIN_CURRENT_MA

_STEP_MA: Final = 100


class Draw(NamedTuple):
    """What one connector may draw. A tuple for speed: an answer is made of thousands.

    *power_mw* is exact and in whole milliwatts over all phases, because a limit in A and one in W both are;
    *mw_per_ma* = volts times phases in play. *minimum_mw* is what minChargingRate wishes for, 0 for nothing. With
    less than *least_ma* per phase the connector does not charge.
    """

    power_mw: int
    mw_per_ma: int
    phases: int
    constrained_by: Constraint
    minimum_mw: int = 0
    least_ma: int = MIN_CURRENT_MA

    @property
    def current_ma(self) -> int:
        """Per phase, rounded down."""
        return self.power_mw // self.mw_per_ma


class Ceiling(NamedTuple):
    """What all connectors together may draw: the sum of currents per phase, the total power, or both.

    Currents are summed as if all connectors drew on the same phase. None: not limited.
    """

    current_ma: int | None
    current_by: Constraint | None
    power_mw: int | None = None
    power_by: Constraint | None = None


def allocate(draws: Sequence[Draw], ceiling: Ceiling) -> list[Draw]:
    """What each connector gets, in the order given: the senior transaction first.

    Nobody gets more than its own draw and the sum stays within *ceiling*. If all fit, all get their own; a
    lone connector gets the smaller of its own and the ceiling, also below 6 A. Otherwise those below 6 A (or what
    else they need at least) get
    nothing and the rest are levelled in steps of 0.1 A, none under max(6 A, minChargingRate); where that does
    not fit, none under 6 A; and where that does not fit, the newest waits with nothing. What is left over
    below 0.1 A for each is not handed out.
    """
    if len(draws) == 1:
        return [alone(draws[0], ceiling)]
    room = _Room(draws, ceiling)
    own_mw = [draw.power_mw for draw in draws]
    if room.fits(own_mw):
        return list(draws)
    by = ceiling.power_by if room.fits_current(own_mw) else ceiling.current_by
    assert by is not None
    share = replace(by, kind=ConstraintKind.SHARE)
    # Who cannot charge anyway keeps its own reason; the others are where they are because of the share.
    granted = [
        draw._replace(power_mw=0, constrained_by=share if _can_charge(draw) else draw.constrained_by)
        for draw in draws
    ]
    charging = [index for index, draw in enumerate(draws) if _can_charge(draw)]
    while len(charging) > 1:
        levels_mw = _level([draws[index] for index in charging], ceiling)
        if levels_mw is not None:
            for index, level_mw in zip(charging, levels_mw, strict=True):
                granted[index] = _lowered(draws[index], level_mw, share)
            return granted
        charging.pop()
    for index in charging:
        granted[index] = alone(draws[index], ceiling)
    return granted


def alone(draw: Draw, ceiling: Ceiling) -> Draw:
    """What a lone connector gets: the smaller of its own and the ceiling, also below 6 A."""
    if ceiling.current_ma is not None and ceiling.current_by is not None:
        draw = _lowered(draw, ceiling.current_ma * draw.mw_per_ma, ceiling.current_by)
    if ceiling.power_mw is not None and ceiling.power_by is not None:
        draw = _lowered(draw, ceiling.power_mw, ceiling.power_by)
    return draw


def _can_charge(draw: Draw) -> bool:
    return draw.power_mw >= draw.least_ma * draw.mw_per_ma


class _Room:
    """What a ceiling leaves to some draws: asked a dozen times until the level is found that fits."""

    __slots__ = ("_current", "_power_mw", "_weights")

    def __init__(self, draws: Sequence[Draw], ceiling: Ceiling) -> None:
        # Over a common denominator the sum of currents is exact in integers.
        denominator = lcm(*[draw.mw_per_ma for draw in draws])
        self._weights = [denominator // draw.mw_per_ma for draw in draws]
        self._current = None if ceiling.current_ma is None else ceiling.current_ma * denominator
        self._power_mw = ceiling.power_mw

    def fits(self, powers_mw: Sequence[int]) -> bool:
        return self.fits_current(powers_mw) and (self._power_mw is None or sum(powers_mw) <= self._power_mw)

    def fits_current(self, powers_mw: Sequence[int]) -> bool:
        return self._current is None or sum(map(mul, powers_mw, self._weights)) <= self._current


def _lowered(draw: Draw, power_mw: int, by: Constraint) -> Draw:
    if draw.power_mw <= power_mw:
        return draw
    return draw._replace(power_mw=power_mw, constrained_by=by)


def _level(draws: Sequence[Draw], ceiling: Ceiling) -> list[int] | None:
    """The highest level that fits, over the wished minimums or else over 6 A; None where 6 A is too much."""
    lowest_mw = [draw.least_ma * draw.mw_per_ma for draw in draws]
    wished_mw = [max(least, draw.minimum_mw) for least, draw in zip(lowest_mw, draws, strict=True)]
    highest = max(draw.current_ma for draw in draws) // _STEP_MA + 1
    room = _Room(draws, ceiling)
    for floors_mw in (wished_mw, lowest_mw):
        terms = [
            (draw.power_mw, floor_mw, _STEP_MA * draw.mw_per_ma)
            for draw, floor_mw in zip(draws, floors_mw, strict=True)
        ]
        too_high = partial(_is_too_high, terms=terms, room=room)
        if not too_high(0):
            # Counted from 1, the place of the first step that is too high is the last step that fits.
            return _powers_at(bisect_left(range(1, highest + 1), True, key=too_high), terms)
    return None


_Terms = Sequence[tuple[int, int, int]]
"""Of each draw what it may have at most, what it has at least, and how much more with each step, in mW."""


def _is_too_high(step: int, *, terms: _Terms, room: _Room) -> bool:
    return not room.fits(_powers_at(step, terms))


def _powers_at(step: int, terms: _Terms) -> list[int]:
    return [min(power_mw, max(floor_mw, step * step_mw)) for power_mw, floor_mw, step_mw in terms]
