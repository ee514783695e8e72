import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cpd.domain.metering import (
    SampleContext,
    energy_lasts_s,
    evenly,
    next_aligned_at,
    next_sample_at,
    thinned,
)

times = st.floats(min_value=0, max_value=1e7)
intervals = st.integers(min_value=1, max_value=86_400)


def test_without_an_interval_nothing_is_sampled() -> None:
    assert next_sample_at(100.0, 0, 500.0) is None


def test_the_grid_begins_with_the_transaction() -> None:
    assert next_sample_at(100.0, 60, 100.0) == 160.0
    assert next_sample_at(100.0, 60, 159.9) == 160.0
    assert next_sample_at(100.0, 60, 160.0) == 220.0


@given(started_s=times, interval_s=intervals, later_s=times)
@example(started_s=1_000.1, interval_s=60, later_s=60.0)
def test_the_next_sample_is_ahead_by_no_more_than_one_interval(
    started_s: float, interval_s: int, later_s: float
) -> None:
    now_s = started_s + later_s
    next_s = next_sample_at(started_s, interval_s, now_s)
    assert next_s is not None
    assert now_s < next_s <= now_s + interval_s * 1.001


@given(started_s=times, interval_s=intervals)
def test_a_walk_from_sample_to_sample_counts_each_once(started_s: float, interval_s: int) -> None:
    now_s, seen = started_s, []
    for _ in range(5):
        next_s = next_sample_at(started_s, interval_s, now_s)
        assert next_s is not None
        seen.append(round((next_s - started_s) / interval_s, 3))
        now_s = next_s
    assert seen == [1, 2, 3, 4, 5]


def test_without_an_interval_nothing_is_aligned() -> None:
    assert next_aligned_at(datetime(2026, 3, 2, 10, tzinfo=UTC), 0) is None


@pytest.mark.parametrize(
    ("now", "interval_s", "expected"),
    [
        ("2026-03-02T10:00:00", 900, "2026-03-02T10:15:00"),
        ("2026-03-02T10:14:59.999999", 900, "2026-03-02T10:15:00"),
        ("2026-03-02T10:15:00.000001", 900, "2026-03-02T10:30:00"),
        ("2026-03-02T23:59:00", 900, "2026-03-03T00:00:00"),
        ("2026-03-02T23:00:00", 50_000, "2026-03-03T00:00:00"),
        ("2026-03-02T00:00:00", 50_000, "2026-03-02T13:53:20"),
        ("2026-03-02T12:00:00", 86_400, "2026-03-03T00:00:00"),
    ],
)
def test_the_aligned_grid_begins_at_midnight_utc(now: str, interval_s: int, expected: str) -> None:
    at = next_aligned_at(datetime.fromisoformat(now).replace(tzinfo=UTC), interval_s)
    assert at == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_the_aligned_grid_is_that_of_utc_whatever_the_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    now = datetime(2026, 3, 2, 3, 0, tzinfo=zone)
    assert next_aligned_at(now, 7_200) == datetime(2026, 3, 1, 22, tzinfo=UTC)


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    interval_s=st.integers(1, 86_400),
)
def test_the_next_aligned_instant_is_ahead_by_no_more_than_one_interval(
    now: datetime, interval_s: int
) -> None:
    at = next_aligned_at(now, interval_s)
    assert at is not None
    assert now < at <= now + timedelta(seconds=interval_s)


@given(count=st.integers(1, 500), keep=st.integers(1, 600))
def test_what_is_kept_is_spread_evenly_between_the_first_and_the_last(count: int, keep: int) -> None:
    places = evenly([10.0 * place for place in range(count)], keep)
    assert len(places) <= min(count, keep)
    assert places == sorted(set(places))
    assert places[0] == 0
    if keep > 1:
        assert places[-1] == count - 1
        gaps = [later - earlier for earlier, later in itertools.pairwise(places)]
        assert max(gaps, default=0) <= max(1, 2 * count / (keep - 1))


def test_it_is_time_that_is_spread_not_numbers() -> None:
    instants_s = [*(600.0 * place for place in range(10)), *(5_400.0 + place for place in range(1, 601))]
    places = evenly(instants_s, 11)
    assert [instants_s[place] for place in places[:-1]] == [600.0 * place for place in range(10)]


def test_samples_of_one_instant_and_of_a_clock_that_was_set_back_are_thinned_too() -> None:
    assert evenly([5.0] * 9, 4) == [0, 8]
    assert evenly([0.0, 50.0, 10.0, 20.0, 100.0], 3) == [0, 1, 4]


BEGIN, END, PERIODIC, CLOCK = (
    SampleContext.BEGIN,
    SampleContext.END,
    SampleContext.PERIODIC,
    SampleContext.CLOCK,
)


def test_what_fits_is_kept_whole() -> None:
    assert thinned([BEGIN, PERIODIC, CLOCK, END], range(4), [10] * 4, 40) == [0, 1, 2, 3]
    assert thinned([], [], [], 0) == []


def test_the_middle_is_thinned_and_no_context_crowds_out_another() -> None:
    contexts = [BEGIN, *[PERIODIC, CLOCK] * 100, END]
    kept = thinned(contexts, range(len(contexts)), [10] * len(contexts), 200)
    assert kept[0] == 0 and kept[-1] == 201
    assert 10 <= len(kept) <= 20
    told = [contexts[place] for place in kept]
    assert told.count(PERIODIC) == told.count(CLOCK) >= 4


def test_beginning_and_end_go_last_of_all() -> None:
    contexts = [BEGIN, *[PERIODIC] * 5, END]
    assert thinned(contexts, range(7), [10] * 7, 20) == [0, 6]
    assert thinned(contexts, range(7), [10] * 7, 19) == []


@given(
    middle=st.lists(st.tuples(st.sampled_from([PERIODIC, CLOCK]), st.integers(1, 50)), max_size=60),
    budget=st.integers(0, 2_000),
)
def test_what_is_kept_of_a_transaction_fits(middle: list[tuple[SampleContext, int]], budget: int) -> None:
    contexts = [BEGIN, *(context for context, _ in middle), END]
    sizes = [20, *(size for _, size in middle), 20]
    kept = thinned(contexts, range(len(contexts)), sizes, budget)
    assert sum(sizes[place] for place in kept) <= budget
    if budget >= 40:
        assert kept[0] == 0 and kept[-1] == len(contexts) - 1


@pytest.mark.parametrize(
    ("energy_wh", "power_w", "lasts_s"),
    [
        (1_000, 1_000, 3_600),
        (11, 11_000, 3.6),
        (0, 11_000, 0),
        (-5, 11_000, 0),
        (0, 0, 0),
        (5, 0, float("inf")),
    ],
)
def test_energy_lasts_until_it_is_spent(energy_wh: int, power_w: int, lasts_s: float) -> None:
    assert energy_lasts_s(energy_wh, power_w) == pytest.approx(lasts_s)
