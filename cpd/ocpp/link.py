"""The link to the central system: dialled again for ever, its CALLs answered one by one, ours sent in turn.

It decides when to dial and what becomes of a CALL when the connection drops. It must not know what any
payload means, nor which transport carries it.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Never

from cpd.clock import Clock
from cpd.ocpp import rpc
from cpd.ocpp.backoff import STABLE_AFTER_S, Backoff
from cpd.ocpp.calls import CallQueue, Lane, LinkLost
from cpd.ocpp.conversation import Conversation, Left, Received
from cpd.ocpp.errors import CallError, ErrorCode, Unanswered
from cpd.ocpp.fairness import Turns
from cpd.ocpp.frame_ring import FrameRing
from cpd.ocpp.inbox import Inbox
from cpd.ocpp.transport import (
    SUBPROTOCOL,
    Connect,
    Connection,
    ConnectionLost,
    DialCause,
    DialFailed,
    Endpoint,
    unselected,
)
from cpd.ocpp.validation import check_outbound

log = logging.getLogger(__name__)

Handler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers a CALL: (action, payload) -> payload of the CALLRESULT, or raises CallError for a CALLERROR, or
Unanswered where nothing is to be said.

It checks the payload (`validation.check_inbound`) once it knows that it serves the action. CALLs are handled
one after the other, in the order they came. A handler runs to its end even when the link drops under it, so
that what it changes is never half changed. It may call the central system itself, but the CALLs behind it
wait meanwhile.
"""

SILENCE_S = 120.0
"""How long a central system may usually be silent before it is asked for a sign of life."""

_MAX_INBOX_FRAMES = 1000
_MAX_INBOX_CHARACTERS = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How a link behaves; all times in seconds."""

    endpoint: Endpoint
    answer_timeout_s: float = 30.0
    """For the answer to a CALL, a pong, the handshake, and for the other side to read what we send."""
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 300.0
    reconnect_jitter_s: float = 5.0
    silence_s: float = SILENCE_S
    """After so long without an answered CALL a Heartbeat goes out: pongs may come from a dead central system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """What the status document says about the link."""

    connected: bool
    held: bool
    """True between `hold` and `release`."""
    since: datetime | None
    """When the connection that stands was opened."""
    last_answer_at: datetime | None
    """When the central system last answered a CALL of ours, over this connection or an earlier one."""
    last_error: str | None
    """Why the last connection or attempt failed; None once a later one was accepted."""
    next_step: str | None
    """What to do about an attempt that failed."""


