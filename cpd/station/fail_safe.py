"""What may flow while the CSMS is silent: a lower limit on every connector, from some time after its last answer.

Only an answered call is a sign of life: a link may stand for hours with nobody behind it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

from cpd.clock import Clock
from cpd.station.signal import Signal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailSafe:
    """What may flow on each connector, in mA per phase, once the CSMS has answered nothing for *after_s* seconds."""

    after_s: int
    current_ma: int


class Silence:
    """How long the CSMS has been silent, and the fail-safe current for as long as that is too long.

    The silence begins with the process: what a CSMS said before a restart says nothing about now.
    """

    def __init__(
        self, clock: Clock, hold_to: Callable[[int | None], None], *, fail_safe: FailSafe | None
    ) -> None:
        """*hold_to* holds the outlets to a current in mA; None lets them go again. *fail_safe* as for `follow`."""
        self._clock = clock
        self._hold_to = hold_to
        self._fail_safe = fail_safe
        self._held: FailSafe | None = None
        self._answered_s = clock.monotonic_s()
        self._turned = Signal()

    def answered(self) -> None:
        """The CSMS has answered a call."""
        self._answered_s = self._clock.monotonic_s()
        if self._held is not None:
            self._turned.fire()

    def follow(self, fail_safe: FailSafe | None) -> None:
        """What is to hold from now on; None: silence limits nothing."""
        if fail_safe != self._fail_safe:
            self._fail_safe = fail_safe
            self._turned.fire()

    async def watch(self) -> Never:
        """Hold the outlets to the fail-safe current while the silence is too long, for ever."""
        while True:
            wait_s = self._until_due_s()
            self._hold(self._fail_safe if wait_s == 0 else None)
            try:
                async with asyncio.timeout(wait_s or None):
                    await self._turned.wait()
            except TimeoutError:
                continue

    def _until_due_s(self) -> float | None:
        """How long until the silence is too long, 0 where it is; None where none ever is."""
        if self._fail_safe is None:
            return None
        left_s = self._answered_s + self._fail_safe.after_s - self._clock.monotonic_s()
        # A millisecond late rather than a rounding error early, which would look again and again.
        return left_s + 0.001 if left_s > 0 else 0.0

    def _hold(self, held: FailSafe | None) -> None:
        if held == self._held:
            return
        self._held = held
        if held is None:
            log.info("limit fail-safe ended")
            self._hold_to(None)
        else:
            log.warning("limit fail-safe current_a=%.1f, the CSMS is silent", held.current_ma / 1_000)
            self._hold_to(held.current_ma)
