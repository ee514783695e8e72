"""The processes of the demo, central system, daemon and guard: started, driven, killed, never left behind."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_PATIENCE_S = 5.0
_LONGEST_LINE_BYTES = 1 << 20


class ProcessEnded(Exception):
    """A process of the demo ended by itself; the text says which, how, and its last words."""


class CsmsRefused(Exception):
    """The central system could not do what it was told, or the charge point answered with an error."""


class CsmsProcess:
    """``python -m cpd.lab.csms``, asked over its pipes one thing at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._asked = 0
        self.port = 0

    async def ask(self, command: str, **arguments: Any) -> Any:
        """The result of one command of `cpd.lab.csms.console`; raises CsmsRefused, ProcessEnded."""
        assert self._process.stdin is not None
        self._asked += 1
        line = json.dumps({"id": self._asked, "command": command, **arguments})
        self._process.stdin.write(line.encode() + b"\n")
        reply = await self.line()
        if "error" in reply:
            raise CsmsRefused(reply["error"])
        return reply["result"]

    async def line(self) -> dict[str, Any]:
        """What it says next."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ProcessEnded(f"the central system ended with status {await self._process.wait()}")
        document: dict[str, Any] = json.loads(line)
        return document


@asynccontextmanager
async def csms_running(*arguments: str) -> AsyncIterator[CsmsProcess]:
    """The central system on a free port for the length of a `with`."""
    process = await _start("-m", "cpd.lab.csms", *arguments, stdin=PIPE, stdout=PIPE)
    try:
        csms = CsmsProcess(process)
        csms.port = (await csms.line())["port"]
        yield csms
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await _ended(process)


class LoggedProcess:
    """A Python program, called *name*, which can be killed and started again; what it logs goes to a file."""

    def __init__(self, name: str, *arguments: str, log: Path) -> None:
        self._name = name
        self._arguments = arguments
        self._log = log
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it; it is not up yet when this returns."""
        with self._log.open("ab") as log:
            self._process = await _start(*self._arguments, stdin=DEVNULL, stdout=log, stderr=log)

    def check(self) -> None:
        """Raise ProcessEnded where it ended by itself."""
        if self._process is not None and self._process.returncode is not None:
            status, self._process = self._process.returncode, None
            raise ProcessEnded(f"{self._name} ended with status {status}")

    async def power_cut(self) -> None:
        """End it as a power cut does: SIGKILL."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self._process = None

    async def stop(self) -> int | None:
        """End it as systemd does: SIGTERM; returns its exit status, -9 where it had to be killed.

        None where it did not run.
        """
        if self._process is None:
            return None
        process, self._process = self._process, None
        if process.returncode is None:
            process.terminate()
        return await _ended(process)

    @property
    def unsafe_outlets(self) -> list[str]:
        """What the mock's physics logged against the outlets, over all its starts; empty is the only good answer."""
        return [line for line in self.log.splitlines() if "unsafe outlet" in line]

    @property
    def log(self) -> str:
        """What it has logged over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def last_words(self, lines: int = 12) -> list[str]:
        """The end of its log."""
        return self.log.splitlines()[-lines:]


async def _start(*arguments: str, **streams: Any) -> Process:
    # A session of its own: Ctrl-C is for the demo, which then ends its processes in order.
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, start_new_session=True, limit=_LONGEST_LINE_BYTES, **streams
    )


async def _ended(process: Process) -> int:
    """Wait for the end, and enforce it: after some patience, or at once where the wait is cancelled."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
    except asyncio.CancelledError:
        process.kill()
        raise
