"""Whether it is charging profiles that let a limit rise, and not a person, a cable or another connector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cpd.domain.composite import ActiveLimit, limits_at
from cpd.domain.local_time import LocalTime
from cpd.domain.profile_book import ProfileBook
from cpd.domain.sessions import Session
from cpd.domain.supply import Cap, Supply


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the charging profiles said when limits were last worked out: at which time, under which trust in it."""

    at_s: int
    book: ProfileBook
    sessions: tuple[Session, ...]
    clock_trusted: bool


def limits_had_profiles_stood_still(
    then: Judged,
    now_s: int,
    supply: Supply,
    sessions: Iterable[Session],
    *,
    local_time: LocalTime | None = None,
) -> dict[int, ActiveLimit]:
    """The limits at *now_s*, had it been *then* for the charging profiles all the time.

    What is above them has risen by the profiles, because one was set or cleared or another period began: all the
    rest, *supply* and who charges in *sessions*, is as it is now.
    """
    return limits_at(
        then.at_s,
        then.book,
        replace(
            supply,
            caps=_standing(supply.caps, now_s),
            connectors=tuple(replace(one, caps=_standing(one.caps, now_s)) for one in supply.connectors),
        ),
        sessions,
        clock_trusted=then.clock_trusted,
        local_time=local_time,
    )


def _standing(caps: tuple[Cap, ...], now_s: int) -> tuple[Cap, ...]:
    return tuple(cap for cap in caps if cap.until_s is None or now_s < cap.until_s)
