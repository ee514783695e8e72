"""Values in words: amperes, times, spans, what holds a limit. Times are local, and the present is the document's."""

from collections.abc import Mapping
from datetime import datetime

from cpd.control.api import ClockDocument

_PURPOSES = {
    "ChargePointMaxProfile": "Max",
    "TxDefaultProfile": "TxDefault",
    "TxProfile": "TxProfile",
}
_KINDS = {
    "connector": "cpd.toml",
    "station": "main fuse",
    "cable": "cable",
    "share": "sharing",
    "offline": "offline limit",
    "clock": "clock not set",
    "temperature": "temperature",
    "local": "local limit",
    "wait": "short wait",
}


def amperes(value: float) -> str:
    """``16 A``, ``15.9 A``: rounded down to 0.1."""
    return f"{_tenths(value)} A"


def watts(value: float) -> str:
    """``850 W``, ``7.2 kW``: rounded down."""
    return f"{int(value)} W" if value < 1_000 else f"{_tenths(value / 1_000)} kW"


def energy(wh: int) -> str:
    """``850 Wh``, ``12.84 kWh``: rounded down."""
    return f"{wh} Wh" if abs(wh) < 1_000 else f"{int(wh / 10) / 100:.2f} kWh"


def span(seconds: float) -> str:
    """``4 s``, ``6 min``, ``2 h 14 m``, ``3 d 4 h``."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3_600, whole // 86_400
    if whole < 60:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} m" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def countdown(seconds: float) -> str:
    """A span that is waited for: ``12 s``, ``4 m 12 s``, from an hour on as `span`."""
    whole = max(0, int(seconds))
    if not 60 <= whole < 3_600:
        return span(whole)
    return f"{whole // 60} m {whole % 60} s" if whole % 60 else f"{whole // 60} m"


def moment(text: str) -> datetime:
    """An instant of a document, in local time."""
    return datetime.fromisoformat(text).astimezone()


def clock_time(at: datetime, now: datetime) -> str:
    """``06:12``, with the day where it is not today's, ``Mon 06:12``, and the date where it is not near."""
    days = abs((at.date() - now.date()).days)
    if days == 0:
        return f"{at:%H:%M}"
    if days < 7:
        return f"{at:%a %H:%M}"
    return f"{at.day} {at:%b %Y %H:%M}" if at.year != now.year else f"{at.day} {at:%b %H:%M}"


def when(text: str, clock: ClockDocument) -> str:
    """An instant as `clock_time`; while nobody has set the clock, only how far away it is."""
    at, now = moment(text), moment(clock["now"])
    if clock["trusted"]:
        return clock_time(at, now)
    ahead_s = (at - now).total_seconds()
    return f"in {span(ahead_s)}" if ahead_s > 0 else f"{span(-ahead_s)} ago"


def source_of(constraint: Mapping[str, object]) -> str:
    """What holds a limit: ``TxProfile #7``, ``cpd.toml``, ``main fuse``."""
    purpose = constraint.get("purpose")
    kind = str(constraint.get("kind", "unknown"))
    named = _KINDS.get(kind, kind)
    if purpose is None:
        return named
    profile = f"{_PURPOSES.get(str(purpose), purpose)} #{constraint.get('id', '?')}"
    return profile if kind == "profile" else f"{named}: {profile}"


def _tenths(value: float) -> str:
    tenths = int(value * 10)
    return f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths / 10:.1f}"
