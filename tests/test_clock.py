"""Who sets the clock, and who is told when it is stepped."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cpd import clock as clock_module
from cpd.clock import ClockSource, LinuxMachine, SystemClock
from tests.virtual_time import run_virtual

TRUE_TIME = datetime(2026, 3, 2, 10, tzinfo=UTC)
NO_BATTERY = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)


class FakeMachine:
    """A machine whose wall clock is set by the test; monotonic time is the loop's."""

    def __init__(self, wall: datetime = NO_BATTERY, *, ntp: bool = False) -> None:
        self.ntp = ntp
        self._loop = asyncio.get_running_loop()
        self._zero = wall - timedelta(seconds=self._loop.time())
        self._notice = asyncio.Event()

    def wall(self) -> datetime:
        return self._zero + timedelta(seconds=self._loop.time())

    def monotonic_s(self) -> float:
        return self._loop.time()

    def synchronised(self) -> bool:
        return self.ntp

    async def wait_for_step(self, at_most_s: float) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await self._notice.wait()
        except TimeoutError:
            pass
        self._notice.clear()

    def step(self, by_s: float, *, noticed: bool = True) -> None:
        self._zero += timedelta(seconds=by_s)
        if noticed:
            self._notice.set()


@contextmanager
def steps_of(clock: SystemClock, tasks: asyncio.TaskGroup) -> Iterator[list[datetime]]:
    """The wall times at which the clock told of a step."""
    steps: list[datetime] = []

    async def listen() -> None:
        while True:
            await clock.stepped()
            steps.append(clock.now())

    running = [tasks.create_task(listen()), tasks.create_task(clock.watch())]
    yield steps
    for task in running:
        task.cancel()


def test_a_clock_that_nobody_has_set_is_not_trusted():
    async def main() -> None:
        clock = SystemClock(FakeMachine())
        assert (clock.source, clock.trusted) == (ClockSource.NONE, False)

    run_virtual(main())


def test_the_csms_sets_a_clock_that_ntp_does_not_keep():
    async def main() -> None:
        clock = SystemClock(FakeMachine())
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(1)
                clock.learn(TRUE_TIME)
                assert (clock.source, clock.now()) == (ClockSource.CSMS, TRUE_TIME)
                await asyncio.sleep(1)
                assert steps == [TRUE_TIME]

    run_virtual(main())


def test_a_csms_that_is_late_by_the_time_of_an_answer_moves_nothing():
    async def main() -> None:
        clock = SystemClock(FakeMachine())
        clock.learn(TRUE_TIME)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(1)
                clock.learn(TRUE_TIME + timedelta(seconds=2.9))
                assert clock.now() == TRUE_TIME + timedelta(seconds=1)
                clock.learn(TRUE_TIME + timedelta(seconds=3.1))
                assert clock.now() == TRUE_TIME + timedelta(seconds=3.1)
                await asyncio.sleep(1)
                assert len(steps) == 1

    run_virtual(main())


def test_ntp_wins_over_the_csms_which_is_told_once(caplog: pytest.LogCaptureFixture):
    async def main() -> None:
        clock = SystemClock(FakeMachine(TRUE_TIME, ntp=True))
        for _ in range(3):
            clock.learn(TRUE_TIME + timedelta(hours=1))
        assert (clock.source, clock.now()) == (ClockSource.NTP, TRUE_TIME)

    run_virtual(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_step_is_told_at_once_where_the_kernel_gives_notice():
    async def main() -> None:
        machine = FakeMachine(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(10)
                machine.step(3600)
                await asyncio.sleep(0.001)
                assert len(steps) == 1
                assert clock.now() - TRUE_TIME == timedelta(seconds=3610.001)

    run_virtual(main())


@pytest.mark.parametrize("by_s", [-3600, 3600])
def test_a_step_without_notice_is_found_within_a_minute(by_s: float):
    async def main() -> None:
        machine = FakeMachine(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(10)
                machine.step(by_s, noticed=False)
                await asyncio.sleep(61)
                assert len(steps) == 1
                await asyncio.sleep(600)
                assert len(steps) == 1

    run_virtual(main())


def test_the_pull_of_a_running_ntp_is_no_step():
    async def main() -> None:
        machine = FakeMachine(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                for _ in range(10):
                    machine.step(1.5)
                    await asyncio.sleep(1)
                assert steps == []

    run_virtual(main())


def test_ntp_takes_over_from_the_csms_with_a_step_of_what_was_wrong(caplog: pytest.LogCaptureFixture):
    async def main() -> None:
        machine = FakeMachine(NO_BATTERY)
        clock = SystemClock(machine)
        clock.learn(TRUE_TIME + timedelta(seconds=5))
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(1)
                machine.ntp = True
                machine.step((TRUE_TIME - NO_BATTERY).total_seconds())
                await asyncio.sleep(1)
                assert clock.source is ClockSource.NTP
                assert clock.now() == TRUE_TIME + timedelta(seconds=2)
                assert len(steps) == 1

    run_virtual(main())
    assert "clock stepped by=-5.0s source=ntp" in caplog.text


def test_the_time_of_the_csms_outlives_a_step_of_the_system_clock():
    async def main() -> None:
        machine = FakeMachine(NO_BATTERY)
        clock = SystemClock(machine)
        clock.learn(TRUE_TIME)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(1)
                machine.step(86_400)
                await asyncio.sleep(1)
                assert clock.now() == TRUE_TIME + timedelta(seconds=2)
                assert steps == []

    run_virtual(main())


def test_a_step_never_moves_a_sleep():
    async def main() -> None:
        machine = FakeMachine(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        started_s = clock.monotonic_s()
        async with asyncio.TaskGroup() as tasks:
            sleeping = [
                tasks.create_task(clock.sleep(10)),
                tasks.create_task(clock.sleep_until(started_s + 10)),
                tasks.create_task(clock.sleep_until(started_s - 10)),
            ]
            await asyncio.sleep(5)
            machine.step(86_400)
            await asyncio.sleep(0)
            assert [task.done() for task in sleeping] == [False, False, True]
        assert clock.monotonic_s() - started_s == pytest.approx(10)

    run_virtual(main())


class TestLinuxMachine:
    async def test_its_clocks_are_those_of_the_system_and_of_the_loop(self):
        machine = LinuxMachine()
        assert machine.wall().utcoffset() == timedelta(0)
        assert abs(machine.wall() - datetime.now(UTC)) < timedelta(seconds=1)
        assert machine.monotonic_s() == pytest.approx(asyncio.get_running_loop().time(), abs=1)
        assert machine.synchronised() in (True, False)

    async def test_waiting_for_a_step_ends_at_its_limit_and_leaves_nothing_open(self):
        def open_files() -> int:
            return len(list(Path("/proc/self/fd").iterdir()))

        before = open_files()
        for _ in range(3):
            await LinuxMachine().wait_for_step(0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await LinuxMachine().wait_for_step(60)
        assert open_files() == before

    async def test_the_kernel_has_the_timer_and_it_is_quiet_without_a_step(self):
        timer = clock_module._cancellable_timer()
        assert timer is not None
        with pytest.raises(BlockingIOError):
            os.read(timer, 8)
        os.close(timer)
