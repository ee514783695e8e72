"""The heartbeat of an OpenEVSE: where it listens for that, it is told every 3 s that somebody supervises it."""

import asyncio
import logging

from hal.controllers.rapi_link import RapiLink

log = logging.getLogger(__name__)

HEARTBEAT_S = 10
"""How long the controller waits for a sign of life. Its counter is of 16 bits of ms: more than 60 s may wrap."""

HEARTBEAT_A = 6
"""What it lowers its pilot to where none comes; it opens nothing."""

PULSE_S = 3.0
_MISS_ACKNOWLEDGED = "SY 165"


class Heartbeat:
    """The heartbeat of the controller of *connector* behind *link*."""

    def __init__(self, link: RapiLink, connector: int) -> None:
        self._link = link
        self._connector = connector
        self._loop = asyncio.get_running_loop()
        self._is_watched = False
        self._due_s = self._loop.time()

    async def begin(self) -> bool:
        """Have it watched; False where the firmware cannot. A miss of before is acknowledged first."""
        wish = f"SY {HEARTBEAT_S} {HEARTBEAT_A}"
        self._is_watched = (await self._link.ask(wish)).accepted
        if not self._is_watched:
            await self._link.ask(_MISS_ACKNOWLEDGED)
            self._is_watched = (await self._link.ask(wish)).accepted
        return self._is_watched

    async def keep(self) -> None:
        """Tell the controller, where it is due, that it is supervised, and that a miss was noticed."""
        if not self._is_watched or self._loop.time() < self._due_s:
            return
        self._due_s = self._loop.time() + PULSE_S
        if not (await self._link.ask("SY")).accepted:
            log.warning("controller connector=%d missed a heartbeat", self._connector)
            await self._link.ask(_MISS_ACKNOWLEDGED)
