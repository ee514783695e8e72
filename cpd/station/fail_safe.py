"""What may flow while the CSMS is silent: a lower limit on every connector, from some time after its last answer.

Only an answered call is a sign of life: a link may stand for hours with nobody behind it.
"""

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

    def __init__(self, clock: Clock, hold_to: Callable[[int | None], None]) -> None:
        """*hold_to* holds the outlets to a current in mA; None lets them go again."""
        self._clock = clock
        self._hold_to = hold_to
        self._answered_s = clock.monotonic_s()
        self._answered = Signal()

    def answered(self) -> None:
        """The CSMS has answered a call."""
        self._answered_s = self._clock.monotonic_s()
        self._answered.fire()

    async def watch(self, fail_safe: FailSafe) -> Never:
        """Hold the outlets to the fail-safe current while the silence is too long, for ever."""
        while True:
            due_s = self._answered_s + fail_safe.after_s
            if self._clock.monotonic_s() < due_s:
                # A millisecond late rather than a rounding error early, which would look again and again.
                await self._clock.sleep_until(due_s + 0.001)
                continue
            log.warning("limit fail-safe current_a=%.1f, the CSMS is silent", fail_safe.current_ma / 1_000)
            self._hold_to(fail_safe.current_ma)
            await self._answered.wait()
            log.info("limit fail-safe ended, the CSMS has answered")
            self._hold_to(None)
