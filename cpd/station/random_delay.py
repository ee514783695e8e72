"""The random wait before charging profiles may raise the current of a session.

Many chargers follow the same tariff: if all of them began on the same second, the grid would feel it. The Electric
Vehicles (Smart Charge Points) Regulations 2021 of the United Kingdom ask for such a delay, of 10 minutes at most.

What is delayed: every rise that charging profiles bring to a running session, from a pause or to more, because a
period begins or ends, or because the CSMS sets or clears a profile. And all of a session that a restart has
interrupted: nobody knows any more what it waited for, and a grid that comes back must not have to feed everybody at
once.

What is not: anything that falls; a session that begins, because a person decides when; what people at the charger,
cables, temperatures, the fail-safe or other connectors gave back. Nor is a change of phases at the same current.
"""

import logging
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cpd.domain.composite import ActiveLimit
from cpd.domain.local_time import LocalTime
from cpd.domain.rises import Judged, limits_had_profiles_stood_still
from cpd.domain.supply import Supply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    """No more than *at_most_ma* until *until_s* (monotonic)."""

    at_most_ma: int
    until_s: float


class RandomDelay:
    """The delays that run, by connector: each rise has its own, drawn evenly from 0 to *max_s* seconds (0: none)."""

    def __init__(self, max_s: int, rng: random.Random) -> None:
        self._max_s = max_s
        self._rng = rng
        self._holds: dict[int, list[_Hold]] = {}
        self._judged: Judged | None = None
        self._limits: Mapping[int, ActiveLimit] = {}

    def resume(self, connectors: Iterable[int], now_s: float) -> None:
        """A restart has interrupted the sessions on *connectors*, which begin anew."""
        for connector in connectors:
            self._begin(connector, 0, now_s)

    def see(
        self,
        judged: Judged,
        limits: Mapping[int, ActiveLimit],
        supply: Supply,
        now_s: float,
        *,
        local_time: LocalTime | None = None,
    ) -> None:
        """*limits* hold from *now_s* (monotonic) on; to be told of each of them, with what it was worked out from."""
        if self._max_s == 0:
            return
        then, before = self._judged, self._limits
        self._judged, self._limits = judged, limits
        if then is None:
            return
        earlier = {session.key for session in then.sessions}
        going_on = [session.connector for session in judged.sessions if session.key in earlier]
        self._holds = {one: holds for one, holds in self._holds.items() if one in going_on}
        changed = [one for one in going_on if before[one].offer_ma != limits[one].offer_ma]
        if not changed:
            return
        # Asked for only now, because it costs as much as the limits.
        without = limits_had_profiles_stood_still(
            then, judged.at_s, supply, judged.sessions, local_time=local_time
        )
        for connector in changed:
            earlier_ma, limit_ma = without[connector].offer_ma, limits[connector].offer_ma
            if earlier_ma < limit_ma:
                self._begin(connector, earlier_ma, now_s)
            elif earlier_ma > limit_ma:
                self._void(connector, limit_ma)

    def admit(self, connector: int, wanted_ma: int, now_s: float) -> tuple[int, float | None]:
        """What of *wanted_ma* may be offered now, and until when it is less; None where it is all of it."""
        holds = [hold for hold in self._holds.pop(connector, ()) if now_s < hold.until_s]
        if not holds:
            return wanted_ma, None
        self._holds[connector] = holds
        lowest = min(holds, key=lambda hold: hold.at_most_ma)
        if wanted_ma <= lowest.at_most_ma:
            return wanted_ma, None
        return lowest.at_most_ma, lowest.until_s

    def skip(self, connector: int) -> bool:
        """End the delays of *connector*; False where none runs."""
        return bool(self._holds.pop(connector, None))

    def _void(self, connector: int, limit_ma: int) -> None:
        """Charging profiles have fallen back to where a rise began: that is over, and the next one waits anew."""
        holds = [hold for hold in self._holds.pop(connector, ()) if hold.at_most_ma < limit_ma]
        if holds:
            self._holds[connector] = holds

    def _begin(self, connector: int, at_most_ma: int, now_s: float) -> None:
        if self._max_s == 0:
            return
        delay_s = self._rng.uniform(0, self._max_s)
        log.info("random delay connector=%d of=%.0fs above_a=%.1f", connector, delay_s, at_most_ma / 1_000)
        self._holds.setdefault(connector, []).append(_Hold(at_most_ma=at_most_ma, until_s=now_s + delay_s))
