"""Random charging profiles, supplies and situations for property tests, with plenty of edges close to
NOW_S.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from cpd.domain.composite import Cap, Connector, ConstraintKind, Supply
from cpd.domain.local_time import LocalTime
from cpd.domain.profile_book import BookChange, ProfileBook
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

NOW_S = 1_772_445_600
WINDOW_S = 90

NEAR = st.integers(min_value=-30, max_value=WINDOW_S + 20)
DAYS_AGO = st.integers(min_value=0, max_value=9)
LIMITS = {
    RateUnit.A: st.one_of(st.sampled_from((0, 50, 59, 60, 61, 100, 160, 161, 320, 321)), st.integers(0, 400)),
    RateUnit.W: st.one_of(st.sampled_from((0, 13_800, 41_400, 110_000)), st.integers(0, 250_000)),
}


CAPPED_BY = (
    ConstraintKind.CABLE,
    ConstraintKind.LOCAL,
    ConstraintKind.OFFLINE,
    ConstraintKind.TEMPERATURE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A profile with where and when it was set, and the key of the transaction a TxProfile belongs to."""

    connector: int
    received_at_s: int
    key: str | None
    profile: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything an answer depends on, before any of it has gone through the book."""

    placed: tuple[Placed, ...]
    supply: Supply
    sessions: tuple[Session, ...]
    clock_trusted: bool
    local_time: LocalTime | None

    def book(self) -> ProfileBook:
        return book_of(self.placed, self.sessions)


def book_of(placed: tuple[Placed, ...], sessions: tuple[Session, ...]) -> ProfileBook:
    book = ProfileBook()
    running = {session.key: session for session in sessions}
    for one in placed:
        outcome = book.install(
            one.profile,
            connector=one.connector,
            received_at_s=one.received_at_s,
            max_installed=100,
            session=None if one.key is None else running[one.key],
        )
        assert isinstance(outcome, BookChange)
        book = outcome.book
    return book


@st.composite
def schedules(draw: st.DrawFn, recurring: bool = False) -> ChargingSchedule:
    unit = draw(st.sampled_from(RateUnit))
    starts = {0} | draw(st.sets(st.integers(1, WINDOW_S + 40), max_size=4))
    if recurring:
        starts |= draw(st.sets(st.integers(86_400 - 60, 86_400 + 60), max_size=2))
    periods = tuple(
        SchedulePeriod(
            start_s=start_s,
            limit_tenths=draw(LIMITS[unit]),
            phases=draw(st.sampled_from((None, None, 1, 2, 3))),
        )
        for start_s in sorted(starts)
    )
    start_at_s = NOW_S + draw(NEAR)
    if recurring:
        start_at_s -= 86_400 * draw(DAYS_AGO)
    return ChargingSchedule(
        unit=unit,
        periods=periods,
        duration_s=draw(st.one_of(st.none(), st.integers(1, WINDOW_S), st.integers(86_340, 86_460))),
        start_at_s=start_at_s if recurring or draw(st.booleans()) else None,
        min_rate_tenths=draw(st.one_of(st.none(), LIMITS[unit])),
    )


@st.composite
def profiles(draw: st.DrawFn, purpose: Purpose | None = None, id: int | None = None) -> ChargingProfile:
    """A profile whose content `check_profile` accepts."""
    kind = draw(st.sampled_from(Kind))
    valid_from_s = draw(st.one_of(st.none(), st.none(), NEAR.map(lambda near: NOW_S + near)))
    valid_for_s = draw(st.one_of(st.none(), st.none(), st.integers(1, WINDOW_S)))
    return ChargingProfile(
        id=draw(st.integers(-5, 1_000)) if id is None else id,
        stack_level=draw(st.integers(0, 3)),
        purpose=draw(st.sampled_from(Purpose)) if purpose is None else purpose,
        kind=kind,
        recurrency=draw(st.sampled_from(Recurrency)) if kind is Kind.RECURRING else None,
        transaction_id=draw(st.one_of(st.none(), st.integers(-1, 2))),
        valid_from_s=valid_from_s,
        valid_to_s=None if valid_for_s is None else (valid_from_s or NOW_S - 20) + valid_for_s,
        schedule=draw(schedules(recurring=kind is Kind.RECURRING)),
    )


@st.composite
def caps(draw: st.DrawFn) -> tuple[Cap, ...]:
    return tuple(
        Cap(
            kind=kind,
            current_ma=draw(st.integers(0, 40_000)),
            until_s=draw(st.one_of(st.none(), NEAR.map(lambda near: NOW_S + near))),
        )
        for kind in draw(st.sets(st.sampled_from(CAPPED_BY), max_size=3))
    )


@st.composite
def supplies(draw: st.DrawFn) -> Supply:
    connectors = tuple(
        Connector(
            id=id,
            phases=draw(st.sampled_from((1, 3, 3))),
            voltage_v=draw(st.sampled_from((230, 230, 240))),
            max_current_ma=draw(st.sampled_from((16_000, 32_000, 32_000, 63_000))),
            phase_switching=draw(st.booleans()),
            caps=draw(st.one_of(st.just(()), st.just(()), caps())),
        )
        for id in range(1, draw(st.integers(1, 3)) + 1)
    )
    return Supply(
        connectors=connectors,
        max_current_ma=draw(st.one_of(st.none(), st.sampled_from((10_000, 17_500, 25_000, 40_000)))),
        caps=draw(st.one_of(st.just(()), st.just(()), caps())),
    )


@st.composite
def local_times(draw: st.DrawFn) -> LocalTime:
    """A place where clocks are changed oddly often, close to where things happen; up to an hour back or forth."""
    changes = draw(st.sets(st.tuples(st.integers(-1, 9), NEAR), min_size=1, max_size=4))
    since_s = (0, *sorted(NOW_S + days * 86_400 + near for days, near in changes))
    offsets_s = [draw(st.sampled_from((-34_200, 0, 3_600, 37_800)))]
    for _ in since_s[1:]:
        offsets_s.append(
            offsets_s[-1] + draw(st.sampled_from((-3_600, -1_800, -20, -7, 7, 20, 1_800, 3_600)))
        )
    return LocalTime(name="Odd/Place", since_s=since_s, offsets_s=tuple(offsets_s))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One to three connectors, some charging, and up to eight profiles in slots of their own."""
    supply = draw(supplies())
    ids = [connector.id for connector in supply.connectors]
    sessions = tuple(
        Session(
            connector=id,
            key=f"local-{id}",
            transaction_id=id,
            started_at_s=NOW_S - draw(st.integers(0, 60)),
            order=id,
        )
        for id in ids
        if draw(st.integers(0, 3))
    )
    taken: set[tuple[Purpose, int, int]] = set()
    placed: list[Placed] = []
    for id in range(draw(st.integers(0, 8))):
        purpose = draw(st.sampled_from(Purpose))
        if purpose is Purpose.TX and not sessions:
            continue
        profile = draw(profiles(purpose=purpose, id=id))
        session = draw(st.sampled_from(sessions)) if purpose is Purpose.TX else None
        if purpose is Purpose.CHARGE_POINT_MAX:
            connector = STATION
        elif session is not None:
            connector = session.connector
        else:
            connector = draw(st.sampled_from([STATION, *ids]))
        slot = (purpose, profile.stack_level, connector)
        if slot not in taken:
            taken.add(slot)
            placed.append(
                Placed(
                    connector=connector,
                    received_at_s=NOW_S - draw(st.integers(0, 100)),
                    key=None if session is None else session.key,
                    profile=profile,
                )
            )
    return World(
        placed=tuple(placed),
        supply=supply,
        sessions=sessions,
        clock_trusted=draw(st.sampled_from((True, True, False))),
        local_time=draw(st.one_of(st.none(), local_times())),
    )
