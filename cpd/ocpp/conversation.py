"""One open connection in service: it reads, sends CALLs one at a time, pings, and notices when it is alone.

It must not know how connections are dialled, nor what a payload means.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Never, assert_never

from cpd.clock import Clock
from cpd.ocpp import rpc
from cpd.ocpp.calls import (
    AnswerTimeout,
    CallQueue,
    FrameTooBig,
    InvalidAnswer,
    LinkLost,
    LostInFlight,
    Outcome,
    RemoteCallError,
    WaitingCall,
)
from cpd.ocpp.errors import CallError
from cpd.ocpp.fairness import Turns
from cpd.ocpp.frame_ring import Direction, FrameRing
from cpd.ocpp.inbox import Inbox
from cpd.ocpp.transport import Connection, ConnectionLost, MessageTooBig
from cpd.ocpp.validation import check_inbound

log = logging.getLogger(__name__)

INBOX_PATIENCE_S = 5.0
"""How long a full inbox may keep us from reading."""

FAREWELL_S = 2.0
"""How long a link that shall be dropped waits for answers that are still due."""

_MAX_UNANSWERED_BEFORE_ACCEPTANCE = 2
_FREQUENT_ACTIONS = frozenset({"Heartbeat", "MeterValues"})


class Left(ConnectionLost):
    """The connection was given up because we wanted so; nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Received:
    """A frame that is owed an answer, and the conversation that the answer belongs to."""

    conversation: "Conversation"
    event: rpc.Call | rpc.Malformed


