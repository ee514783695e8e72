"""The engine against a second evaluator that walks second by second, and the laws that hold for any
profiles.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cpd.domain.composite import (
    Cap,
    CompositeSchedule,
    Connector,
    Constraint,
    ConstraintKind,
    Supply,
    composite_schedule,
    limit_at,
    limits_at,
)
from cpd.domain.profile_book import BookChange, ProfileBook, ProfileFilter
from cpd.domain.profiles import STATION, Capabilities, Purpose, RateUnit, Refusal
from cpd.domain.sessions import Session
from tests.domain import reference
from tests.domain.strategies import NOW_S, WINDOW_S, World, book_of, profiles, worlds

CAPABILITIES = Capabilities()
UNITS = st.sampled_from(RateUnit)

moderate = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
few = settings(moderate, max_examples=25)


@moderate
@given(worlds(), UNITS)
def test_engine_agrees_with_the_dumb_evaluator_at_every_second(world: World, unit: RateUnit) -> None:
    book = world.book()
    for connector in world.supply.connectors:
        answer = composite(world, connector.id, unit, book=book)
        for at_s, (tenths, phases) in by_second(answer):
            amps, expected_phases, volts = reference.limit(world, connector.id, at_s, idle_start_s=NOW_S)
            value = amps if unit is RateUnit.A else amps * volts * expected_phases
            assert (tenths, phases) == (int(value * 10), expected_phases), at_s - NOW_S


@moderate
@given(worlds(), UNITS)
def test_station_agrees_with_the_dumb_evaluator_at_every_second(world: World, unit: RateUnit) -> None:
    for at_s, (tenths, phases) in by_second(composite(world, STATION, unit)):
        value, expected_phases = reference.station(world, at_s, unit, idle_start_s=NOW_S)
        assert (tenths, phases) == (int(value * 10), expected_phases), at_s - NOW_S


@moderate
@given(worlds(), st.integers(1, 9), st.lists(st.integers(0, 86_399), max_size=5))
def test_long_window_agrees_with_the_dumb_evaluator_around_every_boundary(
    world: World, days: int, seconds: list[int]
) -> None:
    for connector in world.supply.connectors:
        answer = composite(world, connector.id, RateUnit.A, for_s=days * 86_400)
        starts = [period.start_s for period in answer.periods]
        around = {start_s + step for start_s in starts for step in (-1, 0, 1)}
        around |= {day * 86_400 + second for day in range(days) for second in seconds}
        for second in sorted(second for second in around if 0 <= second < answer.duration_s):
            period = answer.periods[bisect_right(starts, second) - 1]
            amps, phases, _ = reference.limit(world, connector.id, NOW_S + second, idle_start_s=NOW_S)
            assert (period.limit_tenths, period.phases) == (int(amps * 10), phases), second


@moderate
@given(worlds(), st.integers(0, WINDOW_S))
def test_limits_now_agree_with_the_dumb_evaluator(world: World, later_s: int) -> None:
    at_s = NOW_S + later_s
    for id, limit in limits(world, at_s).items():
        amps, phases, _ = reference.limit(world, id, at_s, idle_start_s=at_s)
        assert (limit.current_ma, limit.phases) == (int(amps * 1000), phases)


@few
@given(worlds())
def test_what_is_reported_is_what_is_applied(world: World) -> None:
    book = world.book()
    for session in world.sessions:
        for at_s, (tenths, phases) in by_second(composite(world, session.connector, RateUnit.A, book=book)):
            limit = limits(world, at_s, book=book)[session.connector]
            assert (limit.current_ma // 100, limit.phases) == (tenths, phases)


@few
@given(worlds())
def test_nothing_changes_before_valid_until(world: World) -> None:
    book = world.book()
    for id, limit in limits(world, NOW_S, book=book).items():
        until_s = NOW_S + WINDOW_S if limit.valid_until_s is None else limit.valid_until_s
        assert until_s > NOW_S
        for at_s in range(NOW_S, min(until_s, NOW_S + WINDOW_S)):
            later = limits(world, at_s, book=book)[id]
            assert (later.power_mw, later.phases) == (limit.power_mw, limit.phases)


@moderate
@given(worlds(), UNITS, st.integers(1, WINDOW_S - 1))
def test_splitting_a_window_gives_the_same_values(world: World, unit: RateUnit, cut_s: int) -> None:
    for session in world.sessions:
        whole = dict(by_second(composite(world, session.connector, unit)))
        first = by_second(composite(world, session.connector, unit, for_s=cut_s))
        second = by_second(
            composite(world, session.connector, unit, from_s=NOW_S + cut_s, for_s=WINDOW_S - cut_s)
        )
        assert dict([*first, *second]) == whole


@moderate
@given(worlds(), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(world: World, random: Any) -> None:
    shuffled = list(world.placed)
    random.shuffle(shuffled)
    other = book_of(tuple(shuffled), world.sessions)
    for connector in world.supply.connectors:
        for unit in RateUnit:
            assert composite(world, connector.id, unit) == composite(world, connector.id, unit, book=other)


@moderate
@given(worlds(), profiles(purpose=Purpose.TX_DEFAULT, id=999))
def test_setting_and_clearing_a_profile_restores_the_answer(world: World, extra: Any) -> None:
    book = world.book()
    added = book.install(replace(extra, stack_level=4), connector=1, received_at_s=NOW_S, max_installed=100)
    assert isinstance(added, BookChange)
    cleared = added.book.clear(ProfileFilter(profile_id=999)).book
    assert cleared == book
    assert limits(world, NOW_S, book=cleared) == limits(world, NOW_S, book=book)


@moderate
@given(worlds())
def test_sum_of_running_connectors_stays_within_the_cap(world: World) -> None:
    answer = limits(world, NOW_S)
    running = [answer[session.connector] for session in world.sessions]
    assume(running)
    cap_a, cap_w = reference.ceilings(world, NOW_S)
    if cap_a is not None:
        assert sum(limit.current_ma for limit in running) <= cap_a * 1000
    if cap_w is not None:
        assert sum(limit.power_mw for limit in running) <= cap_w * 1000


@moderate
@given(worlds())
def test_no_limit_is_above_its_own_or_the_hardware(world: World) -> None:
    for connector in world.supply.connectors:
        limit = limits(world, NOW_S)[connector.id]
        assert limit.current_ma <= limit.own_ma <= connector.max_current_ma


@moderate
@given(worlds())
def test_answer_in_watts_is_the_answer_in_amperes_times_volts(world: World) -> None:
    for connector in world.supply.connectors:
        amperes = by_second(composite(world, connector.id, RateUnit.A))
        watts = by_second(composite(world, connector.id, RateUnit.W))
        for (_, (a_tenths, phases)), (_, (w_tenths, w_phases)) in zip(amperes, watts, strict=True):
            per_ampere = connector.voltage_v * phases
            assert phases == w_phases
            assert a_tenths * per_ampere <= w_tenths < (a_tenths + 1) * per_ampere


@moderate
@given(worlds())
def test_a_connector_is_answered_by_itself_as_among_all(world: World) -> None:
    book = world.book()
    by_itself = [
        limit_at(
            NOW_S,
            one.id,
            book,
            world.supply,
            world.sessions,
            clock_trusted=world.clock_trusted,
            local_time=world.local_time,
        )
        for one in world.supply.connectors
    ]
    assert list(limits(world, NOW_S, book=book).values()) == by_itself


@moderate
@given(worlds())
def test_runner_up_is_what_holds_without_the_constraint(world: World) -> None:
    book = world.book()
    for id, limit in limits(world, NOW_S, book=book).items():
        by = limit.constrained_by
        if by.kind not in (ConstraintKind.PROFILE, ConstraintKind.CLOCK):
            continue
        assert by.profile_id is not None
        without = limits(world, NOW_S, book=book.clear(ProfileFilter(profile_id=by.profile_id)).book)[id]
        assert limit.runner_up == without


ONE = Connector(id=1, phases=3, voltage_v=230, max_current_ma=32_000)
TWO = Connector(id=2, phases=3, voltage_v=230, max_current_ma=32_000)
FIRST = Session(connector=1, key="a", transaction_id=1, started_at_s=NOW_S - 20)
SECOND = Session(connector=2, key="b", transaction_id=2, started_at_s=NOW_S - 10)


def test_share_names_the_fuse_and_what_the_connector_would_get_alone() -> None:
    supply = Supply(connectors=(ONE, TWO), max_current_ma=20_000)
    limit = limits_at(NOW_S, ProfileBook(), supply, [FIRST, SECOND])[1]
    assert (limit.current_ma, limit.own_ma) == (10_000, 32_000)
    assert limit.constrained_by == Constraint(kind=ConstraintKind.SHARE, connector=STATION)
    assert limit.runner_up is not None
    assert limit.runner_up.current_ma == 20_000
    assert limit.runner_up.constrained_by.kind is ConstraintKind.STATION


def test_idle_connector_takes_nothing_from_a_running_one() -> None:
    supply = Supply(connectors=(ONE, TWO), max_current_ma=20_000)
    answer = limits_at(NOW_S, ProfileBook(), supply, [FIRST])
    assert {id: limit.current_ma for id, limit in answer.items()} == {1: 20_000, 2: 10_000}


def test_cap_ends_at_its_instant_and_the_limit_says_when() -> None:
    cap = Cap(kind=ConstraintKind.LOCAL, current_ma=10_000, until_s=NOW_S + 60)
    supply = Supply(connectors=(replace(ONE, caps=(cap,)),))
    limit = limit_at(NOW_S, 1, ProfileBook(), supply, [FIRST])
    assert (limit.current_ma, limit.valid_until_s) == (10_000, NOW_S + 60)
    assert limit.constrained_by == Constraint(kind=ConstraintKind.LOCAL, connector=1)
    assert limit.runner_up is not None
    assert limit.runner_up.current_ma == 32_000
    assert limit_at(NOW_S + 60, 1, ProfileBook(), supply, [FIRST]).current_ma == 32_000


def test_more_entries_than_allowed_shorten_the_answer_to_what_it_covers() -> None:
    caps = tuple(
        Cap(kind=ConstraintKind.LOCAL, current_ma=6_000 + 100 * step, until_s=NOW_S + 10 * step)
        for step in range(1, 6)
    )
    supply = Supply(connectors=(replace(ONE, caps=caps),))
    answer = composite_schedule(NOW_S, 60, 1, None, ProfileBook(), supply, [], Capabilities(max_periods=3))
    assert isinstance(answer, CompositeSchedule)
    assert [(period.start_s, period.limit_tenths) for period in answer.periods] == [
        (0, 61),
        (10, 62),
        (20, 63),
    ]
    assert answer.duration_s == 30


def test_the_station_has_no_limit_of_its_own() -> None:
    with pytest.raises(KeyError, match="composite_schedule"):
        limit_at(NOW_S, STATION, ProfileBook(), Supply(connectors=(ONE,)), [])


def test_composite_for_a_connector_that_is_not_there_is_refused() -> None:
    answer = composite_schedule(
        NOW_S, 60, 9, None, ProfileBook(), Supply(connectors=(ONE,)), [], CAPABILITIES
    )
    assert answer is Refusal.UNKNOWN_CONNECTOR


def limits(world: World, at_s: int, *, book: ProfileBook | None = None) -> dict[int, Any]:
    return limits_at(
        at_s,
        world.book() if book is None else book,
        world.supply,
        world.sessions,
        clock_trusted=world.clock_trusted,
        local_time=world.local_time,
    )


def composite(
    world: World,
    connector: int,
    unit: RateUnit,
    *,
    from_s: int = NOW_S,
    for_s: int = WINDOW_S,
    book: ProfileBook | None = None,
) -> CompositeSchedule:
    answer = composite_schedule(
        from_s,
        for_s,
        connector,
        unit,
        world.book() if book is None else book,
        world.supply,
        world.sessions,
        CAPABILITIES,
        clock_trusted=world.clock_trusted,
        local_time=world.local_time,
    )
    assert isinstance(answer, CompositeSchedule)
    return answer


def by_second(answer: CompositeSchedule) -> list[tuple[int, tuple[int, int]]]:
    """Limit and phases at each second of the window."""
    starts = [period.start_s for period in answer.periods]
    assert starts[0] == 0
    ends = [*starts[1:], answer.duration_s]
    return [
        (answer.start_at_s + second, (period.limit_tenths, period.phases))
        for period, end_s in zip(answer.periods, ends, strict=True)
        for second in range(period.start_s, end_s)
    ]
