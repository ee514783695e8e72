"""Nothing exceeds what the installer, the cable, people at the charger, the temperature or the fail-safe allow."""

from dataclasses import replace

from hypothesis import given, settings

from cpd.domain.composite import CompositeSchedule, composite_schedule, limits_at
from cpd.domain.profiles import Capabilities, RateUnit
from cpd.domain.supply import Cap, ConstraintKind
from tests.domain.strategies import NOW_S, WINDOW_S, World, worlds

moderate = settings(max_examples=40)


def bound_ma(world: World, connector: int, at_s: int) -> int:
    """The lowest of all that bounds a connector by itself at *at_s*, found by looking at each."""
    (one,) = [one for one in world.supply.connectors if one.id == connector]
    live = [cap.current_ma for cap in one.caps if cap.until_s is None or at_s < cap.until_s]
    return min(one.max_current_ma, *live) if live else one.max_current_ma


@moderate
@given(worlds())
def test_no_limit_is_above_any_bound_of_its_connector(world: World) -> None:
    book = world.book()
    for at_s in range(NOW_S, NOW_S + WINDOW_S, 7):
        limits = limits_at(at_s, book, world.supply, world.sessions, clock_trusted=world.clock_trusted)
        for connector, limit in limits.items():
            assert limit.offer_ma <= limit.current_ma <= bound_ma(world, connector, at_s)


@moderate
@given(worlds())
def test_no_schedule_is_above_any_bound_of_its_connector_at_any_second(world: World) -> None:
    book = world.book()
    for connector in world.supply.connectors:
        answer = composite_schedule(
            NOW_S,
            WINDOW_S,
            connector.id,
            RateUnit.A,
            book,
            world.supply,
            world.sessions,
            Capabilities(),
            clock_trusted=world.clock_trusted,
        )
        assert isinstance(answer, CompositeSchedule)
        ends_s = [period.start_s for period in answer.periods[1:]] + [answer.duration_s]
        for period, end_s in zip(answer.periods, ends_s, strict=True):
            lowest_ma = min(
                bound_ma(world, connector.id, NOW_S + at_s) for at_s in range(period.start_s, end_s)
            )
            assert period.limit_tenths * 100 <= lowest_ma


@moderate
@given(worlds())
def test_the_sum_of_what_is_offered_stays_within_the_main_fuse(world: World) -> None:
    fuse_ma = world.supply.max_current_ma
    if fuse_ma is None:
        return
    limits = limits_at(NOW_S, world.book(), world.supply, world.sessions, clock_trusted=world.clock_trusted)
    assert sum(limits[session.connector].offer_ma for session in world.sessions) <= fuse_ma


@moderate
@given(worlds())
def test_a_local_limit_never_raises_anything(world: World) -> None:
    book = world.book()
    lowered = replace(
        world.supply,
        connectors=tuple(
            replace(one, caps=(*one.caps, Cap(kind=ConstraintKind.LOCAL, current_ma=10_000)))
            for one in world.supply.connectors
        ),
    )
    before = limits_at(NOW_S, book, world.supply, world.sessions, clock_trusted=world.clock_trusted)
    after = limits_at(NOW_S, book, lowered, world.sessions, clock_trusted=world.clock_trusted)
    for connector, limit in after.items():
        assert limit.own_ma <= min(10_000, before[connector].own_ma)
