"""A contactor with travel time and mirror contacts, which can weld, refuse to close, or show nothing, or the wrong.

Its coil hangs on an interlock, a retriggerable monostable: without a heartbeat it opens, whatever is commanded.
"""

import asyncio
from collections.abc import Callable

from hal.board import INTERLOCK_HOLD_S
from hal.values import ContactorState

RELEASE_S = 0.03
CLOSE_S = 0.03


class MockContactor:
    """Coil, main contacts and mirror contacts. *closed* is the physical truth, whatever was commanded."""

    def __init__(
        self, changed: Callable[[], None], commanded: Callable[[bool], None], selected: Callable[[int], None]
    ) -> None:
        self._changed = changed
        self._commanded = commanded
        self._selected = selected
        self._loop = asyncio.get_running_loop()
        self._moving: asyncio.TimerHandle | None = None
        self._held: asyncio.TimerHandle | None = None
        self._held_until_s = 0.0
        self.coil = False
        self.closed = False
        self.phases = 3
        self.welded = False
        self.stuck_open = False
        self.mirror_lost = False
        self.mirror_lies = False

    def command(self, closed: bool) -> None:
        """Energise or release the coil; the contacts follow after their travel."""
        if closed is self.coil:
            return
        self._commanded(closed)
        self.coil = closed
        if self._moving is not None:
            self._moving.cancel()
        self._moving = self._loop.call_later(CLOSE_S if closed else RELEASE_S, self.settle)
        self._changed()

    def heartbeat(self) -> None:
        """Hold the interlock for its time from now on."""
        # One timer, which looks again: six beats a second that each move it are the most of what an hour costs.
        self._held_until_s = self._loop.time() + INTERLOCK_HOLD_S
        if self._held is None:
            self._held = self._loop.call_at(self._held_until_s, self._let_go)

    def select_phases(self, phases: int) -> None:
        """Move the phase relay."""
        if phases != self.phases:
            self._selected(phases)
            self.phases = phases

    def feedback(self) -> ContactorState:
        """What the mirror contacts say."""
        if self.mirror_lost:
            return ContactorState.UNKNOWN
        return ContactorState.CLOSED if self.closed and not self.mirror_lies else ContactorState.OPEN

    def settle(self) -> None:
        """Bring the contacts where the coil, a weld or a jam puts them."""
        energised = self.coil and self._held is not None
        self.closed = self.welded or (energised and not self.stuck_open)
        self._changed()

    def release(self) -> None:
        """Forget pending travel."""
        for timer in (self._moving, self._held):
            if timer is not None:
                timer.cancel()

    def _let_go(self) -> None:
        if self._loop.time() < self._held_until_s:
            self._held = self._loop.call_at(self._held_until_s, self._let_go)
            return
        self._held = None
        if self._moving is not None:
            self._moving.cancel()
        self._moving = self._loop.call_later(RELEASE_S, self.settle)
