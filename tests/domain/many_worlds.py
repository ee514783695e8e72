"""Worlds by the hundred thousand: profiles, supplies and clocks from a seed, crowded around the same few instants.

What Hypothesis draws can be shrunk, and costs far more. Few worlds share a supply, because it is sharing that the
dumb evaluator takes long for, and Hypothesis's worlds do.
"""

from __future__ import annotations

from random import Random

from cpd.domain.composite import Cap, Connector, Supply
from cpd.domain.local_time import LocalTime
from cpd.domain.profiles import (
    STATION,
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from cpd.domain.sessions import Session
from tests.domain.strategies import CAPPED_BY, NOW_S, Placed, World

DAY_S = 86_400
DAYS = 9
LIMITS = {RateUnit.A: (0, 50, 59, 60, 61, 100, 160, 161, 320, 321), RateUnit.W: (0, 13_800, 41_400, 110_000)}
PURPOSES = (Purpose.TX, Purpose.TX, Purpose.TX_DEFAULT, Purpose.TX_DEFAULT, Purpose.CHARGE_POINT_MAX)
CONNECTORS = (*(1,) * 14, 2, 3)
SHIFTS_S = (-3_600, -1_800, -20, -7, 7, 20, 1_800, 3_600)


def world(seed: int) -> World:
    """The world of *seed*; every second one has clocks by which its Recurring profiles recur."""
    chance = Random(seed)
    supply = _supply(chance)
    ids = [one.id for one in supply.connectors]
    sessions = tuple(_session(chance, id) for id in ids if chance.random() < 0.75)
    placed: dict[tuple[Purpose, int, int], Placed] = {}
    for id in range(chance.randint(0, 8)):
        purpose = chance.choice(PURPOSES)
        session = chance.choice(sessions) if purpose is Purpose.TX and sessions else None
        if purpose is Purpose.TX and session is None:
            continue
        place = chance.choice([STATION, *ids]) if session is None else session.connector
        if purpose is Purpose.CHARGE_POINT_MAX:
            place = STATION
        profile = _profile(chance, id, purpose)
        placed.setdefault(
            (purpose, profile.stack_level, place),
            Placed(
                connector=place,
                received_at_s=NOW_S - chance.randint(0, 100),
                key=None if session is None else session.key,
                profile=profile,
            ),
        )
    return World(
        placed=tuple(placed.values()),
        supply=supply,
        sessions=sessions,
        clock_trusted=chance.random() < 0.8,
        local_time=_local_time(chance) if seed % 2 else None,
    )


def instant(chance: Random) -> int:
    """An instant at which something may well happen."""
    return NOW_S + DAY_S * chance.randint(0, DAYS - 1) + chance.choice((0, 0, 1_800, 3_600)) + _near(chance)


def _near(chance: Random) -> int:
    return chance.randint(-30, 110)


def _supply(chance: Random) -> Supply:
    connectors = tuple(
        Connector(
            id=id,
            phases=chance.choice((1, 3, 3)),
            voltage_v=chance.choice((230, 230, 240)),
            max_current_ma=chance.choice((16_000, 32_000, 32_000, 63_000)),
            phase_switching=chance.random() < 0.5,
            caps=_caps(chance),
        )
        for id in range(1, chance.choice(CONNECTORS) + 1)
    )
    fuse_ma = chance.choice((None, None, None, None, None, 10_000, 17_500, 25_000, 40_000))
    return Supply(connectors=connectors, max_current_ma=fuse_ma, caps=_caps(chance))


def _caps(chance: Random) -> tuple[Cap, ...]:
    kinds = chance.sample(CAPPED_BY, chance.choice((0, 0, 0, 1, 2)))
    return tuple(
        Cap(
            kind=kind,
            current_ma=chance.randint(0, 40_000),
            until_s=chance.choice((None, instant(chance))),
        )
        for kind in kinds
    )


def _session(chance: Random, id: int) -> Session:
    return Session(
        connector=id,
        key=f"local-{id}",
        transaction_id=id,
        started_at_s=NOW_S - chance.randint(0, 60),
        order=id,
    )


def _profile(chance: Random, id: int, purpose: Purpose) -> ChargingProfile:
    kind = chance.choice((Kind.ABSOLUTE, Kind.RELATIVE, Kind.RECURRING, Kind.RECURRING))
    recurring = kind is Kind.RECURRING
    valid_from_s = instant(chance) if chance.random() < 0.2 else None
    valid_for_s = chance.choice((chance.randint(1, 90), DAY_S, 3 * DAY_S)) if chance.random() < 0.3 else None
    return ChargingProfile(
        id=id,
        stack_level=chance.randint(0, 3),
        purpose=purpose,
        kind=kind,
        recurrency=chance.choice(tuple(Recurrency)) if recurring else None,
        valid_from_s=valid_from_s,
        valid_to_s=None if valid_for_s is None else (valid_from_s or NOW_S - 20) + valid_for_s,
        schedule=_schedule(chance, recurring=recurring),
    )


def _schedule(chance: Random, *, recurring: bool) -> ChargingSchedule:
    unit = chance.choice(tuple(RateUnit))
    starts_s = {0, *(chance.randint(1, 130) for _ in range(chance.randint(0, 4)))}
    if recurring:
        starts_s |= {
            chance.choice((1_800, 3_600, DAY_S, 2 * DAY_S)) + _near(chance)
            for _ in range(chance.randint(0, 3))
        }
    start_at_s = NOW_S + _near(chance) - (DAY_S * chance.randint(0, 9) if recurring else 0)
    return ChargingSchedule(
        unit=unit,
        periods=tuple(
            SchedulePeriod(start_s, chance.choice(LIMITS[unit]), chance.choice((None, None, 1, 2, 3)))
            for start_s in sorted(starts_s)
        ),
        duration_s=chance.choice(
            (None, None, chance.randint(1, 90), 3_600, DAY_S, DAY_S + chance.randint(-60, 60))
        ),
        start_at_s=start_at_s if recurring or chance.random() < 0.5 else None,
        min_rate_tenths=chance.choice((None, None, *LIMITS[unit])),
    )


def _local_time(chance: Random) -> LocalTime:
    """A place where clocks are changed oddly often, when things happen; up to an hour back or forth."""
    since_s = (0, *sorted({instant(chance) for _ in range(chance.randint(1, 4))}))
    offsets_s = [chance.choice((-34_200, 0, 3_600, 37_800))]
    for _ in since_s[1:]:
        offsets_s.append(offsets_s[-1] + chance.choice(SHIFTS_S))
    return LocalTime(name="Odd/Place", since_s=since_s, offsets_s=tuple(offsets_s))
