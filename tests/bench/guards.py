"""How soon a contactor opens in the guard process with no core to spare, whatever the daemon does (rows 22 … 24).

A round ends with every second vehicle unplugged and the others opening S2. In the disturbed rounds the daemon is
stopped, killed, blocked or waits for its disk meanwhile, in turn; its vehicles go on under the offers that it gave.
"""

import asyncio
import json
import os
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGSTOP, SIGUSR1
from typing import Any

from hal.evse import LEASE_S
from tests.bench.central_system import CentralSystem
from tests.bench.charger import ATTACH_S, configure, environment
from tests.bench.outlets import OUTLETS, ROUNDS, asking, hogs
from tests.bench.table import Figure, Measure, times

BLOCKED_S = 5
WITHDRAW_S = 6.0
ANSWER_S = 90.0
"""How long the guard may take with what it was told: twenty sessions begin beside the hogs."""

_DAEMON = f"""
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: time.sleep({BLOCKED_S}))
from cpd.cli.main import main
sys.exit(main())
"""
"""``cpd`` whose event loop stands still for a while where it is told so."""

Trouble = Callable[[], AbstractAsyncContextManager[None]]


class Rig:
    """A guard with its vehicles and the daemon that gives the offers."""

    def __init__(self, config: Path, csms: CentralSystem, guard: Process, log: int) -> None:
        self._config = config
        self._csms = csms
        self._guard = guard
        self._log = log
        self._daemon: Process | None = None

    async def start_daemon(self) -> None:
        """Start the daemon; its vehicles tell when it is up."""
        self._csms.expect_boot()
        self._daemon = await create_subprocess_exec(
            *(sys.executable, "-c", _DAEMON, "run", "--config", str(self._config)),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=self._log,
            env=environment(),
        )

    async def end_daemon(self) -> None:
        """SIGKILL."""
        assert self._daemon is not None
        if self._daemon.returncode is None:
            self._daemon.kill()
        await self._daemon.wait()

    async def tell(self, word: str) -> Any:
        """Have the guard do *word*, and hear what it saw."""
        assert self._guard.stdin is not None and self._guard.stdout is not None
        self._guard.stdin.write(f"{word}\n".encode())
        async with asyncio.timeout(ANSWER_S):
            line = await self._guard.stdout.readline()
        assert line, "the guard of the bench has died"
        return json.loads(line)

    @asynccontextmanager
    async def untroubled(self) -> AsyncIterator[None]:
        """The daemon is as ever."""
        yield

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """The daemon does not run for a while."""
        assert self._daemon is not None
        self._daemon.send_signal(SIGSTOP)
        try:
            yield
        finally:
            self._daemon.send_signal(SIGCONT)

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """The daemon is dead, and starts again."""
        await self.end_daemon()
        yield
        await self.start_daemon()

    @asynccontextmanager
    async def blocked(self) -> AsyncIterator[None]:
        """The daemon's event loop stands still."""
        assert self._daemon is not None
        self._daemon.send_signal(SIGUSR1)
        yield

    @asynccontextmanager
    async def stalled(self) -> AsyncIterator[None]:
        """Every sync of the daemon's disk takes seconds, as on a worn SD card."""
        strace = shutil.which("strace")
        assert self._daemon is not None
        if strace is None:
            yield
            return
        delay = f"inject=fsync,fdatasync:delay_enter={BLOCKED_S}s"
        arguments = ("-f", "-e", "trace=fsync,fdatasync", "-e", delay, "-p", str(self._daemon.pid))
        tracer = await create_subprocess_exec(strace, *arguments, stdin=DEVNULL, stderr=PIPE)
        assert tracer.stderr is not None
        async with asyncio.timeout(ATTACH_S):
            await tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.send_signal(SIGINT)
            await tracer.communicate()


async def figures(folder: Path, csms: CentralSystem) -> list[Figure]:
    """Rows 22 … 24."""
    async with hogs():
        async with _busy(folder / "quiet", csms) as rig:
            quiet = [await openings(rig, rig.untroubled) for _ in range(ROUNDS)]
        async with _busy(folder / "troubled", csms) as rig:
            troubles = (rig.stopped, rig.killed, rig.blocked, rig.stalled)
            troubled = [await openings(rig, troubles[number % len(troubles)]) for number in range(ROUNDS)]
        async with _busy(folder / "lapse", csms) as rig:
            off_s, open_s = await lapses(rig)
    name = f"guard: C left, unplugged → told to, {OUTLETS} × {ROUNDS}"
    return [
        _openings(22, name, quiet),
        _openings(23, "same, cpd stopped, killed, blocked, no disk", troubled),
        Figure(
            number=24,
            name="cpd killed → worst PWM off, worst open",
            measures=(
                Measure(name="PWM off", value=max(off_s), unit="s", limit=LEASE_S),
                Measure(name="then open", value=max(open_s), unit="s", limit=WITHDRAW_S + 0.1),
            ),
        ),
    ]


@asynccontextmanager
async def _busy(folder: Path, csms: CentralSystem) -> AsyncIterator[Rig]:
    """A rig of its own: an outlet closes ten times in ten minutes and no more, until its guard starts anew."""
    async with rig_running(folder, csms, outlets=OUTLETS) as rig, asking(csms):
        yield rig


async def openings(rig: Rig, trouble: Trouble) -> tuple[list[float], list[float]]:
    """One round with *trouble*: until each contactor was told to open, and until it was open, in s."""
    await rig.tell("charge")
    async with trouble():
        commanded_s, opened_s = await rig.tell("open")
    return commanded_s, opened_s


async def lapses(rig: Rig) -> tuple[list[float], list[float]]:
    """After the death of the daemon: until each PWM ended, and from there until its contactor was open."""
    await rig.tell("charge")
    await rig.tell("stubborn")
    lapsing = asyncio.create_task(rig.tell("lapse"))
    await asyncio.sleep(0)
    died_s = time.monotonic()
    await rig.end_daemon()
    found = await lapsing
    return [off_s - died_s for off_s, _ in found], [open_s - off_s for off_s, open_s in found]


def _openings(number: int, name: str, rounds: list[tuple[list[float], list[float]]]) -> Figure:
    commanded_s = [seconds for told, _ in rounds for seconds in told]
    opened_s = [seconds for _, told in rounds for seconds in told]
    assert len(commanded_s) == len(opened_s) == OUTLETS * ROUNDS
    return Figure(
        number=number,
        name=name,
        measures=(
            *times(commanded_s, p50=None),
            Measure(name="worst", value=max(commanded_s) * 1000, limit=50),
            Measure(name="worst open", value=max(opened_s) * 1000, limit=100),
        ),
    )


@asynccontextmanager
async def rig_running(folder: Path, csms: CentralSystem, *, outlets: int) -> AsyncIterator[Rig]:
    """A guard and a daemon with their state in *folder*."""
    config = configure(folder, csms.port, connectors=outlets, free_vend=True, process="guard")
    log = os.memfd_create("cpd-log")
    guard = await create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.guarded", str(config)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=log,
        env=environment(),
    )
    rig = Rig(config, csms, guard, log)
    try:
        assert guard.stdout is not None
        async with asyncio.timeout(ANSWER_S):
            assert await guard.stdout.readline() == b"listening\n"
        await rig.start_daemon()
        yield rig
    except BaseException:
        sys.stderr.write(os.pread(log, 1 << 20, 0).decode(errors="replace")[-4000:])
        raise
    finally:
        await rig.end_daemon()
        if guard.returncode is None:
            guard.kill()
        await guard.wait()
        os.close(log)
