"""The dateTime of OCPP 1.6 §3.15: read in any form that central systems send, written in one.

It knows the text and nothing else: no clock, no rounding, no opinion on what an instant means.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?\Z",
    re.ASCII,
)


@lru_cache(maxsize=64)
def parse_date_time(text: str) -> datetime:
    """The instant that *text* names, aware UTC, to the microsecond (further digits are cut).

    Takes RFC 3339 with or without seconds (OCPP 1.6 §3.13 itself writes none), fraction and offset; no offset
    means UTC, as central systems mean it when they leave it out. A leap second is read as the second before.
    Raises ValueError for anything else. Remembered, because a payload's dates are judged first and read after.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no RFC 3339 date and time, such as 2026-11-22T10:00:00Z")
    date, minute, second, fraction, offset = match.groups()
    zone = "+00:00" if offset in (None, "Z", "z") else offset
    instant = datetime.fromisoformat(f"{date}T{minute}:{'59' if second == '60' else second or '00'}{zone}")
    try:
        return instant.replace(microsecond=int((fraction or "0").ljust(6, "0"))).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is outside the years 1 to 9999 in UTC") from error


def format_date_time(instant: datetime) -> str:
    """*instant*, which is aware, as UTC with milliseconds and `Z`: 2026-11-22T10:00:00.000Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
