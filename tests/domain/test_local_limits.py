"""When a local limit ends: on time where time is known, never too soon where it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from cpd.domain.local_limits import LocalLimit, ends_at_s
from cpd.domain.present import Present
from cpd.domain.transactions import Moment

MADE_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def limit(*, dated: bool = True) -> LocalLimit:
    """10 A for half an hour, made 100 s into the boot ``first``."""
    made = Moment(boot="first", monotonic_s=100.0, at=MADE_AT if dated else None)
    return LocalLimit(connector=1, current_ma=10_000, for_s=1_800, made=made)


def present(boot: str, monotonic_s: float, now: datetime, *, trusted: bool = True) -> Present:
    return Present(boot=boot, began_s=0.0, monotonic_s=monotonic_s, now=now, trusted=trusted)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("stepped_by", [timedelta(0), timedelta(hours=1), timedelta(days=-20 * 365)])
def test_within_its_boot_only_the_monotonic_clock_counts(trusted: bool, stepped_by: timedelta) -> None:
    now = present("first", 700.0, MADE_AT + stepped_by, trusted=trusted)
    assert ends_at_s(limit(), now) == 1_900.0


@pytest.mark.parametrize(("away_s", "left_s"), [(60, 1_740), (1_800, 0), (86_400, -84_600)])
def test_after_a_restart_with_the_time_known_it_ends_when_it_was_to_end(away_s: int, left_s: int) -> None:
    now = present("second", 5.0, MADE_AT + timedelta(seconds=away_s))
    assert ends_at_s(limit(), now) == 5.0 + left_s


def test_after_a_restart_without_the_time_it_lasts_its_whole_time_again() -> None:
    now = present("second", 5.0, MADE_AT + timedelta(days=1), trusted=False)
    assert ends_at_s(limit(), now) == 1_800.0


def test_a_limit_from_before_the_clock_was_ever_set_lasts_its_whole_time_again() -> None:
    now = present("second", 5.0, MADE_AT + timedelta(days=1))
    assert ends_at_s(limit(dated=False), now) == 1_800.0


def test_a_wall_clock_that_was_set_back_does_not_make_it_longer_than_it_can_be() -> None:
    now = present("second", 5.0, MADE_AT - timedelta(days=1))
    assert ends_at_s(limit(), now) == 1_800.0
