"""An event loop whose clock jumps to the next timer: hours of the daemon's life in milliseconds.

It jumps only while nothing is ready and no thread job is outstanding, because a job's result arrives in real
time: jumping past it would let `asyncio.timeout` around the job fire at once.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cpd.clock import ClockSource

T = TypeVar("T")

STUCK_AFTER_S = 20.0
"""Real seconds that the loop waits for a thread job or socket before it calls the test stuck."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0
        self.jobs = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.jobs == 0 and timeout is not None:
            self.now_s += timeout
            return ready
        ready = super().select(STUCK_AFTER_S)
        if not ready:
            raise RuntimeError(f"virtual loop is stuck: {self.jobs} thread jobs outstanding, no timer due")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time; `time()` starts at 1 000 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now_s

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


class VirtualClock:
    """A `cpd.clock.Clock` on the running loop's time; the wall clock is stepped by the test."""

    def __init__(
        self, start: datetime = datetime(2026, 3, 2, 10, tzinfo=UTC), *, source: ClockSource = ClockSource.NTP
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoch = start - timedelta(seconds=self._loop.time())
        self._source = source
        self._stepped = asyncio.Event()

    @property
    def source(self) -> ClockSource:
        return self._source

    @property
    def trusted(self) -> bool:
        return self._source is not ClockSource.NONE

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._loop.time())

    def monotonic_s(self) -> float:
        return self._loop.time()

    async def sleep(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)

    async def sleep_until(self, monotonic_s: float) -> None:
        await asyncio.sleep(max(0.0, monotonic_s - self._loop.time()))

    def learn(self, now: datetime) -> None:
        if self._source is not ClockSource.NTP:
            self._source = ClockSource.CSMS
            self._epoch = now - timedelta(seconds=self._loop.time())
            self._notify()

    async def stepped(self) -> None:
        await self._stepped.wait()

    def forget(self, now: datetime) -> None:
        """The machine starts anew without a battery: its wall clock shows *now*, and nobody vouches for it."""
        self._source = ClockSource.NONE
        self._epoch = now - timedelta(seconds=self._loop.time())
        self._notify()

    def step(self, by_s: float) -> None:
        """Step the wall clock, as NTP or an operator would."""
        self._epoch += timedelta(seconds=by_s)
        self._notify()

    def _notify(self) -> None:
        self._stepped.set()
        self._stepped = asyncio.Event()
