"""The guard as a process: how it starts, how it ends, and what survives it."""

import asyncio
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from hal.realtime import SAFETY_PRIORITY, SERVICE_PRIORITY
from hal.unix_socket import GUARD_SOCKET, listening
from hal.values import ContactorState, FaultKind
from hal.world_acts import Break
from tests.process.guard import GuardProcess, charging, guard_process, until, user
from tests.process.program import environment


async def ended(guard: GuardProcess) -> tuple[int, str]:
    """The exit status of a start that fails, and what it said."""
    await guard.launch()
    return await guard.ended(), " ".join(guard.log.split())


def kept(guard: GuardProcess) -> str:
    """The latches as they are in the file, which the guard writes on a thread."""
    return guard.latches.read_text() if guard.latches.exists() else ""


def threads(guard: GuardProcess) -> list[int]:
    return [int(thread.name) for thread in Path(f"/proc/{guard.pid}/task").iterdir()]


def locked_kib(guard: GuardProcess) -> int:
    lines = Path(f"/proc/{guard.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmLck:"))


async def test_it_listens_for_members_of_the_group_only_and_ends_with_status_0(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as guard:
        assert stat.S_IMODE(guard.socket.stat().st_mode) in (0o600, 0o660)
        assert await guard.terminate() == 0
        assert not guard.socket.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_lets_the_vehicle_stop_drawing_and_opens_the_contactor(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with guard_process(tmp_path) as guard, charging(guard):
        mark = len(guard.log)
        assert await guard.terminate(number) == 0
        assert "contactor connector=1 state=open" in guard.log[mark:]
        assert "opened under load" not in guard.log


async def test_a_configuration_with_a_mistake_is_told_in_words_and_ends_with_status_2(tmp_path: Path) -> None:
    async with guard_process(tmp_path, start=False, hal='backend = "gipo"') as guard:
        status, told = await ended(guard)
        assert (status, 'hal.backend = "gipo"' in told, 'Did you mean "gpio"?' in told) == (2, True, True)


async def test_it_reads_the_tables_of_the_hardware_only(tmp_path: Path) -> None:
    async with guard_process(
        tmp_path, start=False, more='[csms]\nurl = "nonsense"\n[colour]\nx = 1'
    ) as guard:
        await guard.start()
        assert await guard.terminate() == 0


@pytest.mark.parametrize(
    ("backend", "lines"),
    [
        ("openevse", '[connector.serial]\nport = "/dev/nowhere"'),
        ("simpleevse", '[connector.serial]\nport = "/dev/nowhere"'),
        ("gpio", "[connector.gpio]\ncontactor = 23\nfeedback = 24\nheartbeat = 25"),
    ],
)
async def test_a_device_that_is_not_there_stops_the_start_with_status_2(
    tmp_path: Path, backend: str, lines: str
) -> None:
    connector = f"lock = false\n{lines}"
    async with guard_process(
        tmp_path, start=False, hal=f'backend = "{backend}"', connector=connector
    ) as guard:
        status, told = await ended(guard)
        assert status == 2
        assert "; " in told, "a reason, and what to do"


async def test_a_second_guard_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as first, charging(first) as driver:
        second = GuardProcess(tmp_path, first.config)
        status, told = await ended(second)
        assert (status, "another guard is running" in told) == (2, True)
        assert driver.evse.snapshot().contactor is ContactorState.CLOSED
        assert first.socket.exists()


async def test_a_start_that_is_refused_touches_no_output_of_the_living_guard(tmp_path: Path) -> None:
    pins = "lock = false\n[connector.gpio]\ncontactor = 23\nfeedback = 24\nheartbeat = 25"
    async with guard_process(tmp_path, start=False, hal='backend = "gpio"', connector=pins) as guard:
        with listening(guard.socket, GUARD_SOCKET):
            status, told = await ended(guard)
        assert (status, "another guard is running" in told) == (2, True)
        assert "safe-outputs" not in told
        status, told = await ended(guard)
        assert "safe-outputs: pilot of connector 1" in told


async def test_the_socket_of_a_killed_guard_is_replaced(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as guard:
        await guard.power_cut()
        assert guard.socket.exists()
        await guard.start()
        async with user(guard) as driver:
            assert driver.evse.snapshot().contactor is ContactorState.OPEN


async def test_a_welded_contactor_is_still_known_after_a_kill(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as guard:
        async with charging(guard) as driver:
            await driver.do(Break(connector=1, kind=FaultKind.CONTACTOR_WELDED, active=True))
            driver.evse.offer(None)
            await driver.until(lambda now: now.opening_fault is not None)
            await until(lambda: "contactor_welded" in kept(guard))
            await guard.power_cut()
        await guard.start()
        async with user(guard) as driver:
            kinds = [fault.kind for fault in driver.evse.snapshot().faults]
            assert FaultKind.CONTACTOR_WELDED in kinds


async def test_a_state_directory_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    async with guard_process(tmp_path, start=False) as guard:
        guard.latches.parent.mkdir()
        guard.latches.write_text("{")
        status, told = await ended(guard)
        assert (status, "check the contactors" in told) == (2, True)


async def test_the_watchdog_is_fed_and_readiness_told(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(address))
        heard.setblocking(False)
        loop = asyncio.get_running_loop()
        told = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "200000"}
        async with guard_process(tmp_path, environment=told) as guard, asyncio.timeout(20):
            received = {await loop.sock_recv(heard, 64) for _ in range(4)}
            assert received == {b"READY=1", b"STATUS=mock, outlets: 1", b"WATCHDOG=1"}
            await guard.terminate()
            while await loop.sock_recv(heard, 64) != b"STOPPING=1":
                pass


async def test_its_threads_run_in_real_time_or_it_says_that_they_may_not(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as guard:
        if "not permitted measure=realtime_scheduling" in guard.log:
            assert {os.sched_getscheduler(thread) for thread in threads(guard)} == {os.SCHED_OTHER}
            return
        priorities = {os.sched_getparam(thread).sched_priority for thread in threads(guard)}
        assert os.sched_getscheduler(guard.pid) == os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        assert os.sched_getparam(guard.pid).sched_priority == SAFETY_PRIORITY
        assert priorities == {SAFETY_PRIORITY, SERVICE_PRIORITY}


async def test_its_memory_stays_where_it_is_or_it_says_that_it_may_not(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as guard:
        assert (locked_kib(guard) > 1_000) is not ("not permitted measure=lock_memory" in guard.log)


async def test_a_log_that_nobody_reads_holds_nothing_up(tmp_path: Path) -> None:
    """Standard error is a pipe that is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, bytes(4096)):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    async with guard_process(tmp_path, start=False) as guard:
        process = await asyncio.create_subprocess_exec(
            *guard.command, stderr=writing, stdin=asyncio.subprocess.DEVNULL, env=environment()
        )
        os.close(writing)
        try:
            async with charging(guard) as driver:
                driver.evse.offer(None)
                await driver.until(lambda now: now.contactor is ContactorState.OPEN)
            process.terminate()
            async with asyncio.timeout(20):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(reading)
