"""A second, deliberately dumb reading of the smart-charging rules: one instant at a time, in fractions of
an ampere.

It shares the data model with the engine and nothing else: no compiled form, no stack, no window.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from cpd.domain.composite import Cap, Connector
from cpd.domain.local_time import LocalTime
from cpd.domain.profiles import ChargingProfile, Kind, Purpose, RateUnit, SchedulePeriod
from tests.domain.strategies import Placed, World

SIX = Fraction(6)
STEP = Fraction(1, 10)

Amps = Fraction
Shares = tuple[Fraction, ...]


def limit(world: World, connector: int, at_s: int, *, idle_start_s: int) -> tuple[Amps, int, int]:
    """Amperes per phase, phases in play and volts of *connector* at *at_s*."""
    lanes = _lanes(world, {connector})
    own = [_own(world, one, started or idle_start_s, key, at_s) for one, started, key in lanes]
    cap_a, cap_w = ceilings(world, at_s)
    shares = _share(
        tuple(amps for amps, _, _ in own),
        tuple(floor for _, _, floor in own),
        tuple(one.voltage_v * phases for (one, _, _), (_, phases, _) in zip(lanes, own, strict=True)),
        cap_a,
        cap_w,
    )
    place = [one.id for one, _, _ in lanes].index(connector)
    return shares[place], own[place][1], lanes[place][0].voltage_v


def station(world: World, at_s: int, unit: RateUnit, *, idle_start_s: int) -> tuple[Fraction, int]:
    """Expected draw of the whole station in *unit*, and the phases."""
    lanes = _lanes(world, {one.id for one in world.supply.connectors})
    own = [_own(world, one, started or idle_start_s, key, at_s) for one, started, key in lanes]
    factors = [one.voltage_v * phases for (one, _, _), (_, phases, _) in zip(lanes, own, strict=True)]
    cap_a, cap_w = ceilings(world, at_s)
    phases = max(phases for _, phases, _ in own)
    if unit is RateUnit.A:
        total = sum((amps for amps, _, _ in own), Fraction(0))
        bounds = [cap_a, None if cap_w is None else cap_w / max(factors)]
    else:
        total = sum((amps * f for (amps, _, _), f in zip(own, factors, strict=True)), Fraction(0))
        bounds = [None if cap_a is None else cap_a * max(factors), cap_w]
    return min([total, *(bound for bound in bounds if bound is not None)]), phases


def _lanes(world: World, asked: set[int]) -> list[tuple[Connector, int | None, str | None]]:
    """Sharers, the senior first, and after them the idle connectors that are asked for."""
    connectors = {one.id: one for one in world.supply.connectors}
    running = sorted(world.sessions, key=lambda one: (one.started_at_s, one.order))
    lanes: list[tuple[Connector, int | None, str | None]] = [
        (connectors[one.connector], one.started_at_s, one.key) for one in running
    ]
    busy = {one.connector for one in running}
    return lanes + [(one, None, None) for one in connectors.values() if one.id in asked - busy]


def _own(
    world: World, connector: Connector, started_at_s: int, key: str | None, at_s: int
) -> tuple[Amps, int, Amps]:
    """Own limit, phases in play and minChargingRate of a connector, before sharing."""
    candidates = [
        [one for one in world.placed if one.key is not None and one.key == key],
        [
            one
            for one in world.placed
            if one.profile.purpose is Purpose.TX_DEFAULT and one.connector in (0, connector.id)
        ],
    ]
    found = None
    for group in candidates:
        if found is None:
            found = _prevailing(world, group, started_at_s, at_s)
    top = _max_profile(world, at_s)
    wanted = min(_phases(found), _phases(top))
    phases = 1 if wanted < connector.phases and connector.phase_switching else connector.phases
    hardware = min([Fraction(connector.max_current_ma, 1000), *_live(connector.caps, at_s)])
    if found is None:
        return hardware, phases, Fraction(0)
    placed, period = found
    amps = _amps(placed.profile, period.limit_tenths, connector.voltage_v * phases)
    if not world.clock_trusted and _dated(placed.profile):
        amps = max(amps, SIX)
    wish = _amps(placed.profile, placed.profile.schedule.min_rate_tenths or 0, connector.voltage_v * phases)
    return min(amps, hardware), phases, wish


def ceilings(world: World, at_s: int) -> tuple[Amps | None, Fraction | None]:
    """What all connectors together may draw: amperes and watts, None for no limit."""
    currents = _live(world.supply.caps, at_s)
    if world.supply.max_current_ma is not None:
        currents.append(Fraction(world.supply.max_current_ma, 1000))
    power = None
    top = _max_profile(world, at_s)
    if top is not None:
        placed, period = top
        value = Fraction(period.limit_tenths, 10)
        if placed.profile.schedule.unit is RateUnit.A:
            currents.append(value)
        else:
            power = value
    return min(currents, default=None), power


@cache
def _share(
    own: Shares, wishes: Shares, factors: tuple[int, ...], cap_a: Amps | None, cap_w: Fraction | None
) -> Shares:
    def fits(amps: list[Fraction]) -> bool:
        power = sum((a * f for a, f in zip(amps, factors, strict=True)), Fraction(0))
        return (cap_a is None or sum(amps, Fraction(0)) <= cap_a) and (cap_w is None or power <= cap_w)

    def alone(index: int) -> Amps:
        bounds = [cap_a, None if cap_w is None else cap_w / factors[index]]
        return min([own[index], *(bound for bound in bounds if bound is not None)])

    if fits(list(own)):
        return own
    if len(own) == 1:
        return (alone(0),)
    charging = [index for index in range(len(own)) if own[index] >= SIX]
    while len(charging) > 1:
        for floors in ([max(SIX, wish) for wish in wishes], [SIX for _ in wishes]):
            x = max(own) + 1 - (max(own) % STEP)
            while x >= 0:
                shares = [
                    min(own[index], max(floors[index], x)) if index in charging else Fraction(0)
                    for index in range(len(own))
                ]
                if fits(shares):
                    return tuple(shares)
                x -= STEP
        charging.pop()
    return tuple(alone(index) if index in charging else Fraction(0) for index in range(len(own)))


def _max_profile(world: World, at_s: int) -> tuple[Placed, SchedulePeriod] | None:
    group = [one for one in world.placed if one.profile.purpose is Purpose.CHARGE_POINT_MAX]
    return _prevailing(world, group, None, at_s)


def _prevailing(
    world: World, group: list[Placed], started_at_s: int | None, at_s: int
) -> tuple[Placed, SchedulePeriod] | None:
    """The highest level that speaks; at an equal one the connector's own before the station's."""
    best: tuple[Placed, SchedulePeriod] | None = None
    for one in group:
        period = _says(world, one, started_at_s, at_s)
        if period is None:
            continue
        rank = (one.profile.stack_level, one.connector)
        if best is None or rank > (best[0].profile.stack_level, best[0].connector):
            best = one, period
    return best


def _says(world: World, one: Placed, started_at_s: int | None, at_s: int) -> SchedulePeriod | None:
    profile = one.profile
    schedule = profile.schedule
    every_s = None
    if profile.kind is Kind.RECURRING and profile.recurrency is not None:
        every_s = {"Daily": 24 * 3600, "Weekly": 7 * 24 * 3600}[profile.recurrency.value]
    if not world.clock_trusted and _dated(profile):
        can_run = [
            period
            for period in schedule.periods
            if (schedule.duration_s is None or period.start_s < schedule.duration_s)
            and (every_s is None or period.start_s < every_s)
        ]
        return min(can_run, key=lambda period: period.limit_tenths)
    if profile.valid_from_s is not None and at_s < profile.valid_from_s:
        return None
    if profile.valid_to_s is not None and at_s >= profile.valid_to_s:
        return None
    if profile.kind is not Kind.RELATIVE and schedule.start_at_s is not None:
        offset_s = at_s - schedule.start_at_s
    else:
        offset_s = at_s - (one.received_at_s if started_at_s is None else started_at_s)
    if offset_s < 0:
        return None
    if every_s is not None:
        if world.local_time is not None and schedule.start_at_s is not None:
            began_s = schedule.start_at_s + _offset_s(world.local_time, schedule.start_at_s)
            offset_s = _highest_shown_s(world.local_time, at_s) - began_s
        offset_s %= every_s
    if schedule.duration_s is not None and offset_s >= schedule.duration_s:
        return None
    return [period for period in schedule.periods if period.start_s <= offset_s][-1]


def _highest_shown_s(place: LocalTime, at_s: int) -> int:
    """The highest that the clocks of *place* have shown: now, or just before one of their changes."""
    looks = [at_s, *(change_s - 1 for change_s in place.since_s[1:] if change_s <= at_s)]
    return max(look_s + _offset_s(place, look_s) for look_s in looks)


def _offset_s(place: LocalTime, at_s: int) -> int:
    offset_s = place.offsets_s[0]
    for since_s, then_s in zip(place.since_s, place.offsets_s, strict=True):
        if since_s <= at_s:
            offset_s = then_s
    return offset_s


def _dated(profile: ChargingProfile) -> bool:
    by_start = profile.kind is not Kind.RELATIVE and profile.schedule.start_at_s is not None
    return by_start or profile.valid_from_s is not None or profile.valid_to_s is not None


def _amps(profile: ChargingProfile, tenths: int, factor: int) -> Amps:
    value = Fraction(tenths, 10)
    return value if profile.schedule.unit is RateUnit.A else value / factor


def _phases(found: tuple[Placed, SchedulePeriod] | None) -> int:
    return 3 if found is None or found[1].phases is None else found[1].phases


def _live(caps: tuple[Cap, ...], at_s: int) -> list[Fraction]:
    return [Fraction(cap.current_ma, 1000) for cap in caps if cap.until_s is None or at_s < cap.until_s]
