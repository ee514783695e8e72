"""The one place that knows what time it is.

Durations are on the monotonic clock, which is the event loop's own; wall time is for schedules and timestamps
only. A Raspberry Pi has no battery clock: until NTP or the CSMS has set it, wall time is not `trusted`.

Who is believed: NTP, while it keeps the system's clock and that shows a possible time; else the CSMS. What either
has told goes on with the monotonic clock, which no wrong step moves.
"""

import asyncio
import ctypes
import logging
import os
import struct
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No later than this release was made: a clock that shows less is wrong, whoever set it. Moves with releases."""

RETIRED = datetime(2100, 1, 1, tzinfo=UTC)
"""This release runs nowhere any more: a clock that shows this is as wrong as one before `RELEASED`."""

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

    @property
    def boot(self) -> str:
        """The boot of the machine whose monotonic clock this is: instants of two boots cannot be compared."""

    def now(self) -> datetime:
        """Wall time, aware UTC, never before `RELEASED`; meaningless for the outside while not `trusted`."""

    def monotonic_s(self) -> float:
        """Seconds on the event loop's clock, which no clock step moves."""

    async def sleep(self, duration_s: float) -> None:
        """Wait *duration_s* seconds of monotonic time."""

    async def sleep_until(self, monotonic_s: float) -> None:
        """Wait until `monotonic_s()` reaches the given instant; at once where it is past."""

    def system_now(self) -> datetime:
        """What the machine's own wall clock shows, right or wrong."""

    def learn(self, now: datetime) -> None:
        """The CSMS says that it is *now*. Without effect while NTP keeps the clock.

        Raises ValueError, with nothing changed, for a time before `RELEASED` or from `RETIRED` on.
        """

    def not_before(self, at: datetime) -> None:
        """It is *at* or later, as the store shows; moves a clock that nobody has set, and no other.

        Without effect where *at* is impossible.
        """

    async def stepped(self) -> None:
        """Return after the next step of the wall clock, or change of its source."""


class Machine(Protocol):
    """The clocks of the machine as its kernel keeps them."""

    def wall(self) -> datetime:
        """The system's wall clock, aware UTC, right or wrong."""

    def monotonic_s(self) -> float:
        """The clock that only runs forward, and that the event loop's timers use."""

    def boot(self) -> str:
        """The boot that `monotonic_s` belongs to, by a name that no other boot has."""

    def synchronised(self) -> bool:
        """True when an NTP daemon has set the wall clock."""

    async def wait_for_step(self, at_most_s: float) -> None:
        """Return once the wall clock was stepped, or after *at_most_s* seconds, or early for no reason."""


class SystemClock:
    """The machine's clocks, corrected by the CSMS where NTP does not keep them.

    The system's own clock is never set (that would need a privilege). It is read only while NTP keeps it: what the
    CSMS told goes on with the monotonic clock, so that nothing on the machine can move it.
    """

    def __init__(self, machine: Machine | None = None) -> None:
        self._machine = machine or LinuxMachine()
        self._stepped = asyncio.Event()
        self._source = ClockSource.NONE
        self._ntp = False
        self._csms_differs = False
        # The wall time at which the monotonic clock was 0.
        self._zero = self._system_zero() if _possible(self._machine.wall()) else RELEASED - self._running()
        if self._kept_by_ntp():
            self._source, self._ntp = ClockSource.NTP, True

    @property
    def source(self) -> ClockSource:
        return self._source

    @property
    def trusted(self) -> bool:
        return self._source is not ClockSource.NONE

    @property
    def boot(self) -> str:
        return self._machine.boot()

    def now(self) -> datetime:
        # Whoever asks is not told a time that has not been looked at: notice of a step may come a minute later.
        self._follow_system()
        return self._zero + self._running()

    def monotonic_s(self) -> float:
        return self._machine.monotonic_s()

    async def sleep(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)

    async def sleep_until(self, monotonic_s: float) -> None:
        await asyncio.sleep(max(0.0, monotonic_s - self.monotonic_s()))

    def system_now(self) -> datetime:
        return self._machine.wall()

    def learn(self, now: datetime) -> None:
        if not _possible(now):
            raise ValueError(f"{now.isoformat()} is not within {RELEASED:%Y} to {RETIRED:%Y}")
        error = now - self.now()
        differs = abs(error) > STEP
        if self._ntp:
            if differs and not self._csms_differs:
                log.warning("clock csms differs from ntp by=%.1fs, ntp is kept", error.total_seconds())
            self._csms_differs = differs
            return
        if differs or self._source is not ClockSource.CSMS:
            self._source = ClockSource.CSMS
            self._zero += error
            log.info("clock set by=csms step=%.1fs", error.total_seconds())
            self._notify()

    def not_before(self, at: datetime) -> None:
        if not self.trusted and _possible(at):
            self._zero = max(self._zero, at - self._running())

    async def stepped(self) -> None:
        await self._stepped.wait()

    async def watch(self) -> None:
        """Notice steps of the system's clock and the arrival of NTP, for ever; one task of the daemon."""
        while True:
            await self._machine.wait_for_step(STEP_CAP_S)
            self.look()

    def look(self) -> None:
        """See whether NTP has arrived, and whether the system's clock was stepped."""
        if not self._ntp and self._kept_by_ntp():
            self._ntp, self._source = True, ClockSource.NTP
            self._step(self._moved())
        else:
            self._follow_system()

    def _follow_system(self) -> None:
        """Take the system's time while NTP keeps it; an impossible one ends that."""
        if not self._ntp:
            return
        moved = self._moved()
        if abs(moved) <= STEP:
            self._zero += moved
        elif _possible(self._machine.wall()):
            self._step(moved)
        else:
            self._ntp = False
            log.warning("clock of the system is impossible, not followed by=%.1fs", moved.total_seconds())

    def _step(self, moved: timedelta) -> None:
        self._zero += moved
        log.warning("clock stepped by=%.1fs source=%s", moved.total_seconds(), self._source)
        self._notify()

    def _kept_by_ntp(self) -> bool:
        return _possible(self._machine.wall()) and self._machine.synchronised()

    def _moved(self) -> timedelta:
        """How far the system's clock is from where it was; the less of two looks.

        A process that is held between reading one clock and the other would see a step that was none.
        """
        return min((self._system_zero() - self._zero for _ in range(2)), key=abs)

    def _system_zero(self) -> datetime:
        return self._machine.wall() - self._running()

    def _running(self) -> timedelta:
        return timedelta(seconds=self._machine.monotonic_s())

    def _notify(self) -> None:
        self._stepped.set()
        self._stepped = asyncio.Event()


def _possible(at: datetime) -> bool:
    return RELEASED <= at < RETIRED


class LinuxMachine:
    """A `Machine` on Linux; where a kernel facility is missing, steps are noticed by looking."""

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    def boot(self) -> str:
        return _boot_id()

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


_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5
_CLOCK_REALTIME = 0
_ABSTIME_CANCEL_ON_SET = 0b11
_FAR_FUTURE_S = min(1 << 33, (1 << (8 * struct.calcsize("l") - 1)) - 1)


@cache
def _boot_id() -> str:
    """The kernel's name of its boot; where it has none, every process counts as one."""
    try:
        return uuid.UUID(_BOOT_ID.read_text(encoding="ascii").strip()).hex
    except (OSError, ValueError):
        return uuid.uuid4().hex


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