class Conversation:
    """What is said over one connection, until it ends."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        *,
        id_prefix: str,
        calls: CallQueue,
        inbox: Inbox[Received],
        answer_timeout_s: float,
        ping_interval_s: float,
        silence_s: float,
        on_answer: Callable[[], None],
        frames: FrameRing,
    ) -> None:
        self.accepted = False
        """The central system accepted us, so CALLs may be sent unasked."""
        self.opened_s = clock.monotonic_s()
        self.last_answer_s: float | None = None
        self._connection = connection
        self._clock = clock
        self._session = rpc.Session(id_prefix)
        self._calls = calls
        self._inbox = inbox
        self._answer_timeout_s = answer_timeout_s
        self._silence_s = silence_s
        self._on_answer = on_answer
        self._frames = frames
        self._ping_interval_s = ping_interval_s
        self._ping_interval_changed = asyncio.Event()
        self._listening: asyncio.Timeout | None = None
        """Until when the central system may be silent, while there is nothing to send."""
        self._sending: WaitingCall | None = None
        self._answer: asyncio.Future[Outcome] | None = None
        self._farewell = asyncio.Event()
        self._broken = asyncio.Event()
        self._loss = ConnectionLost("the connection was given up")

    async def serve(self) -> None:
        """Serve until the connection ends: raises ConnectionLost, or Left after `leave`."""
        lost: ConnectionLost | None = None
        cancellations = _cancellations()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_calls(), name="link-calls")
                group.create_task(self._ping(), name="link-pings")
                group.create_task(self._say_farewell(), name="link-farewell")
                group.create_task(self._await_break(), name="link-break")
                # Not a task of its own: Python 3.11 counts a cancellation too many where a child fails while
                # the block has nothing left to do.
                await self._read()
        except* ConnectionLost as losses:
            lost = _first(losses)
        finally:
            if self._sending is not None:
                failure = _failure_by(lost)
                self._sending.settle(failure("the link to the central system was lost before the answer"))
        if _cancellations() > cancellations:
            # Before Python 3.13 a TaskGroup that ends with an error swallows a simultaneous cancellation.
            raise asyncio.CancelledError
        if lost is not None:
            raise lost

    def leave(self) -> None:
        """End the conversation once what was asked is answered, `FAREWELL_S` later at most."""
        self._farewell.set()

    def break_off(self, loss: ConnectionLost) -> None:
        """End the conversation now."""
        self._loss = loss
        self._broken.set()

    def set_ping_interval(self, interval_s: float) -> None:
        """Ping this often from now on; 0: never."""
        self._ping_interval_s = interval_s
        self._ping_interval_changed.set()

    def set_patience(self, *, answer_timeout_s: float, silence_s: float) -> None:
        """Wait so long from now on: for the next answers, and while nothing is answered."""
        self._answer_timeout_s = answer_timeout_s
        sooner_s = silence_s - self._silence_s
        self._silence_s = silence_s
        if self._listening is not None and (due_s := self._listening.when()) is not None:
            self._listening.reschedule(due_s + sooner_s)

    async def send(self, frame: str) -> None:
        """Send *frame*; raises ConnectionLost, also where the other side has stopped reading."""
        self._trace(">", frame)
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                await self._connection.send(frame)
        except TimeoutError as error:
            raise ConnectionLost(
                f"the central system has read nothing for {self._answer_timeout_s:g} s"
            ) from error

    def _trace(self, direction: Direction, frame: str | bytes) -> None:
        self._frames.record(self._clock.monotonic_s(), direction, frame)
        _log_frame(direction, frame)

    async def _read(self) -> Never:
        """Turn frames into events; all it ever waits for is room in the inbox, and not for long.

        A full inbox stops the reading, so that TCP slows the central system down. The answers to our own
        CALLs then queue behind its CALLs; where that does not pass soon, the connection is given up.
        """
        turns = Turns(self._clock)
        while True:
            await turns.share()
            frame = await self._connection.recv()
            self._trace("<", frame)
            event = self._session.receive(frame, self._clock.monotonic_s())
            match event:
                case rpc.Call() | rpc.Malformed():
                    await self._put(Received(self, event), len(frame))
                case rpc.Answer() | rpc.Refusal() | rpc.BrokenAnswer():
                    self.last_answer_s = self._clock.monotonic_s()
                    self._on_answer()
                    if self._answer is not None and not self._answer.done():
                        self._answer.set_result(_outcome_of(event))
                case rpc.Ignored():
                    log.warning("frame ignored reason=%s", event.reason)
                case _:
                    assert_never(event)

    async def _put(self, received: Received, size: int) -> None:
        if self._inbox.offer(received, size):
            return
        try:
            async with asyncio.timeout(INBOX_PATIENCE_S):
                await self._inbox.put(received, size)
        except TimeoutError as error:
            raise ConnectionLost(
                f"the central system sent more requests than could be taken in for {INBOX_PATIENCE_S:g} s"
            ) from error

    async def _send_calls(self) -> Never:
        """Send what waits, and a Heartbeat where an answer is missing or was too long ago."""
        unanswered = 0
        quiet_since_s = self.opened_s
        while True:
            quiet_since_s = max(quiet_since_s, self.last_answer_s or 0.0)
            self._sending = await self._next_call(quiet_since_s)
            if self._sending is None:
                quiet_since_s = self._clock.monotonic_s()
                if self.accepted:
                    await self._probe(f"no CALL was answered for {self._silence_s:g} s")
                continue
            action = self._sending.action
            outcome = await self._exchange(action, self._sending.payload)
            self._sending.settle(outcome)
            self._sending = None
            if not isinstance(outcome, AnswerTimeout):
                unanswered = 0
                continue
            unanswered += 1
            if self.accepted:
                await self._probe(f"{action} was not answered")
                unanswered = 0
            elif unanswered >= _MAX_UNANSWERED_BEFORE_ACCEPTANCE:
                # Until accepted a charge point sends nothing unasked (OCPP 1.6 §4.2): no Heartbeat either.
                raise ConnectionLost(f"the central system left {unanswered} CALLs in a row unanswered")

    async def _next_call(self, quiet_since_s: float) -> WaitingCall | None:
        """What is to be sent; None once nothing was answered, nor to be sent, for too long."""
        try:
            wait_s = quiet_since_s + self._silence_s - self._clock.monotonic_s()
            async with asyncio.timeout(wait_s) as self._listening:
                return await self._calls.next()
        except TimeoutError:
            return None
        finally:
            self._listening = None

    async def _probe(self, reason: str) -> None:
        log.info("link probed reason=%s", reason)
        if isinstance(await self._exchange("Heartbeat", {}), AnswerTimeout):
            raise ConnectionLost(f"the central system is silent: {reason}, nor was the Heartbeat after it")

    async def _exchange(self, action: str, payload: dict[str, Any]) -> Outcome:
        """Send a CALL and wait for its answer; raises ConnectionLost where it cannot be sent."""
        timeout_s = self._answer_timeout_s
        sent_s = self._clock.monotonic_s()
        frame = self._session.call(action, payload, now_s=sent_s, timeout_s=timeout_s)
        self._answer = asyncio.get_running_loop().create_future()
        await self.send(frame)
        outcome: Outcome
        try:
            async with asyncio.timeout(sent_s + timeout_s - self._clock.monotonic_s()):
                outcome = await self._answer
        except TimeoutError:
            if self._session.expire(sent_s + timeout_s) is None:
                # The answer came in the very turn of the loop in which the time was up.
                outcome = self._answer.result()
            else:
                outcome = AnswerTimeout(f"no answer to {action} within {timeout_s:g} s")
        self._log_call(action, outcome, sent_s)
        return outcome

    def _log_call(self, action: str, outcome: Outcome, sent_s: float) -> None:
        elapsed_ms = (self._clock.monotonic_s() - sent_s) * 1000
        if not isinstance(outcome, dict):
            log.warning("call sent action=%s outcome=%s ms=%.1f", action, outcome, elapsed_ms)
            return
        level = logging.DEBUG if action in _FREQUENT_ACTIONS else logging.INFO
        log.log(level, "call sent action=%s outcome=answered ms=%.1f", action, elapsed_ms)

    async def _ping(self) -> Never:
        while True:
            self._ping_interval_changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._ping_interval_s or None):
                    await self._ping_interval_changed.wait()
                continue
            try:
                async with asyncio.timeout(self._answer_timeout_s):
                    await self._connection.ping()
            except TimeoutError as error:
                raise ConnectionLost(f"no pong within {self._answer_timeout_s:g} s") from error

    async def _say_farewell(self) -> Never:
        await self._farewell.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._inbox.until_idle()
        raise Left("the link was given up on request")

    async def _await_break(self) -> Never:
        await self._broken.wait()
        raise self._loss


def _outcome_of(event: rpc.Answer | rpc.Refusal | rpc.BrokenAnswer) -> Outcome:
    match event:
        case rpc.Answer(call=call, payload=payload):
            try:
                check_inbound(call.action, payload, kind="result")
            except CallError as error:
                return InvalidAnswer(f"the answer to {call.action} is invalid: {error.description}")
            assert isinstance(payload, dict)
            return payload
        case rpc.Refusal(code=code, description=description, details=details):
            return RemoteCallError(code, description, details)
        case rpc.BrokenAnswer(call=call, reason=reason):
            return InvalidAnswer(f"the answer to {call.action} cannot be read: {reason}")


def _failure_by(lost: ConnectionLost | None) -> type[LinkLost]:
    """What becomes of the CALL in flight by the end of its conversation; None: ours, by cancellation."""
    match lost:
        case MessageTooBig():
            return FrameTooBig
        case None | Left():
            return LinkLost
        case _:
            return LostInFlight


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _first(losses: BaseExceptionGroup[ConnectionLost]) -> ConnectionLost:
    loss = losses.exceptions[0]
    while isinstance(loss, BaseExceptionGroup):
        loss = loss.exceptions[0]
    return loss


def _log_frame(direction: Direction, frame: str | bytes) -> None:
    """Frames are for DEBUG, and a password never is."""
    if log.isEnabledFor(logging.DEBUG):
        text = frame if isinstance(frame, str) else frame.decode("utf-8", errors="replace")
        folded = text.casefold()
        if "authorizationkey" in folded:
            text = "(names AuthorizationKey, not shown)"
        elif "location" in folded and "/" in text:
            # Its user, its password, or the signature in its query.
            text = "(names an address, not shown)"
        log.debug("frame %s %s", direction, text)
