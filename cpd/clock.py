"""The one place that knows what time it is.

Durations are on the monotonic clock, which is the event loop's own; wall time is for schedules and timestamps
only. A Raspberry Pi has no battery clock: until NTP or the CSMS has set it, wall time is not `trusted`.
"""

import asyncio
import ctypes
import logging
import os
import struct
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

STEP_CAP_S = 60.0
"""Where the kernel cannot tell of a wall-clock step, it is looked for this often."""

STEP = timedelta(seconds=2)
"""A difference between wall and monotonic time beyond which it is called a step."""


class ClockSource(StrEnum):
    """Who set the wall clock; NONE until somebody trustworthy has."""

    NONE = "none"
    NTP = "ntp"
    CSMS = "csms"


class Clock(Protocol):
    """Time as the daemon sees it."""

    @property
    def source(self) -> ClockSource:
        """Who set the wall clock."""

    @property
    def trusted(self) -> bool:
        """True once the wall clock can be used for schedules and timestamps."""

    def now(self) -> datetime:
        """Wall time, aware UTC; meaningless for the outside while not `trusted`."""

    def monotonic_s(self) -> float:
        """Seconds on the event loop's clock, which no clock step moves."""

    async def sleep(self, duration_s: float) -> None:
        """Wait *duration_s* seconds of monotonic time."""

    async def sleep_until(self, monotonic_s: float) -> None:
        """Wait until `monotonic_s()` reaches the given instant; at once where it is past."""

    def learn(self, now: datetime) -> None:
        """The CSMS says that it is *now*. Without effect while NTP keeps the clock."""

    async def stepped(self) -> None:
        """Return after the next step of the wall clock, or change of its source."""


class Machine(Protocol):
    """The clocks of the machine as its kernel keeps them."""

    def wall(self) -> datetime:
        """The system's wall clock, aware UTC, right or wrong."""

    def monotonic_s(self) -> float:
        """The clock that only runs forward, and that the event loop's timers use."""

    def synchronised(self) -> bool:
        """True when an NTP daemon has set the wall clock."""

    async def wait_for_step(self, at_most_s: float) -> None:
        """Return once the wall clock was stepped, or after *at_most_s* seconds, or early for no reason."""


class SystemClock:
    """The machine's clocks, corrected by the CSMS where NTP does not keep them.

    The system's own clock is never set (that would need a privilege): an offset is kept instead.
    """

    def __init__(self, machine: Machine | None = None) -> None:
        self._machine = machine or LinuxMachine()
        self._offset = timedelta(0)
        self._csms = False
        self._csms_differs = False
        self._ntp = self._machine.synchronised()
        self._anchor = self._measure()
        self._stepped = asyncio.Event()

    @property
    def source(self) -> ClockSource:
        if self._ntp:
            return ClockSource.NTP
        return ClockSource.CSMS if self._csms else ClockSource.NONE

    @property
    def trusted(self) -> bool:
        return self.source is not ClockSource.NONE

    def now(self) -> datetime:
        return self._machine.wall() + self._offset

    def monotonic_s(self) -> float:
        return self._machine.monotonic_s()

    async def sleep(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)

    async def sleep_until(self, monotonic_s: float) -> None:
        await asyncio.sleep(max(0.0, monotonic_s - self.monotonic_s()))

    def learn(self, now: datetime) -> None:
        error = now - self.now()
        differs = abs(error) > STEP
        if self._ntp:
            if differs and not self._csms_differs:
                log.warning("clock csms differs from ntp by=%.1fs, ntp is kept", error.total_seconds())
            self._csms_differs = differs
            return
        first, self._csms = not self._csms, True
        if first or differs:
            self._offset += error
            self._anchor = self._measure()
            log.info("clock set by=csms step=%.1fs", error.total_seconds())
            self._notify()

    async def stepped(self) -> None:
        await self._stepped.wait()

    async def watch(self) -> None:
        """Notice steps of the system's clock and the arrival of NTP, for ever; one task of the daemon."""
        while True:
            await self._machine.wait_for_step(STEP_CAP_S)
            self._check()

    def _check(self) -> None:
        anchor = self._measure()
        moved, self._anchor = anchor - self._anchor, anchor
        arrived = not self._ntp and self._machine.synchronised()
        if arrived:
            self._ntp = True
            moved, self._offset = moved - self._offset, timedelta(0)
        elif abs(moved) > STEP and self.source is ClockSource.CSMS:
            # The CSMS's time still holds: the step of the system's clock is taken out again.
            self._offset -= moved
            return
        if arrived or abs(moved) > STEP:
            log.warning("clock stepped by=%.1fs source=%s", moved.total_seconds(), self.source)
            self._notify()

    def _measure(self) -> timedelta:
        return self._machine.wall() - _EPOCH - timedelta(seconds=self._machine.monotonic_s())

    def _notify(self) -> None:
        self._stepped.set()
        self._stepped = asyncio.Event()


class LinuxMachine:
    """A `Machine` on Linux; where a kernel facility is missing, steps are noticed by looking."""

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    def synchronised(self) -> bool:
        """True when timesyncd has set the clock, or the kernel says that some NTP daemon keeps it (adjtimex)."""
        if _TIMESYNCD_MARK.exists():
            return True
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "adjtimex"):
            return False
        # All zero, struct timex only asks; the answer is the state of the clock.
        timex = ctypes.create_string_buffer(512)
        return bool(0 <= libc.adjtimex(timex) < _TIME_ERROR)

    async def wait_for_step(self, at_most_s: float) -> None:
        """See `Machine`; a timerfd that is cancelled by a step is the kernel's notice of it (man timerfd_create)."""
        timer = _cancellable_timer()
        if timer is None:
            await asyncio.sleep(at_most_s)
            return
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(timer, readable.set)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(at_most_s):
                    await readable.wait()
        finally:
            loop.remove_reader(timer)
            os.close(timer)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_TIME_ERROR = 5
_CLOCK_REALTIME = 0
_ABSTIME_CANCEL_ON_SET = 0b11
_FAR_FUTURE_S = min(1 << 33, (1 << (8 * struct.calcsize("l") - 1)) - 1)


def _cancellable_timer() -> int | None:
    """A timer that becomes readable when the wall clock is stepped; None where the kernel has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "timerfd_create"):
        return None
    timer = int(libc.timerfd_create(_CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))
    if timer < 0:
        return None
    # struct itimerspec of the C library's plain ABI: four longs, also where a long has 32 bits.
    never = struct.pack("@llll", 0, 0, _FAR_FUTURE_S, 0)
    if libc.timerfd_settime(timer, _ABSTIME_CANCEL_ON_SET, never, None) < 0:
        os.close(timer)
        return None
    return timer
