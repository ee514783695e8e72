"""Spans of time as people type them: 30m, 2h, 1h30m."""

import re

_SPAN = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,7})s)?", re.IGNORECASE | re.ASCII)
_SECONDS = (86_400, 3_600, 60, 1)


def seconds_in(text: str) -> int:
    """The seconds of a span, 0 where *text* is none."""
    found = _SPAN.fullmatch(text.strip())
    parts = () if found is None else found.groups()
    return sum(int(part or 0) * unit for part, unit in zip(parts, _SECONDS, strict=False))
