"""The engine against the dumb evaluator on as many random sets of profiles as there is time for.

A sample by default, all of them with ``pytest --torture``.
"""

from bisect import bisect_right
from collections.abc import Callable
from random import Random

import pytest

from cpd.domain.composite import CompositeSchedule, composite_schedule, limits_at
from cpd.domain.profiles import Capabilities, RateUnit
from tests.domain import reference
from tests.domain.many_worlds import DAY_S, DAYS, instant, world
from tests.domain.strategies import NOW_S, World

ALL, SAMPLE, BATCHES = 100_000, 1_000, 10


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_engine_agrees_with_the_dumb_evaluator(
    batch: int, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    count = (ALL if request.config.getoption("--torture") else SAMPLE) // BATCHES
    for seed in range(batch * count, (batch + 1) * count):
        _assert_agrees(world(seed), Random(seed), seed)
    record_property("random sets of profiles, the engine against a dumb evaluator", count)


def _assert_agrees(here: World, chance: Random, seed: int) -> None:
    book = here.book()
    unit = chance.choice(tuple(RateUnit))
    running = {session.connector for session in here.sessions}
    for connector in here.supply.connectors:
        answer = composite_schedule(
            NOW_S,
            DAYS * DAY_S,
            connector.id,
            unit,
            book,
            here.supply,
            here.sessions,
            Capabilities(),
            clock_trusted=here.clock_trusted,
            local_time=here.local_time,
        )
        assert isinstance(answer, CompositeSchedule)
        starts_s = [NOW_S + period.start_s for period in answer.periods]
        # Long answers are looked at in part, at other places with each seed.
        edges = chance.sample(starts_s, min(len(starts_s), 8))
        looks = {edge_s + step for edge_s in edges for step in (-1, 0)}
        looks |= {instant(chance) for _ in range(6)}
        for at_s in sorted(look_s for look_s in looks if NOW_S <= look_s < NOW_S + answer.duration_s):
            period = answer.periods[bisect_right(starts_s, at_s) - 1]
            amps, phases, volts = reference.limit(here, connector.id, at_s, idle_start_s=NOW_S)
            value = amps if unit is RateUnit.A else amps * volts * phases
            told = (period.limit_tenths, period.phases)
            assert told == (int(value * 10), phases), (seed, connector.id, at_s - NOW_S)
            if connector.id in running:
                now = limits_at(
                    at_s,
                    book,
                    here.supply,
                    here.sessions,
                    clock_trusted=here.clock_trusted,
                    local_time=here.local_time,
                )[connector.id]
                assert (now.current_ma, now.phases) == (int(amps * 1_000), phases), (seed, at_s - NOW_S)
