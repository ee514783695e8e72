from datetime import UTC, datetime, timedelta

import pytest

from cpd.domain.transactions import Moment, StopReason, Transaction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def moment(monotonic_s: float = 100.0, *, at: datetime | None = NOON, boot: str = "this") -> Moment:
    return Moment(boot=boot, monotonic_s=monotonic_s, at=at)


def running() -> Transaction:
    return Transaction(
        local_id="tx",
        order=1,
        connector=1,
        id_tag="TAG",
        parent_id_tag=None,
        started=moment(),
        meter_start_wh=1_000,
        last_meter_wh=1_250,
    )


def test_a_moment_keeps_the_wall_time_it_was_stamped_with() -> None:
    assert moment(at=NOON - timedelta(days=2)).dated(at_zero=NOON) == NOON - timedelta(days=2)


def test_an_undated_moment_is_as_late_as_the_monotonic_clock_of_its_boot_says() -> None:
    assert moment(100.0, at=None).dated(at_zero=NOON) == NOON + timedelta(seconds=100)


def test_the_first_intent_to_stop_stands() -> None:
    ending = running().ending(StopReason.LOCAL, "TAG").ending(StopReason.EV_DISCONNECTED, None)
    assert (ending.stop_reason, ending.stop_id_tag) == (StopReason.LOCAL, "TAG")
    assert ending.active


@pytest.mark.parametrize(
    ("register_wh", "meter_stop_wh"),
    [(1_300, 1_300), (1_250, 1_250), (900, 1_250), (0, 1_250), (None, 1_250)],
)
def test_meter_stop_is_never_below_what_was_reported(register_wh: int | None, meter_stop_wh: int) -> None:
    ended = running().ending(StopReason.REMOTE, None).ended(moment(500.0), register_wh)
    assert ended.meter_stop_wh == meter_stop_wh
    assert not ended.active


def test_a_stop_without_a_kept_reason_is_local() -> None:
    assert running().ended(moment(), 1_300).stop_reason is StopReason.LOCAL
