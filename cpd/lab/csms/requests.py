"""What the central system asks of one charge point over one link, and what comes back.

Each CALL is judged by the schemas of the `ocpp` package where it goes as a message of it, and goes out as it is
where it is raw. It knows frames and payloads; what comes in otherwise is the session's.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult, MessageType, validate_payload
from ocpp.v16 import call_result

from cpd.lab.csms.behaviour import BehaviourInForce
from cpd.lab.csms.station_log import Asked, StationLog
from cpd.ocpp.transport import ConnectionLost

OCPP_VERSION = "1.6"

_Answer: TypeAlias = "CallResult | CallError"

_FIRST_NUMERIC_ID = 1_524_699_488


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


class Requests:
    """The CALLs of the central system over one link, one after the other unless they are to go together."""

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        *,
        station_log: StationLog,
        behaviour: BehaviourInForce,
        timeout_s: float,
    ) -> None:
        self._send = send
        self._log = station_log
        self._behaviour = behaviour
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(_FIRST_NUMERIC_ID)
        self._waiting: dict[str, asyncio.Future[_Answer]] = {}
        self._given_up: set[str] = set()
        self.made = 0
        """How many went out so far."""

    @property
    def in_flight(self) -> bool:
        """True while one waits for its answer."""
        return bool(self._waiting)

    async def ask(self, message: Any) -> Any:
        """Send an `ocpp.v16.call` dataclass; returns the `ocpp.v16.call_result` that comes back.

        Raises CallRefused, InvalidAnswer, NotConnected, TimeoutError, and ValueError for a message of ours
        that does not satisfy its schema.
        """
        action = type(message).__name__
        payload = remove_nones(snake_to_camel_case(serialize_as_dict(message)))
        try:
            await validate_payload(Call("", action, payload), OCPP_VERSION)
        except OCPPError as error:
            raise ValueError(f"{action}: {words(error)}") from error
        async with self._turn:
            answer = await self._exchange(action, payload)
        try:
            await validate_payload(CallResult("", answer, action), OCPP_VERSION)
        except OCPPError as error:
            self._log.violate(f"answer to {action}: {words(error)}")
            raise InvalidAnswer(f"{action}: {words(error)}") from error
        return getattr(call_result, action)(**camel_to_snake_case(answer))

    async def ask_raw(self, action: str, payload: object) -> Any:
        """Send a CALL as it is, right or wrong; returns the payload of the CALLRESULT, unchecked.

        Raises CallRefused, NotConnected and TimeoutError.
        """
        async with self._turn:
            return await self._exchange(action, payload)

    async def ask_together(self, calls: Sequence[tuple[str, object]]) -> None:
        """Send CALLs, each an action and a payload, without waiting for the answers in between; then for all.

        What came back is in the log. Raises NotConnected.
        """
        async with self._turn, asyncio.TaskGroup() as group:
            for action, payload in calls:
                group.create_task(self._try(action, payload), name=f"ask-{action}")

    def receive(self, message: _Answer) -> None:
        """An answer came; one that nobody waits for any more is no news, any other is a violation."""
        if message.unique_id in self._given_up:
            return
        waiting = self._waiting.pop(message.unique_id, None)
        if waiting is None:
            self._log.violate(f"an answer to {message.unique_id!r}, which is no CALL that waits for one")
        elif not waiting.done():
            waiting.set_result(message)

    def lose(self) -> None:
        """The link is gone: nobody waits for an answer over it."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionLost("the link was lost before the answer came"))

    async def _try(self, action: str, payload: object) -> None:
        try:
            await self._exchange(action, payload)
        except (CallRefused, TimeoutError):
            return

    async def _exchange(self, action: str, payload: object) -> Any:
        message_id: str | int = next(self._numbers) if self._behaviour.now.numeric_ids else str(uuid4())
        name = str(message_id)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[name] = waiting
        self.made += 1
        asked = self._log.ask(action, payload)
        if isinstance(payload, dict) and action in ("TriggerMessage", "ExtendedTriggerMessage"):
            self._log.triggered.add(str(payload.get("requestedMessage")))
        try:
            await self._send(
                json.dumps([MessageType.Call, message_id, action, payload], separators=(",", ":"))
            )
            async with asyncio.timeout(self._timeout_s):
                message = await waiting
        except ConnectionLost as error:
            raise NotConnected(f"{action}: {error}") from error
        finally:
            if self._waiting.pop(name, None) is not None:
                self._given_up.add(name)
        return self._content(message, asked)

    def _content(self, message: _Answer, asked: Asked) -> Any:
        if isinstance(message, CallError):
            asked.error = message.error_code
            raise CallRefused(message.error_code, message.error_description)
        asked.answer = message.payload
        return message.payload


def words(error: Exception) -> str:
    """The cause that the package keeps in the details, without the whole schema behind it."""
    cause = str(getattr(error, "details", {}).get("cause", error))
    return cause.partition("\n")[0]
