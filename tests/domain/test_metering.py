from hypothesis import example, given
from hypothesis import strategies as st

from cpd.domain.metering import next_sample_at

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