class Link:
    """One charge point's link to its central system, over one connection after the other."""

    def __init__(
        self,
        settings: LinkSettings,
        clock: Clock,
        handler: Handler,
        *,
        connect: Connect,
        rng: random.Random,
        ping_interval_s: float = 0.0,
        on_change: Callable[[], None] = lambda: None,
        on_answer: Callable[[], None] = lambda: None,
        frames: FrameRing | None = None,
    ) -> None:
        """*on_change* is called after each change of `status` but `last_answer_at`, *on_answer* after each of that.

        Neither may wait. *frames* takes what goes over every connection.
        """
        self._settings = settings
        self._clock = clock
        self._handler = handler
        self._connect = connect
        self._rng = rng
        self._ping_interval_s = ping_interval_s
        self._on_change = on_change
        self._on_answer = on_answer
        self._frames = FrameRing() if frames is None else frames
        self._calls = CallQueue()
        self._inbox: Inbox[Received] = Inbox(max_items=_MAX_INBOX_FRAMES, max_size=_MAX_INBOX_CHARACTERS)
        self._conversation: Conversation | None = None
        self._connections = 0
        self._opened = asyncio.Event()
        self._failures = 0
        self._last_failure: DialFailed | ConnectionLost | None = None
        self._last_answer_s: float | None = None
        self._released = asyncio.Event()
        self._released.set()
        self._hurry = asyncio.Event()
        self._dialling: asyncio.Timeout | None = None

    @property
    def settings(self) -> LinkSettings:
        """What the next attempt uses."""
        return self._settings

    @property
    def connected(self) -> bool:
        """What `status` says of it, for the many who ask nothing else."""
        return self._conversation is not None

    @property
    def status(self) -> LinkStatus:
        """The link right now."""
        current = self._conversation
        answer_s = current.last_answer_s if current is not None else None
        return LinkStatus(
            connected=current is not None,
            held=not self._released.is_set(),
            since=self._wall_time(current.opened_s if current is not None else None),
            last_answer_at=self._wall_time(answer_s if answer_s is not None else self._last_answer_s),
            last_error=str(self._last_failure) if self._last_failure is not None else None,
            next_step=self._last_failure.next_step if isinstance(self._last_failure, DialFailed) else None,
        )

    @property
    def last_failure(self) -> DialFailed | ConnectionLost | None:
        """What `status.last_error` says, for an owner that must tell a refused password from a dead line."""
        return self._last_failure

    async def opened(self, *, after: int = 0) -> int:
        """Wait until a connection stands that is younger than number *after*; returns its number, from 1.

        A loop of `number = await link.opened(after=number)` sees every connection that lives long enough to
        be of use.
        """
        while self._conversation is None or self._connections <= after:
            await self._opened.wait()
        return self._connections

    def accepted(self) -> None:
        """The owner says: the central system accepted this charge point, CALLs may be sent unasked.

        Holds for the connection that stands; from then on its silence is probed with Heartbeats.
        """
        if self._conversation is not None:
            self._conversation.accepted = True
            self._note_failure(None)

    async def call(
        self, action: str, payload: dict[str, Any], *, lane: Lane = Lane.IMMEDIATE
    ) -> dict[str, Any]:
        """Send a CALL when its turn comes, and return the payload of its answer.

        Raises LinkLost at once while no connection stands, and as soon as it drops (LostInFlight or FrameTooBig
        where this CALL was in flight); AnswerTimeout after `answer_timeout_s` in flight; RemoteCallError for a
        CALLERROR; InvalidAnswer for an answer that its schema forbids; InvalidPayload, a bug of the caller's, where
        the schema forbids *payload*. A caller that is cancelled takes its CALL out of the queue, but not back from
        the wire.
        """
        check_outbound(action, payload, kind="call")
        if self._conversation is None:
            raise LinkLost("there is no link to the central system")
        return await self._calls.add(action, payload, lane)

    def set_ping_interval(self, interval_s: float) -> None:
        """Ping this often from now on (WebSocketPingInterval); 0: never."""
        if interval_s < 0:
            raise ValueError(f"ping interval {interval_s} s is negative, allowed are 0 (never) and more")
        self._ping_interval_s = interval_s
        if self._conversation is not None:
            self._conversation.set_ping_interval(interval_s)

    def reconfigure(self, settings: LinkSettings) -> None:
        """Follow *settings* from now on; dials anew, as `reconnect_now` does, only where the endpoint is another."""
        elsewhere = settings.endpoint != self._settings.endpoint
        self._settings = settings
        if elsewhere or self._conversation is None:
            self.reconnect_now()
        else:
            self._conversation.set_patience(
                answer_timeout_s=settings.answer_timeout_s, silence_s=settings.silence_s
            )

    def reconnect_now(self) -> None:
        """Give up the connection, once what was asked over it is answered, and dial without waiting."""
        self._failures = 0
        self._hurry.set()
        if self._conversation is not None:
            self._conversation.leave()
        if self._dialling is not None:
            self._dialling.reschedule(asyncio.get_running_loop().time())

    def hold(self) -> None:
        """Give up the connection, once what was asked over it is answered, and dial none before `release`."""
        self._released.clear()
        self.reconnect_now()
        self._on_change()

    def release(self) -> None:
        """End a `hold`, or the wait after a failure: dials at once where no connection stands."""
        self._released.set()
        if self._conversation is None and self._dialling is None:
            self._failures = 0
            self._hurry.set()
        self._on_change()

    async def run(self) -> Never:
        """Keep the link up until cancelled."""
        async with asyncio.TaskGroup() as group:
            # Not a task of the connection, so that a handler outlives it.
            group.create_task(self._answer_calls(), name="link-answers")
            while True:
                await self._released.wait()
                self._hurry.clear()
                await self._use_one_connection()
        raise AssertionError("unreachable")

    async def _use_one_connection(self) -> None:
        """Dial, serve until the connection ends, then wait as long as the next attempt must."""
        try:
            await self._dial_and_serve()
        except Left:
            return
        except DialFailed as failure:
            self._note_failure(failure)
            retry_after_s = failure.retry_after_s
        except ConnectionLost as loss:
            self._note_failure(loss)
            retry_after_s = None
        settings = self._settings
        backoff = Backoff(
            min_s=settings.reconnect_min_s, max_s=settings.reconnect_max_s, failures=self._failures
        )
        self._failures += 1
        jitter_s = self._rng.uniform(0.0, settings.reconnect_jitter_s)
        wait_s = backoff.wait_s(jitter_s=jitter_s, retry_after_s=retry_after_s)
        log.warning("link failed retry_in_s=%.1f reason=%s", wait_s, self._last_failure)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._hurry.wait()

    async def _dial_and_serve(self) -> None:
        """Raises DialFailed, ConnectionLost, or Left after `reconnect_now` or `hold`."""
        async with AsyncExitStack() as stack:
            connection = await self._dial(stack)
            if connection.subprotocol != SUBPROTOCOL:
                raise unselected(self._settings.endpoint.url)
            conversation = self._open(connection)
            try:
                await conversation.serve()
            except Left:
                raise
            except ConnectionLost:
                # Gone or deaf: a closing handshake would only cost time.
                connection.abort()
                raise
            finally:
                self._close(conversation)

    async def _dial(self, stack: AsyncExitStack) -> Connection:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.answer_timeout_s) as self._dialling:
                return await stack.enter_async_context(self._connect(settings.endpoint))
        except TimeoutError as error:
            if self._hurry.is_set():
                raise Left("the attempt was given up on request") from error
            raise DialFailed(
                f"{settings.endpoint.url} did not finish the handshake in {settings.answer_timeout_s:g} s",
                cause=DialCause.SILENT,
            ) from error
        finally:
            self._dialling = None

    def _open(self, connection: Connection) -> Conversation:
        conversation = Conversation(
            connection,
            self._clock,
            id_prefix=f"{self._rng.getrandbits(32):08x}",
            calls=self._calls,
            inbox=self._inbox,
            answer_timeout_s=self._settings.answer_timeout_s,
            ping_interval_s=self._ping_interval_s,
            silence_s=self._settings.silence_s,
            on_answer=self._on_answer,
            frames=self._frames,
        )
        self._conversation = conversation
        self._connections += 1
        self._opened.set()
        self._opened = asyncio.Event()
        log.info("link opened url=%s", self._settings.endpoint.url)
        self._on_change()
        return conversation

    def _close(self, conversation: Conversation) -> None:
        self._conversation = None
        if conversation.last_answer_s is not None:
            self._last_answer_s = conversation.last_answer_s
            # A link over which nothing was ever answered has failed, however long it stood.
            if conversation.accepted and self._clock.monotonic_s() - conversation.opened_s >= STABLE_AFTER_S:
                self._failures = 0
        # Nobody waits for the answers any more; a request that was not begun is not executed.
        self._inbox.clear()
        self._calls.fail_all("the link to the central system was lost")
        self._on_change()

    async def _answer_calls(self) -> Never:
        turns = Turns(self._clock)
        while True:
            await turns.share()
            received = await self._inbox.take()
            reply: str | None
            if isinstance(received.event, rpc.Malformed):
                log.warning("call malformed reason=%s", received.event.reason)
                reply = received.event.reply
            else:
                reply = await self._reply_to(received.event)
            if reply is not None and received.conversation is self._conversation:
                try:
                    await received.conversation.send(reply)
                except ConnectionLost as loss:
                    received.conversation.break_off(loss)

    async def _reply_to(self, call: rpc.Call) -> str | None:
        started_s = self._clock.monotonic_s()
        reply: str | None
        try:
            payload = await self._handler(call.action, call.payload)
            check_outbound(call.action, payload, kind="result")
            reply, outcome = rpc.result_frame(call.message_id, payload), "answered"
        except Unanswered as silence:
            reply, outcome = None, f"not answered: {silence}"
        except CallError as error:
            reply, outcome = rpc.error_frame(call.message_id, error), str(error)
        except Exception:
            # The boundary: a bug in one answer is told to who asked, and ends neither the link nor a session.
            log.exception("call failed action=%.60s id=%.60s", call.action, call.message_id)
            bug = CallError(ErrorCode.INTERNAL_ERROR, "the charge point failed on this request, see its log")
            reply, outcome = rpc.error_frame(call.message_id, bug), str(bug.code)
        elapsed_ms = (self._clock.monotonic_s() - started_s) * 1000
        log.info("call received action=%.60s outcome=%s ms=%.1f", call.action, outcome, elapsed_ms)
        return reply

    def _note_failure(self, failure: DialFailed | ConnectionLost | None) -> None:
        self._last_failure = failure
        self._on_change()

    def _wall_time(self, monotonic_s: float | None) -> datetime | None:
        """A monotonic instant on the wall clock as it is set now, which may have been wrong back then."""
        if monotonic_s is None:
            return None
        return self._clock.now() - timedelta(seconds=self._clock.monotonic_s() - monotonic_s)
