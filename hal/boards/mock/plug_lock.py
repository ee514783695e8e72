"""A plug lock whose bolt takes its time, and can jam, or stay where it is."""

import asyncio
from collections.abc import Callable

from hal.values import LockState

TRAVEL_S = 0.4


class MockPlugLock:
    """A motor-driven bolt with a position switch at each end."""

    def __init__(self, changed: Callable[[], None], driven: Callable[[bool], None]) -> None:
        self._changed = changed
        self._driven = driven
        self._loop = asyncio.get_running_loop()
        self._moving: asyncio.TimerHandle | None = None
        self._position = LockState.UNLOCKED
        self.jammed = False
        self.stuck = False
        self.disobeyed = False
        """The bolt did not follow when it was driven last."""

    def lock(self) -> None:
        """Start to drive the bolt in."""
        self._drive(LockState.LOCKED)

    def unlock(self) -> None:
        """Start to drive the bolt out."""
        self._drive(LockState.UNLOCKED)

    def position(self) -> LockState:
        """Where the bolt is; FAILED while it is jammed."""
        return LockState.FAILED if self.jammed else self._position

    def release(self) -> None:
        """Forget pending travel."""
        if self._moving is not None:
            self._moving.cancel()

    def _drive(self, target: LockState) -> None:
        self._driven(target is LockState.LOCKED)
        self.release()
        self.disobeyed = self.jammed or self.stuck
        if self.disobeyed or self._position is target:
            return
        self._position = LockState.MOVING
        self._moving = self._loop.call_later(TRAVEL_S, self._arrive, target)
        self._changed()

    def _arrive(self, target: LockState) -> None:
        self._position = target
        self._changed()
