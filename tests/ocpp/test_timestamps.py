import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.ocpp.timestamps import format_date_time, parse_date_time


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22t10:00:00z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22 10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T11:30+01:30", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00.5", datetime(2026, 11, 22, 10, 0, 0, 500_000, UTC)),
        ("2026-11-22T10:00:00.123456789Z", datetime(2026, 11, 22, 10, 0, 0, 123_456, UTC)),
        ("2026-11-22T11:30:00+01:30", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T11:30:00+0130", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T08:00:00-02", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_every_form_that_central_systems_send_is_read(text: str, instant: datetime) -> None:
    assert parse_date_time(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-22",
        "10:00:00Z",
        "2026-11-22T10:00.5Z",
        "2026-11-22T10Z",
        "2026-02-30T10:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-W01-1T00:00:00Z",
        "2026-11-22T10:00:00Z ",
        "٢٠٢٦-11-22T10:00:00Z",
        "0001-01-01T00:00:00+10:00",
        "2026-11-22T10:00:00+99:99",
    ],
)
def test_what_is_no_date_and_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_date_time(text)


def test_written_in_utc_with_milliseconds_and_z() -> None:
    instant = datetime(2026, 11, 22, 11, 0, 0, 123_999, timezone(timedelta(hours=1)))
    assert format_date_time(instant) == "2026-11-22T10:00:00.123Z"


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_what_is_written_is_read_again(instant: datetime) -> None:
    assert abs(parse_date_time(format_date_time(instant)) - instant) < timedelta(milliseconds=1)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_date_time(text).tzinfo is UTC
