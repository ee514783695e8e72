"""One Modbus request at a time, with the one answer that belongs to it.

RTU answers carry no id, and a client that takes what comes next for its answer reads yesterday's value under a
new name. So nothing is asked before the line is quiet, an answer counts only if it is exactly one frame of the
length that was asked for, and after a request without an answer the line is waited dry first.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hal.controllers.line import Line, NoAnswer
from hal.modbus_rtu import Outcome, Request
from hal.serving import pause

ANSWER_S = 0.5
ATTEMPTS = 3

SPACING_S = 0.1
"""The controller needs this much silence between an answer and the next request."""

SETTLE_S = SPACING_S
"""An answer counts when nothing more came for so long: of two, one is the answer to something else."""

QUIET_S = 0.5
"""Silence after which nothing late comes any more."""

BABBLE_S = 2.0
"""A line that is never quiet is spoken on all the same after this time: an order to hold may get through."""


class ModbusLink:
    """The requests of one master to one slave; *hurried* ends the attempts at once."""

    def __init__(self, hurried: Callable[[], bool]) -> None:
        self._hurried = hurried
        self._loop = asyncio.get_running_loop()
        self._line: Line | None = None
        self._data = bytearray()
        self._heard = asyncio.Event()
        self._heard_s = self._loop.time()

    def attach(self, line: Line) -> None:
        """Speak on *line* from now on."""
        self._line = line

    def received(self, data: bytes) -> None:
        """Bytes came from the line."""
        self._heard_s = self._loop.time()
        # Far longer than any answer: nothing that is kept of it could become one.
        if len(self._data) < 512:
            self._data += data
        self._heard.set()

    async def ask(self, request: Request) -> tuple[int, ...]:
        """The registers that *request* reads, none for one that writes.

        Raises NoAnswer where the slave refuses it, after the last attempt, and at once without a line.
        """
        for _ in range(ATTEMPTS):
            answer = await self._attempt(request)
            if isinstance(answer, tuple):
                return answer
            if answer is Outcome.WRITTEN:
                return ()
            if answer is Outcome.REFUSED:
                raise NoAnswer(f"register {request.address} is refused")
            if self._hurried():
                break
        raise NoAnswer(f"no answer for register {request.address}")

    async def _attempt(self, request: Request) -> tuple[int, ...] | Outcome:
        await self._silence(SPACING_S)
        self._data.clear()
        if self._line is None or not self._line.write(request.frame):
            raise NoAnswer("the line is not open")
        answer: tuple[int, ...] | Outcome = Outcome.INCOMPLETE
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while answer is Outcome.INCOMPLETE:
                    self._heard.clear()
                    await self._heard.wait()
                    await self._silence(SETTLE_S)
                    answer = request.answered_by(bytes(self._data))
        if answer in (Outcome.INCOMPLETE, Outcome.FOREIGN):
            # What was asked may still be answered: the silence counts from now.
            self._heard_s = self._loop.time()
            await self._silence(QUIET_S)
        return answer

    async def _silence(self, for_s: float) -> None:
        gives_up_s = self._loop.time() + BABBLE_S
        while self._loop.time() < min(gives_up_s, self._heard_s + for_s):
            await pause(min(gives_up_s, self._heard_s + for_s) - self._loop.time())
