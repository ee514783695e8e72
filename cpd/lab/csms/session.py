"""The central system's end of one link: the `ocpp` package's ChargePoint class with a reader of our own.

The package's `start()` answers inside its receive loop and dies of odd frames; here the reader only sorts
frames, each CALL is answered in a task of its own, and nobody waits for an answer over a link that is gone.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.messages import Call, CallError, CallResult, MessageType, validate_payload
from ocpp.v16 import call
from ocpp.v16.enums import Action, RegistrationStatus

from cpd.clock import Clock
from cpd.lab.csms.answers import Answers
from cpd.lab.csms.behaviour import BehaviourInForce, Reaction
from cpd.lab.csms.conformance import NonconformingFrame, date_faults, message_from
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

    def abort(self) -> None:
        """Drop the connection without a word."""


class NotConnected(Exception):
    """The charge point has no link, or lost it before it answered."""


class CallRefused(Exception):
    """The charge point answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class InvalidAnswer(Exception):
    """The charge point's answer does not satisfy its schema; it is in the log as a violation, too."""


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
        self._waiting: set[str] = set()
        self._given_up: set[str] = set()
        self._refusals: dict[str, CallError] = {}
        self._message_ids: set[str] = set()
        self._unanswered: set[str] = set()
        self._lost = False

    async def serve(self) -> None:
        """Read and answer until the link ends."""
        self.log.add(Event.CONNECTED)
        try:
            async with asyncio.TaskGroup() as answers:
                while True:
                    await self._receive(await self._wire.recv(), answers)
        except* ConnectionLost as error:
            log.debug("link of %s ended: %s", self.id, error.exceptions[0])
        finally:
            self._lost = True
            for message_id in self._waiting:
                # Else call() would wait for its whole time-out.
                self._response_queue.put_nowait(CallError(message_id, "GenericError", "link lost", {}))
            self.log.add(Event.DISCONNECTED)

    async def request(self, message: Any) -> Any:
        """Send an `ocpp.v16.call` dataclass; returns the `ocpp.v16.call_result` that comes back.

        Raises CallRefused, InvalidAnswer, NotConnected, TimeoutError, and ValueError for a message of ours
        that does not satisfy its schema.
        """
        if isinstance(message, call.TriggerMessage | call.ExtendedTriggerMessage):
            self.log.triggered.add(str(message.requested_message))
        action = type(message).__name__
        message_id = str(uuid4())
        self._waiting.add(message_id)
        try:
            return await self.call(message, suppress=False, unique_id=message_id)
        except ConnectionLost as error:
            raise NotConnected(f"{action}: {error}") from error
        except (OCPPError, UnknownCallErrorCodeError) as error:
            refusal = self._refusals.pop(message_id, None)
            if refusal is not None:
                raise CallRefused(refusal.error_code, refusal.error_description) from error
            if message_id not in self._waiting:
                self.log.violate(f"answer to {action}: {_words(error)}")
                raise InvalidAnswer(f"{action}: {_words(error)}") from error
            if self._lost:
                raise NotConnected(f"{action}: the link was lost before the answer came") from error
            raise ValueError(f"{action}: {_words(error)}") from error
        finally:
            if message_id in self._waiting:
                self._waiting.remove(message_id)
                self._given_up.add(message_id)

    async def request_raw(self, action: str, payload: object) -> Any:
        """Send a CALL as it is, right or wrong; returns the payload of the CALLRESULT, unchecked.

        Raises CallRefused, NotConnected and TimeoutError.
        """
        message_id = str(uuid4())
        self._waiting.add(message_id)
        try:
            async with self._call_lock:
                await self._send(json.dumps([MessageType.Call, message_id, action, payload]))
                answer = await self._get_specific_response(message_id, self._response_timeout)
        except ConnectionLost as error:
            raise NotConnected(f"{action}: {error}") from error
        finally:
            refusal = self._refusals.pop(message_id, None)
            if message_id in self._waiting:
                self._waiting.remove(message_id)
                self._given_up.add(message_id)
        if refusal is not None:
            raise CallRefused(refusal.error_code, refusal.error_description)
        if isinstance(answer, CallError):
            raise NotConnected(f"{action}: the link was lost before the answer came")
        return answer.payload

    async def send_raw(self, text: str) -> None:
        """Send any text as a frame."""
        await self._send(text)

    def drop(self) -> None:
        """End the link without a word."""
        self._wire.abort()

    async def _receive(self, text: str | bytes, answers: asyncio.TaskGroup) -> None:
        self.log.add(Event.RECEIVED, text if isinstance(text, str) else repr(text))
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
            self._receive_answer(message)

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
            self.log.violate(f"{message.action}: {_words(error)}")
            await self._send(_error(message, "FormationViolation", _words(error)))
            return
        self.log.add_call(message)
        reaction = self.behaviour.take(message.action)
        if reaction.plain:
            self._unanswered.add(message.unique_id)
        answers.create_task(self._answer(message, reaction), name=f"answer-{message.action}")

    def _receive_answer(self, message: CallResult | CallError) -> None:
        if message.unique_id in self._given_up:
            return
        if message.unique_id not in self._waiting:
            self.log.violate(f"an answer to {message.unique_id!r}, which is no CALL that waits for one")
            return
        self._waiting.remove(message.unique_id)
        if isinstance(message, CallError):
            self._refusals[message.unique_id] = message
        self._response_queue.put_nowait(message)

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

    async def _answer(self, message: Call, reaction: Reaction) -> None:
        if reaction.delay_s:
            await self.clock.sleep(reaction.delay_s)
        if reaction.held:
            await self.behaviour.released(message.action)
        if reaction.drops_link:
            self.drop()
        elif reaction.error is not None:
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


def _words(error: Exception) -> str:
    """The cause that the package keeps in the details, without the whole schema behind it."""
    cause = str(getattr(error, "details", {}).get("cause", error))
    return cause.partition("\n")[0]
