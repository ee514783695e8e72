"""What may flow while the CSMS is away: a lower limit on every connector, from some time after it fell silent."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from cpd.station.csms import Csms
from cpd.station.signal import Signal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailSafe:
    """What may flow on each connector, in mA per phase, once the CSMS has been away for *after_s* seconds."""

    after_s: int
    current_ma: int

    async def watch(self, csms: Csms, changed: Signal, hold_to: Callable[[int | None], None]) -> None:
        """Hold the outlets to the fail-safe current for as long as *csms* is away for too long, for ever.

        *changed* fires whenever *csms* may have come or gone; *hold_to* None lets the outlets go again.
        """
        while True:
            try:
                async with asyncio.timeout(self.after_s):
                    while not csms.online:
                        await changed.wait()
            except TimeoutError:
                log.warning("limit fail-safe current_a=%.1f, the CSMS is away", self.current_ma / 1_000)
                hold_to(self.current_ma)
                while not csms.online:
                    await changed.wait()
                hold_to(None)
            while csms.online:
                await changed.wait()
