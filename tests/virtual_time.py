"""An event loop whose clock jumps to the next timer: hours of the daemon's life in milliseconds.

It jumps only while nothing is ready and no thread job is outstanding, because a job's result arrives in real
time: jumping past it would let `asyncio.timeout` around the job fire at once.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cpd.clock import ClockSource, SystemClock

T = TypeVar("T")

STUCK_AFTER_S = 20.0
"""Real seconds that the loop waits for a thread job or socket before it calls the test stuck."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, jumped: Callable[[], None]) -> None:
        super().__init__()
        self._jumped = jumped
        self.now_s = 1_000.0
        self.jobs = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.jobs == 0 and timeout is not None:
            self.now_s += timeout
            self._jumped()
            return ready
        ready = super().select(STUCK_AFTER_S)
        if not ready:
            raise RuntimeError(f"virtual loop is stuck: {self.jobs} thread jobs outstanding, no timer due")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time; `time()` starts at 1 000 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector(self._jumped)
        super().__init__(self._jumping)
        self._jumped()

    def time(self) -> float:
        return self._jumping.now_s

    def _jumped(self) -> None:
        # No timer is called before its time, not even by a picosecond: who then looks at the clock waits again.
        self._clock_resolution = math.ulp(self._jumping.now_s)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._jumping.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _future: object) -> None:
        self._jumping.jobs -= 1


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* to its end on a fresh virtual loop."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


class VirtualMachine:
    """A `cpd.clock.Machine` on the running loop's time; its wall clock and its NTP are the test's."""

    def __init__(self, wall: datetime, *, ntp: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._notice = asyncio.Event()
        self._boots = 1
        self.ntp = ntp
        self.set(wall)

    def wall(self) -> datetime:
        return self._shown + timedelta(seconds=self._loop.time() - self._set_s)

    def monotonic_s(self) -> float:
        return self._loop.time()

    def boot(self) -> str:
        return f"boot-{self._boots}"

    def synchronised(self) -> bool:
        return self.ntp

    async def wait_for_step(self, at_most_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._notice.wait()
        self._notice.clear()

    def set(self, wall: datetime) -> None:
        """The wall clock shows *wall*."""
        self._shown, self._set_s = wall, self._loop.time()

    def step(self, by_s: float, *, noticed: bool = True) -> None:
        """Step the wall clock; *noticed*: the kernel can tell of it."""
        self._shown += timedelta(seconds=by_s)
        if noticed:
            self._notice.set()

    def reboot(self) -> None:
        """The machine starts anew: what its monotonic clock shows has nothing to do with what it showed before."""
        self._boots += 1


class VirtualClock(SystemClock):
    """The daemon's own clock on a `VirtualMachine`; whoever sets it is looked at there and then."""

    def __init__(
        self, start: datetime = datetime(2026, 3, 2, 10, tzinfo=UTC), *, source: ClockSource = ClockSource.NTP
    ) -> None:
        self.machine = VirtualMachine(start, ntp=source is ClockSource.NTP)
        super().__init__(self.machine)
        if source is ClockSource.CSMS:
            self.learn(start)

    def restart(self) -> None:
        """A new daemon on the machine: what the CSMS told the one before is gone."""
        super().__init__(self.machine)

    def forget(self, shown: datetime) -> None:
        """The machine starts anew without a battery: its wall clock shows *shown*, and nobody vouches for it."""
        self.machine.reboot()
        self.machine.ntp = False
        self.machine.set(shown)
        self.restart()

    def step(self, by_s: float) -> None:
        """Step the system's clock, as NTP or an operator would."""
        self.machine.step(by_s)
        self.look()
