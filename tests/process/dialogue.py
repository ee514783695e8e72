"""A command at a terminal: what it shows is waited for, what it asks is answered."""

import asyncio
import os
import pty
import re
import signal
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.process.charger import PROGRAM
from tests.process.program import PATIENCE_S, environment

_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


class Dialogue:
    """One run of ``cpd`` on a terminal of 40 columns."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self._raw = b""
        self._read = 0
        self._news = asyncio.Event()
        self.typed: list[str] = []
        """What was answered, and is shown where it was typed."""
        asyncio.get_running_loop().add_reader(terminal, self._receive)

    @property
    def shown(self) -> str:
        """All that was shown, without what only moves or colours."""
        return _CONTROL.sub("", self._raw.decode(errors="replace"))

    async def answer(self, question: str, answer: str) -> None:
        """Wait for *question* behind the last one, and type *answer* and Enter."""
        await self.sees(question)
        self.typed.append(answer)
        os.write(self._terminal, f"{answer}\n".encode())

    async def sees(self, words: str) -> None:
        """Wait until *words* are shown behind the last ones that were waited for."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (found := self.shown.find(words, self._read)) < 0:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never showed {words!r}:\n{self.shown}") from None
        self._read = found + len(words)

    async def interrupted(self) -> int:
        """Type Ctrl-C until it is heard, as people do; returns the exit status.

        Python overhears one between the prompt and the reading of the answer. A second one soon after the first would
        end what is ending already.
        """
        for _ in range(10):
            os.write(self._terminal, b"\x03")
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S / 12):
                    await self._process.wait()
                return await self.ends()
        raise AssertionError(f"never ended:\n{self.shown}")

    async def ends(self) -> int:
        """The exit status, once all was read."""
        async with asyncio.timeout(PATIENCE_S):
            status = await self._process.wait()
        self._receive()
        return status

    def _receive(self) -> None:
        with suppress(BlockingIOError):
            try:
                while piece := os.read(self._terminal, 65_536):
                    self._raw += piece
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    raise
                # The other side has ended: EIO is what a terminal has for an end of file.
                asyncio.get_running_loop().remove_reader(self._terminal)
            finally:
                self._news.set()


@asynccontextmanager
async def dialogue(*arguments: str | Path, **variables: str) -> AsyncIterator[Dialogue]:
    """``cpd`` with *arguments* at a terminal of its own; ended at the latest at the end of the `with`."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    termios.tcsetwinsize(theirs, (24, 40))
    kept = {name: value for name, value in environment(**variables).items() if name != "COLUMNS"}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *map(str, arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=kept,
        preexec_fn=lambda: _take_terminal(theirs),
    )
    os.close(theirs)
    here = Dialogue(process, ours)
    try:
        yield here
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


def _take_terminal(terminal: int) -> None:
    """Make it the one whose Ctrl-C this process hears."""
    os.login_tty(terminal)
