"""How moments are stored: wall time in whole microseconds since 1970 UTC, NULL while it is not known."""

import sqlite3
from datetime import UTC, datetime, timedelta

from cpd.domain.transactions import Moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LONGEST_UPTIME_S = 1e10
LATEST_US = 7_258_118_400_000_000
"""300 years of uptime, and the year 2200: beyond them a row is damaged, and its moment would mislead a clock."""

_MOMENTS = (
    ("transactions", "started"),
    ("transactions", "stopped"),
    ("journal", "created"),
    ("journal", "taken"),
    ("audit", "made"),
    ("local_limits", "made"),
    ("transaction_samples", "taken"),
    ("reservations", "made"),
)
"""Every moment of the schema: its table, and the prefix of its three columns."""


def microseconds(at: datetime | None) -> int | None:
    """*at*, an aware time, as it is stored; exact."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def wall_time(at_us: int | None) -> datetime | None:
    """A stored time, aware UTC."""
    return None if at_us is None else _EPOCH + at_us * _MICROSECOND


def moment_columns(prefix: str, moment: Moment | None) -> dict[str, str | float | int | None]:
    """The three columns of *moment*, by name."""
    return {
        f"{prefix}_boot": None if moment is None else moment.boot,
        f"{prefix}_monotonic_s": None if moment is None else moment.monotonic_s,
        f"{prefix}_at_us": None if moment is None else microseconds(moment.at),
    }


def moment_fields(row: sqlite3.Row, prefix: str) -> dict[str, object] | None:
    """The fields of a `Moment` from its columns; None where there is none. Raises ValueError where none can be."""
    if row[f"{prefix}_boot"] is None:
        return None
    monotonic_s, at_us = row[f"{prefix}_monotonic_s"], row[f"{prefix}_at_us"]
    if not abs(monotonic_s) <= LONGEST_UPTIME_S or not 0 <= (at_us or 0) <= LATEST_US:
        raise ValueError(f"{prefix} at {at_us} µs, {monotonic_s} s after its boot, cannot be")
    return {"boot": row[f"{prefix}_boot"], "monotonic_s": monotonic_s, "at": wall_time(at_us)}


def date_moments(connection: sqlite3.Connection, boot: str, at_zero: datetime) -> None:
    """Date every undated moment of *boot*; *at_zero* is the wall time at which its monotonic clock was 0."""
    for table, prefix in _MOMENTS:
        connection.execute(
            f"UPDATE {table} SET {prefix}_at_us = ? + CAST(round({prefix}_monotonic_s * 1000000) AS INTEGER)"
            f" WHERE {prefix}_boot = ? AND {prefix}_at_us IS NULL",
            (microseconds(at_zero), boot),
        )
