"""One RAPI command at a time, with the one answer that belongs to it.

An answer is known by its sequence id. Firmware that echoes none gets its commands without one, and nothing more
after a command without an answer until the line has been quiet: a late answer must not meet the next command.
"""

import asyncio
from collections.abc import Callable

from hal.controllers import rapi
from hal.controllers.line import Line, NoAnswer
from hal.serving import pause

ANSWER_S = 0.5
ATTEMPTS = 3

QUIET_S = 0.5
"""Silence after which nothing late comes any more."""

SETTLE_S = 0.05
"""An answer without an id counts when no other came for so long: of two, one is the answer to something else."""

BABBLE_S = 2.0
"""A line that is never quiet is spoken on all the same after this time: an order to hold may get through."""


class RapiLink:
    """*noticed* is called with what the controller says unasked; *hurried* ends the attempts at once."""

    def __init__(self, noticed: Callable[[rapi.Notice], None], hurried: Callable[[], bool]) -> None:
        self._noticed = noticed
        self._hurried = hurried
        self._loop = asyncio.get_running_loop()
        self._lines = rapi.Lines()
        self._line: Line | None = None
        self._waiting: asyncio.Future[rapi.Reply | None] | None = None
        self._sequence = 0
        self._echoes: bool | None = None
        self._strayed = False
        self._heard_s = self._loop.time()

    def attach(self, line: Line) -> None:
        """Speak on *line* from now on."""
        self._line = line

    def reset(self) -> None:
        """The line was opened anew, or the controller restarted: what it can is to be found out again."""
        self._lines.forget()
        self._echoes = None

    def interrupt(self) -> None:
        """The controller has restarted: what it was asked before it does not answer any more."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def received(self, data: bytes) -> None:
        """Bytes came from the controller."""
        self._heard_s = self._loop.time()
        for line in self._lines.feed(data):
            match rapi.decode(line):
                case rapi.Notice() as notice:
                    self._noticed(notice)
                case rapi.Reply() as reply:
                    self._answered(reply)
                case None:
                    pass

    async def ask(self, command: str) -> rapi.Reply:
        """The answer to *command*. Raises NoAnswer after the last attempt, and at once without a line."""
        for _ in range(ATTEMPTS):
            reply = await self._attempt(command)
            if reply is not None:
                return reply
            if self._hurried():
                break
        raise NoAnswer(f"no answer to ${command}")

    async def _attempt(self, command: str) -> rapi.Reply | None:
        sequence = None if self._echoes is False else self._next()
        if self._strayed:
            await self._quiet()
        self._strayed = False
        self._waiting = self._loop.create_future()
        try:
            if self._line is None or not self._line.write(rapi.encode(command, sequence)):
                raise NoAnswer("the line is not open")
            async with asyncio.timeout(ANSWER_S):
                reply = await self._waiting
            if sequence is None:
                await pause(SETTLE_S)
                return None if self._strayed else reply
            return reply
        except TimeoutError:
            # What was asked may still be answered: the silence counts from now.
            self._strayed, self._heard_s = not self._echoes, self._loop.time()
            return None
        finally:
            self._waiting = None

    def _next(self) -> int:
        self._sequence = self._sequence % rapi.SEQUENCES + 1
        return self._sequence

    def _answered(self, reply: rapi.Reply) -> None:
        if self._waiting is None or self._waiting.done():
            self._strayed = not self._echoes
            return
        if reply.sequence is None:
            # Once it has echoed an id, an answer without one is somebody else's, or half of one.
            if self._echoes:
                return
            if self._echoes is None:
                # It took the id for a parameter: what it answers to that says nothing.
                self._echoes = False
                self._waiting.set_result(None)
                return
        elif reply.sequence != self._sequence:
            return
        else:
            self._echoes = True
        self._waiting.set_result(reply)

    async def _quiet(self) -> None:
        gives_up_s = self._loop.time() + BABBLE_S
        while self._loop.time() < min(gives_up_s, self._heard_s + QUIET_S):
            await pause(min(gives_up_s, self._heard_s + QUIET_S) - self._loop.time())
