"""Turns the active limit of each connector into offers, and sleeps to the next instant at which it can change."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from cpd.domain.composite import ActiveLimit, Cap, Connector, ConstraintKind, Supply, limits_at
from cpd.domain.local_time import LocalTime
from cpd.domain.rises import Judged
from cpd.station.ledger import Ledger
from cpd.station.pulse import Pulse
from cpd.station.random_delay import RandomDelay
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

YIELD_S = 5.0
"""How long a vehicle may take to follow a lower offer; what it gives up is handed to another one after that."""

STARVED_PAUSE_S = 60.0
"""A connector that lost its share of the supply stays paused at least this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedLimit:
    """The engine's answer, and what is offered of it to a running transaction.

    *offer_ma* is 0 for a pause, else 6 000 mA and more in steps of 0.1 A, as a composite schedule tells it. It is
    below the limit while an increase waits until *wait_until_s*, or for a random delay until *delayed_until_s* (both
    monotonic).
    """

    limit: ActiveLimit
    offer_ma: int
    wait_until_s: float | None = None
    delayed_until_s: float | None = None


class Outlet(Protocol):
    """What a limit is applied to."""

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What bounds it beside the connector's own maximum: the plugged cable, its temperature."""

    @property
    def least_ma(self) -> int:
        """The least in mA that it can offer: less is a pause, whatever the connector itself allows."""

    def apply(self, applied: AppliedLimit) -> None:
        """Offer this from now on; takes effect at once."""


