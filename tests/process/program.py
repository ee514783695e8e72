"""A program of ours as a real process: started any number of times, its log waited for, ended in every way.

Nothing here sleeps or polls: what the program logs wakes whoever waits.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from cpd.station.signal import Signal
from tests.card import is_apart
from tests.process.forking import parent

PATIENCE_S = 20.0
"""How long anything may take before the test says what it waited for."""


class _Process(asyncio.SubprocessProtocol):
    """What the event loop tells of a running daemon."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.news = Signal()
        self.ended = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output += data
        self.news.fire()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        self.news.fire()


PROGRAM: Sequence[str] = (sys.executable, "-m", "cpd.cli.main")


class Program:
    """A *command* that logs on standard error, and *ready* once it is up."""

    def __init__(self, command: Sequence[str], *, ready: str) -> None:
        self.environment: dict[str, str] = {}
        """More variables of the environment, for the next starts."""
        self.patience_s = PATIENCE_S
        self.command = command
        self.fresh = False
        """Loaded from nothing at each start, not forked from a `cpd` that is."""
        self._ready = ready
        self._earlier = ""
        self._process: _Process | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def log(self) -> str:
        """What the daemon logged since the first start."""
        now = "" if self._process is None else self._process.output.decode(errors="replace")
        return self._earlier + now

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        assert self._transport is not None
        return self._transport.get_pid()

    @property
    def dead(self) -> bool:
        """True where the process that was started last has ended."""
        return self._process is not None and self._process.ended.is_set()

    @property
    def cpu_s(self) -> float:
        """What the running daemon has worked, in seconds of CPU."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def launch(self) -> None:
        """Start the process; it is not up yet when this returns."""
        self._earlier = self.log
        if self._transport is not None:
            self._transport.close()
        surroundings = environment(**self.environment)
        forks = not self.environment and not self.fresh and not is_apart()
        if forks and self.command[: len(PROGRAM)] == PROGRAM:
            self._process = _Process()
            self._transport = parent().fork(self._process, self.command[len(PROGRAM) :], surroundings)
            return
        self._transport, self._process = await asyncio.get_running_loop().subprocess_exec(
            _Process,
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None,
            stderr=asyncio.subprocess.PIPE,
            env=surroundings,
        )

    async def start(self) -> None:
        """Start the process and wait until it is up."""
        mark = len(self.log)
        await self.launch()
        await self.logged(self._ready, since=mark)

    async def logged(self, text: str, *, since: int = 0) -> str:
        """The first line with *text* in the log behind *since* characters, waited for."""
        process = self._process
        assert process is not None
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    lines = self.log[since:].splitlines(keepends=True)
                    for line in lines:
                        if text in line and line.endswith("\n"):
                            return line
                    assert not process.ended.is_set(), f"ended without {text!r}:\n{self.log}"
                    await process.news.wait()
        except TimeoutError:
            raise AssertionError(f"never logged {text!r}:\n{self.log}") from None

    async def ended(self) -> int:
        """The exit status, waited for; negative where a signal ended it."""
        assert self._process is not None and self._transport is not None
        async with asyncio.timeout(self.patience_s):
            await self._process.ended.wait()
        self._transport.close()
        status = self._transport.get_returncode()
        assert status is not None
        return status

    async def dies(self) -> bool:
        """Wait for an end that comes by itself; False where the process lives on."""
        assert self._process is not None
        try:
            async with asyncio.timeout(self.patience_s):
                await self._process.ended.wait()
        except TimeoutError:
            return False
        return True

    async def power_cut(self) -> None:
        """SIGKILL: nothing is said, nothing is tidied up."""
        assert self._transport is not None
        self._transport.kill()
        await self.ended()

    async def terminate(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it as systemd would; returns the exit status."""
        assert self._transport is not None
        self._transport.send_signal(number)
        return await self.ended()

    async def close(self) -> None:
        """Leave nothing behind; what must never be logged was not."""
        if self._transport is not None:
            if self._transport.get_returncode() is None:
                self._transport.kill()
            await self.ended()
        assert "Traceback" not in self.log, self.log
        assert "unsafe outlet" not in self.log, self.log


def environment(**given: str) -> dict[str, str]:
    """The environment of a process: this one's without our own settings, and *given*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CPD_")}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | given
