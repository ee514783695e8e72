"""Who sets the clock, and who is told when it is stepped."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cpd import clock as clock_module
from cpd.clock import RELEASED, RETIRED, ClockSource, LinuxMachine, SystemClock
from tests.virtual_time import VirtualMachine, run_virtual

TRUE_TIME = datetime(2026, 3, 2, 10, tzinfo=UTC)
NO_BATTERY = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
IMPOSSIBLE = [
    datetime(1, 1, 1, tzinfo=UTC),
    NO_BATTERY,
    RELEASED - timedelta(microseconds=1),
    RETIRED,
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


def unset() -> VirtualMachine:
    return VirtualMachine(NO_BATTERY, ntp=False)


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
        clock = SystemClock(unset())
        assert (clock.source, clock.trusted) == (ClockSource.NONE, False)

    run_virtual(main())


def test_the_csms_sets_a_clock_that_ntp_does_not_keep():
    async def main() -> None:
        clock = SystemClock(unset())
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
        clock = SystemClock(unset())
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
        clock = SystemClock(VirtualMachine(TRUE_TIME, ntp=True))
        for _ in range(3):
            clock.learn(TRUE_TIME + timedelta(hours=1))
        assert (clock.source, clock.now()) == (ClockSource.NTP, TRUE_TIME)

    run_virtual(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_step_is_told_at_once_where_the_kernel_gives_notice():
    async def main() -> None:
        machine = VirtualMachine(TRUE_TIME, ntp=True)
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
        machine = VirtualMachine(TRUE_TIME, ntp=True)
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
        machine = VirtualMachine(TRUE_TIME, ntp=True)
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
        machine = unset()
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
        machine = unset()
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


def test_whoever_asks_for_the_time_is_the_first_to_notice_a_step():
    async def main() -> None:
        machine = VirtualMachine(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(10)
                machine.step(3600, noticed=False)
                assert clock.now() == TRUE_TIME + timedelta(seconds=3610)
                await asyncio.sleep(0)
                assert len(steps) == 1

    run_virtual(main())


@pytest.mark.parametrize("at", IMPOSSIBLE)
def test_a_system_clock_that_shows_an_impossible_time_is_not_trusted_whoever_keeps_it(at: datetime):
    async def main() -> None:
        clock = SystemClock(VirtualMachine(at, ntp=True))
        assert clock.source is ClockSource.NONE
        clock.look()
        assert clock.source is ClockSource.NONE
        clock.learn(TRUE_TIME)
        assert (clock.source, clock.now()) == (ClockSource.CSMS, TRUE_TIME)

    run_virtual(main())


@pytest.mark.parametrize("at", IMPOSSIBLE)
@pytest.mark.parametrize("ntp", [True, False])
def test_an_impossible_time_of_the_csms_is_refused(at: datetime, ntp: bool):
    async def main() -> None:
        clock = SystemClock(VirtualMachine(TRUE_TIME, ntp=ntp))
        before = clock.source
        with pytest.raises(ValueError, match="is not within 2026 to 2100"):
            clock.learn(at)
        assert (clock.source, clock.now()) == (before, TRUE_TIME)

    run_virtual(main())


def test_a_step_to_an_impossible_time_is_not_followed_and_the_csms_is_heard_from_then_on(
    caplog: pytest.LogCaptureFixture,
):
    async def main() -> None:
        machine = VirtualMachine(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(10)
                machine.step(-3 * 365 * 86_400)
                await asyncio.sleep(200)
                assert clock.now() == TRUE_TIME + timedelta(seconds=210)
                assert (clock.trusted, steps) == (True, [])
                clock.learn(TRUE_TIME + timedelta(seconds=300))
                await asyncio.sleep(0)
                assert (clock.source, steps) == (ClockSource.CSMS, [clock.now()])
                machine.step(3 * 365 * 86_400)
                await asyncio.sleep(1)
                assert (clock.source, clock.now()) == (ClockSource.NTP, TRUE_TIME + timedelta(seconds=211))

    run_virtual(main())
    assert [one.message for one in caplog.records if "impossible" in one.message] == [
        "clock of the system is impossible, not followed by=-94608000.0s"
    ]


def test_a_clock_that_nobody_has_set_begins_no_earlier_than_the_release_and_than_what_was_kept():
    async def main() -> None:
        clock = SystemClock(unset())
        assert clock.now() == RELEASED
        clock.not_before(TRUE_TIME)
        await asyncio.sleep(60)
        clock.not_before(RELEASED)
        clock.not_before(RETIRED)
        assert clock.now() == TRUE_TIME + timedelta(seconds=60)
        assert not clock.trusted

    run_virtual(main())


@pytest.mark.parametrize("ntp", [True, False])
def test_what_was_kept_moves_no_clock_that_somebody_has_set(ntp: bool):
    async def main() -> None:
        clock = SystemClock(VirtualMachine(TRUE_TIME, ntp=ntp))
        if not ntp:
            clock.learn(TRUE_TIME)
        clock.not_before(TRUE_TIME + timedelta(days=1))
        assert clock.now() == TRUE_TIME

    run_virtual(main())


def test_a_process_that_is_held_while_it_looks_at_the_clocks_sees_no_step():
    class Held(VirtualMachine):
        held_s = 0.0

        def wall(self) -> datetime:
            shown, self.held_s = super().wall() - timedelta(seconds=self.held_s), 0.0
            return shown

    async def main() -> None:
        machine = Held(TRUE_TIME, ntp=True)
        clock = SystemClock(machine)
        async with asyncio.TaskGroup() as tasks:
            with steps_of(clock, tasks) as steps:
                await asyncio.sleep(10)
                machine.held_s = 30.0
                assert clock.now() == TRUE_TIME + timedelta(seconds=10)
                await asyncio.sleep(0)
                assert steps == []

    run_virtual(main())


def test_a_step_never_moves_a_sleep():
    async def main() -> None:
        machine = VirtualMachine(TRUE_TIME, ntp=True)
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

    async def test_a_boot_has_one_name_in_every_process(self):
        boots = []
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from cpd.clock import LinuxMachine; print(LinuxMachine().boot())",
                stdout=asyncio.subprocess.PIPE,
            )
            out, _err = await process.communicate()
            boots.append(out.decode().strip())
        assert boots == [LinuxMachine().boot()] * 2

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