class LimitScheduler:
    """Applies limits: on each change at once, else when the engine says that its answer can change."""

    def __init__(
        self,
        supply: Supply,
        ledger: Ledger,
        timebase: Timebase,
        applied: Callable[[], None],
        *,
        local_caps: Callable[[int], tuple[Cap, ...]] = lambda _connector: (),
        local_time: LocalTime | None = None,
        random_delay: RandomDelay | None = None,
    ) -> None:
        """*applied* is called after each change; *local_caps* tells what people at a connector allow.

        *local_time*: what Recurring profiles recur by, None for UTC. *random_delay*: what rises wait for, None for
        nothing.
        """
        self._supply = supply
        self._ledger = ledger
        self._timebase = timebase
        self._outlets: Mapping[int, Outlet] = {}
        self._lowered_s: dict[int, float] = {}
        self._starved_s: dict[int, float] = {}
        self._paused_s: dict[int, float] = {}
        self._rearm = Signal()
        self._told = applied
        self._local_caps = local_caps
        self.local_time = local_time
        self._random_delay = random_delay or RandomDelay(0, random.Random())
        self._fail_safe_ma: int | None = None
        self.applied: dict[int, AppliedLimit] = {}
        self.pulse = Pulse()

    @property
    def supply(self) -> Supply:
        """The electrical facts as they are now: with cables, temperatures, and the fail-safe where it holds."""
        return replace(self._supply, connectors=tuple(map(self._as_it_is, self._supply.connectors)))

    def follow(self, supply: Supply) -> None:
        """The electrical facts are *supply* from now on: what falls falls at once."""
        if supply != self._supply:
            self._supply = supply
            self.recompute()

    def drive(self, outlets: Mapping[int, Outlet]) -> None:
        """Apply limits to *outlets* from now on; the sessions that run were resumed after a restart."""
        self._outlets = outlets
        self._random_delay.resume(self._ledger.running, self._timebase.clock.monotonic_s())
        self.recompute()

    def hold_to(self, fail_safe_ma: int | None) -> None:
        """Hold every connector to the fail-safe current; None: no longer."""
        self._fail_safe_ma = fail_safe_ma
        self.recompute()

    def skip_delay(self, connector: int) -> bool:
        """Let *connector* have at once what waits for a random delay; False where nothing does."""
        skipped = self._random_delay.skip(connector)
        if skipped:
            log.info("random delay connector=%d skipped", connector)
            self.recompute()
        return skipped

    async def run(self) -> None:
        """Recompute at each instant at which an answer can change by itself, for ever."""
        while True:
            self.pulse.beat()
            try:
                async with asyncio.timeout(self._until_next_change_s()):
                    await self._rearm.wait()
            except TimeoutError:
                self.recompute()

    def prove_alive(self, now_s: float) -> None:
        """Go round once more, which changes nothing: `pulse` tells whether that happens."""
        self.pulse.ask(now_s)
        self._rearm.fire()

    def recompute(self) -> None:
        """Ask the engine and apply its answers, now."""
        judged, supply = self._judged, self.supply
        limits = limits_at(
            judged.at_s,
            judged.book,
            supply,
            judged.sessions,
            clock_trusted=judged.clock_trusted,
            local_time=self.local_time,
        )
        before = self.applied
        now_s = self._timebase.clock.monotonic_s()
        self._random_delay.see(judged, limits, supply, now_s, local_time=self.local_time)
        for connector, limit in limits.items():
            self._note(connector, limit, _offered(before, connector), now_s)
        self.applied = {
            connector: self._admit(connector, limit, _offered(before, connector), now_s)
            for connector, limit in limits.items()
        }
        # What goes down goes first, so that the sum never rises in between.
        rises = {one: new.offer_ma - _offered(before, one) for one, new in self.applied.items()}
        for connector in sorted(self._outlets, key=lambda one: rises[one]):
            self._outlets[connector].apply(self.applied[connector])
            _log_change(connector, before.get(connector), self.applied[connector])
        self._rearm.fire()
        self._told()

    def _note(self, connector: int, limit: ActiveLimit, offered_ma: int, now_s: float) -> None:
        if connector not in self._ledger.running:
            self._starved_s.pop(connector, None)
            self._paused_s.pop(connector, None)
            return
        target_ma = limit.offer_ma
        if target_ma == 0 < offered_ma:
            self._paused_s[connector] = now_s
        if target_ma < offered_ma:
            self._lowered_s[connector] = now_s
        if target_ma == 0 and limit.constrained_by.kind is ConstraintKind.SHARE:
            self._starved_s.setdefault(connector, now_s)

    def _admit(self, connector: int, limit: ActiveLimit, offered_ma: int, now_s: float) -> AppliedLimit:
        """What of *limit* is offered: an increase waits for those who gave way, for pauses and a random delay."""
        if connector not in self._ledger.running:
            return AppliedLimit(limit=limit, offer_ma=0)
        target_ma, delayed_until_s = self._random_delay.admit(connector, limit.offer_ma, now_s)
        wait_until_s = self._wait_until_s(connector)
        if target_ma <= offered_ma or wait_until_s <= now_s:
            if target_ma > 0:
                self._starved_s.pop(connector, None)
                self._paused_s.pop(connector, None)
            return AppliedLimit(limit=limit, offer_ma=target_ma, delayed_until_s=delayed_until_s)
        return AppliedLimit(
            limit=limit, offer_ma=offered_ma, wait_until_s=wait_until_s, delayed_until_s=delayed_until_s
        )

    @property
    def _judged(self) -> Judged:
        return Judged(
            at_s=self._timebase.epoch_s(),
            book=self._ledger.book,
            sessions=self._ledger.sessions,
            clock_trusted=self._timebase.clock.trusted,
        )

    def _wait_until_s(self, connector: int) -> float:
        waits = [0.0]
        if self._supply.is_capped or self._ledger.book.max_stack:
            waits += [lowered + YIELD_S for other, lowered in self._lowered_s.items() if other != connector]
        if connector in self._starved_s:
            waits.append(self._starved_s[connector] + STARVED_PAUSE_S)
        if connector in self._paused_s:
            waits.append(self._paused_s[connector] + self._min_pause_s(connector))
        return max(waits)

    def _min_pause_s(self, connector: int) -> int:
        return next(one.min_pause_s for one in self._supply.connectors if one.id == connector)

    def _until_next_change_s(self) -> float | None:
        now_s = self._timebase.clock.monotonic_s()
        wall_s = self._timebase.clock.now().timestamp()
        applied = self.applied.values()
        waits = [one.wait_until_s - now_s for one in applied if one.wait_until_s is not None]
        waits += [one.delayed_until_s - now_s for one in applied if one.delayed_until_s is not None]
        waits += [one.limit.valid_until_s - wall_s for one in applied if one.limit.valid_until_s is not None]
        # A millisecond late rather than a rounding error early, which would compute the old answer again and again.
        return max(0.0, min(waits)) + 0.001 if waits else None

    def _as_it_is(self, connector: Connector) -> Connector:
        outlet = self._outlets.get(connector.id)
        caps = (*(() if outlet is None else outlet.caps), *self._local_caps(connector.id))
        if self._fail_safe_ma is not None:
            caps = (*caps, Cap(kind=ConstraintKind.OFFLINE, current_ma=self._fail_safe_ma))
        least_ma = connector.min_current_ma
        if outlet is not None:
            least_ma = max(least_ma, outlet.least_ma)
        if not caps and least_ma == connector.min_current_ma:
            return connector
        return replace(connector, caps=(*connector.caps, *caps), min_current_ma=least_ma)


def _offered(applied: Mapping[int, AppliedLimit], connector: int) -> int:
    return applied[connector].offer_ma if connector in applied else 0


def _log_change(connector: int, before: AppliedLimit | None, now: AppliedLimit) -> None:
    if before is not None and before.limit == now.limit and before.offer_ma == now.offer_ma:
        return
    by = now.limit.constrained_by
    name = f"{by.purpose}#{by.profile_id}" if by.purpose is not None else by.kind
    log.info(
        "limit connector=%d current_a=%.1f by=%s offer_a=%.1f until=%s",
        connector,
        now.limit.current_ma / 1_000,
        name,
        now.offer_ma / 1_000,
        now.limit.valid_until_s,
    )
