"""The central system's end of one link: the `ocpp` package's ChargePoint class with a reader of our own.

The package's `start()` answers inside its receive loop and dies of odd frames; here the reader only sorts
frames, each CALL is answered in a task of its own, and nobody waits for an answer over a link that is gone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult, validate_payload
from ocpp.v16.enums import Action, RegistrationStatus
from websockets.frames import CloseCode

from cpd.clock import Clock
from cpd.lab.csms.answers import Answers
from cpd.lab.csms.behaviour import BehaviourInForce, Reaction
from cpd.lab.csms.conformance import NonconformingFrame, date_faults, message_from
from cpd.lab.csms.requests import CallRefused, NotConnected, Requests, words
from cpd.lab.csms.station_log import Event, StationLog
from cpd.ocpp.transport import ConnectionLost

log = logging.getLogger(__name__)

# At INFO the package logs every frame, which the station's log has already.
_package_log = logging.Logger(f"{__name__}.ocpp", logging.ERROR)
_package_log.parent = log


class Wire(Protocol):
    """What a session needs of a connection; its methods but `abort` raise ConnectionLost once it is gone."""

    async def recv(self) -> str | bytes:
        """The next frame."""

    async def send(self, text: str) -> None:
        """Hand a frame over."""

    async def close(self, code: int) -> None:
        """End the connection with a closing handshake of this code (RFC 6455 §7.4)."""

    def abort(self) -> None:
        """Drop the connection without a word."""


class Session(Answers):
    """One link of one charge point; what it sees is written into the station's log."""

    def __init__(
        self,
        wire: Wire,
        *,
        station_log: StationLog,
        behaviour: BehaviourInForce,
        clock: Clock,
        transaction_id: Callable[[], int],
        answer_timeout_s: float,
        acts: "Acts | None",
    ) -> None:
        super().__init__(
            wire,
            station_log=station_log,
            behaviour=behaviour,
            clock=clock,
            transaction_id=transaction_id,
            response_timeout=answer_timeout_s,
            logger=_package_log,
        )
        self._wire = wire
        self._acts = acts
        self.requests = Requests(
            self._send, station_log=station_log, behaviour=behaviour, timeout_s=answer_timeout_s
        )
        self._message_ids: set[str] = set()
        self._unanswered: set[str] = set()

    async def serve(self) -> None:
        """Read and answer until the link ends."""
        self.log.add(Event.CONNECTED)
        try:
            async with asyncio.TaskGroup() as tasks:
                keeps_s = self.behaviour.now.keeps_s(self.log.connections)
                if keeps_s is not None:
                    tasks.create_task(self._close_after(keeps_s), name="close")
                if self._acts is not None:
                    tasks.create_task(self._act(self._acts), name="act")
                while True:
                    await self._receive(await self._wire.recv(), tasks)
        except* ConnectionLost as error:
            log.debug("link of %s ended: %s", self.id, error.exceptions[0])
        finally:
            self.requests.lose()
            self.log.add(Event.DISCONNECTED)

    async def try_to_ask(self, action: str, payload: object) -> Any:
        """Send a CALL as it is; returns the payload of its answer, or None where that is no CALLRESULT, or none.

        What came back is in the log. Raises NotConnected.
        """
        try:
            return await self.requests.ask_raw(action, payload)
        except (CallRefused, TimeoutError):
            return None

    async def send_raw(self, text: str) -> None:
        """Send any text as a frame."""
        await self._send(text)

    def drop(self) -> None:
        """End the link without a word."""
        self._wire.abort()

    async def _act(self, acts: "Acts") -> None:
        try:
            await acts(self)
        except NotConnected as error:
            log.debug("%s: %s", self.id, error)

    async def _close_after(self, keeps_s: float) -> None:
        await self.clock.sleep(keeps_s)
        await self._wire.close(self.behaviour.now.close_code)

    async def _receive(self, text: str | bytes, answers: asyncio.TaskGroup) -> None:
        self.log.add(Event.RECEIVED, text if isinstance(text, str) else repr(text))
        most = self.behaviour.now.most_characters
        if most is not None and len(text) > most:
            await self._wire.close(CloseCode.MESSAGE_TOO_BIG)
            return
        try:
            message = message_from(text)
        except NonconformingFrame as error:
            self.log.violate(f"frame: {error}")
            return
        for fault in date_faults(getattr(message, "payload", None)):
            self.log.violate(fault)
        if isinstance(message, Call):
            await self._receive_call(message, answers)
        else:
            self.requests.receive(message)

    async def _receive_call(self, message: Call, answers: asyncio.TaskGroup) -> None:
        self._check_call(message)
        self._message_ids.add(message.unique_id)
        if message.action not in self.route_map:
            self.log.violate(f"{message.action} is no CALL of a charge point")
            await self._send(_error(message, "NotImplemented", f"{message.action} is not known here"))
            return
        try:
            await validate_payload(message, self._ocpp_version)
        except OCPPError as error:
            self.log.violate(f"{message.action}: {words(error)}")
            await self._send(_error(message, "FormationViolation", words(error)))
            return
        self.log.add_call(message)
        reaction = self.behaviour.take(message.action)
        if reaction.plain:
            self._unanswered.add(message.unique_id)
        # A CALL of its own that is in flight now crossed this one, and so does any that goes out before the answer.
        made = -1 if self.requests.in_flight else self.requests.made
        answers.create_task(self._answer(message, reaction, made), name=f"answer-{message.action}")

    def _check_call(self, message: Call) -> None:
        """OCPP-J 1.6 §4.1 on ids and turns, OCPP 1.6 §4.2 on charge points that are not accepted."""
        if message.unique_id in self._message_ids:
            self.log.violate(f"message id {message.unique_id!r} came twice")
        if self._unanswered:
            self.log.violate(f"{message.action} before the CALL before it was answered")
        registration = self.log.registration
        if registration in (None, RegistrationStatus.accepted) or message.action == Action.boot_notification:
            return
        if registration == RegistrationStatus.rejected or message.action not in self.log.triggered:
            self.log.violate(f"{message.action} while the registration is {registration}")

    async def _answer(self, message: Call, reaction: Reaction, requests_made: int) -> None:
        if reaction.delay_s:
            await self.clock.sleep(reaction.delay_s)
        if reaction.held:
            await self.behaviour.released(message.action)
        crossed = self.behaviour.now.crossed
        if crossed is not None and self.requests.made != requests_made:
            reaction = crossed
        if reaction.drops_link:
            self.drop()
        elif reaction.error is not None:
            if message.action == Action.stop_transaction:
                self.log.ledger.refuse_stop(message.payload["transactionId"])
            await self._send(_error(message, reaction.error, "as scripted"))
        elif reaction.answer is not None:
            await self._send(CallResult(message.unique_id, reaction.answer).to_json())
        elif not reaction.silent and await self._handle_call(message) is None:
            # The package answers InternalError and swallows what a handler of ours raised.
            raise RuntimeError(f"the central system failed on {message.action}, see its log")
        self._unanswered.discard(message.unique_id)

    async def _send(self, message: str) -> None:
        self.log.add(Event.SENT, message)
        await self._wire.send(message)


def _error(message: Call, code: str, description: str) -> str:
    text: str = CallError(message.unique_id, code, description[:255], {}).to_json()
    return text


Acts: TypeAlias = Callable[[Session], Awaitable[None]]
"""What a central system does by itself over each link, from its beginning; the end of the link is its end."""
