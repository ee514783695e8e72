"""The CALLs that wait to be sent, in order of lane and arrival, and the ways in which one can fail.

It knows neither frames nor the link's state.
"""

import asyncio
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import Any, Final

from cpd.ocpp.errors import ErrorCode

MAX_LOSSES: Final = 10
"""A message with which the link is lost so often in a row is what it is lost for, and must not block the others.

A bad line drops with whatever is in flight; so often with the same message, each time on a new link over which the
present statuses went first, it is the central system that drops it.
"""


class Lane(IntEnum):
    """Who goes first when several CALLs wait; within a lane first come, first served."""

    IMMEDIATE = 0
    """What a person waits for, and what keeps the link alive."""
    JOURNAL = 1
    """Transaction messages, which survive waiting."""


class CallFailed(Exception):
    """A CALL of ours got no usable answer; `str()` says why."""


class LinkLost(CallFailed):
    """The link is down or dropped before the answer came; whether the CALL arrived is unknown."""


class LostInFlight(LinkLost):
    """The link dropped while this CALL waited for its answer, and not because we gave the link up."""


class FrameTooBig(LinkLost):
    """The central system dropped the link because the CALL's frame was more than it takes."""


class AnswerTimeout(CallFailed):
    """No answer within the time allowed; the link still stood."""


class InvalidAnswer(CallFailed):
    """The central system answered what its schema forbids."""


class RemoteCallError(CallFailed):
    """The central system answered with a CALLERROR.

    *code* is as it was sent; it need not be one of `ErrorCode`.
    """

    def __init__(self, code: str, description: str, details: dict[str, Any]) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details

    @property
    def is_unknown_action(self) -> bool:
        """True where the central system will never serve this action."""
        return self.code in (ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED)


Outcome = dict[str, Any] | CallFailed
"""The payload of the answer, or why there is none."""


@dataclass(slots=True, kw_only=True, eq=False)
class WaitingCall:
    """A CALL whose caller awaits *answer*."""

    action: str
    payload: dict[str, Any]
    answer: asyncio.Future[dict[str, Any]]

    def settle(self, outcome: Outcome) -> None:
        """Wake the caller, unless it went away meanwhile."""
        if self.answer.done():
            return
        if isinstance(outcome, CallFailed):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class CallQueue:
    """Waiting CALLs. Its length is bounded by its callers, each of which waits for its answer."""

    def __init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[Lane, int, WaitingCall]] = asyncio.PriorityQueue()
        self._arrivals = count()

    def add(self, action: str, payload: dict[str, Any], lane: Lane) -> asyncio.Future[dict[str, Any]]:
        """Queue a CALL; the future is its answer's payload, or raises CallFailed."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        call = WaitingCall(action=action, payload=payload, answer=answer)
        self._queue.put_nowait((lane, next(self._arrivals), call))
        return answer

    async def next(self) -> WaitingCall:
        """The CALL to send now; those whose caller went away are skipped."""
        while True:
            *_, call = await self._queue.get()
            if not call.answer.done():
                return call

    def fail_all(self, reason: str) -> None:
        """Fail every waiting CALL with LinkLost."""
        while not self._queue.empty():
            *_, call = self._queue.get_nowait()
            call.settle(LinkLost(reason))
