"""The plug lock behind three pins: a motor that drives the bolt in or out, and a contact, closed while it is in.

The motor gets a pulse, never a standing voltage, and only so many of them: it is made for two strokes per session.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from hal.boards.gpio.lines import Contact, Output
from hal.values import LockState

log = logging.getLogger(__name__)

PULSE_S = 0.6
MOST_STROKES = 10
STROKES_WINDOW_S = 60.0
SETTLE_S = 0.05
"""The position counts once its contact has stood this long."""


class GpioPlugLock:
    """A `hal.board.PlugLock`. *position* is a contact that settles for `SETTLE_S`."""

    def __init__(
        self, motor_in: Output, motor_out: Output, position: Contact, *, changed: Callable[[], None]
    ) -> None:
        self._motor_in = motor_in
        self._motor_out = motor_out
        self._contact = position
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._driving: asyncio.TimerHandle | None = None
        self._strokes: deque[float] = deque(maxlen=MOST_STROKES)
        position.watch(changed)

    def lock(self) -> None:
        """Start to drive the bolt in."""
        self._drive(self._motor_in, self._motor_out)

    def unlock(self) -> None:
        """Start to drive the bolt out."""
        self._drive(self._motor_out, self._motor_in)

    def position(self) -> LockState:
        """MOVING while the motor has power, then what the contact says; FAILED where that cannot be read."""
        if self._driving is not None:
            return LockState.MOVING
        locked = self._contact.is_closed()
        if locked is None:
            return LockState.FAILED
        return LockState.LOCKED if locked else LockState.UNLOCKED

    def close(self) -> None:
        """Leave the bolt where it is."""
        if self._driving is not None:
            self._driving.cancel()
            self._rest()

    def _drive(self, this: Output, other: Output) -> None:
        now_s = self._loop.time()
        if len(self._strokes) == MOST_STROKES and now_s < self._strokes[0] + STROKES_WINDOW_S:
            # Whoever wants it asks again; the motor cools down meanwhile.
            log.warning("plug lock: more than %d strokes in %.0f s", MOST_STROKES, STROKES_WINDOW_S)
            return
        self._strokes.append(now_s)
        if self._driving is not None:
            self._driving.cancel()
        # Both at once would short the bridge.
        if other.set(False):
            this.set(True)
        self._driving = self._loop.call_later(PULSE_S, self._rested)
        self._changed()

    def _rested(self) -> None:
        self._rest()
        self._changed()

    def _rest(self) -> None:
        self._driving = None
        self._motor_in.set(False)
        self._motor_out.set(False)
