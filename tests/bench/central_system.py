"""A central system that only measures: it sends what it is given, and notes when what came."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

ANSWER_S = 30.0

Call = tuple[str, dict[str, Any]]
"""An action and its payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A CALL of the charger's; *at_s* is when it came (`time.perf_counter`), *answer* what it got."""

    at_s: float
    payload: dict[str, Any]
    answer: dict[str, Any]


class CentralSystem:
    """Accepts every boot; one charge point at a time."""

    def __init__(self) -> None:
        self.port = 0
        self.booted: asyncio.Future[float]
        """When BootNotification.req of the next connection arrived (`time.perf_counter`)."""
        self.greeted = asyncio.Event()
        """The first status of connector 1 of this connection was answered."""
        self._connection: ServerConnection | None = None
        self._answers: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._requests: defaultdict[str, asyncio.Queue[Request]] = defaultdict(asyncio.Queue)
        self._sent = count(1)
        self._transactions = count(1)
        self.expect_boot()

    def expect_boot(self) -> None:
        """From here on `booted` and `greeted` are about the next start."""
        self.booted = asyncio.get_running_loop().create_future()
        self.greeted.clear()

    async def attend(self, connection: ServerConnection) -> None:
        """Serve one connection until it ends."""
        self._connection = connection
        with suppress(ConnectionClosed):
            async for frame in connection:
                await self._take(str(frame), time.perf_counter(), connection)

    async def call(self, action: str, payload: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Seconds from the request to its answer, and the answer."""
        seconds, (answer,) = await self.burst([(action, payload)])
        return seconds, answer

    async def burst(self, calls: Sequence[Call]) -> tuple[float, list[dict[str, Any]]]:
        """Send all *calls* at once: seconds to the last answer, and the answers, which must come in order."""
        assert self._connection is not None
        identified = [(str(next(self._sent)), *call) for call in calls]
        frames = [json.dumps([2, *call]) for call in identified]
        started_s = time.perf_counter()
        for frame in frames:
            await self._connection.send(frame)
        async with asyncio.timeout(ANSWER_S):
            answered = [await self._answers.get() for _ in frames]
        answers = [json.loads(frame) for _, frame in answered]
        assert [answer[:2] for answer in answers] == [[3, message_id] for message_id, *_ in identified], (
            answers
        )
        return answered[-1][0] - started_s, [answer[2] for answer in answers]

    async def ping(self) -> float:
        """Seconds until the pong."""
        assert self._connection is not None
        return await (await self._connection.ping())

    async def request(self, action: str) -> Request:
        """The next CALL of that name, from the first one on that nobody has taken."""
        async with asyncio.timeout(ANSWER_S):
            return await self._requests[action].get()

    def forget(self, action: str) -> int:
        """Drop the CALLs of that name that nobody has taken; returns how many they were."""
        dropped = self._requests[action].qsize()
        self._requests[action] = asyncio.Queue()
        return dropped

    async def _take(self, frame: str, now_s: float, connection: ServerConnection) -> None:
        if not frame.startswith("[2,"):
            self._answers.put_nowait((now_s, frame))
            return
        _, message_id, action, payload = json.loads(frame)
        answer = self._answer_to(action)
        await connection.send(json.dumps([3, message_id, answer]))
        self._requests[action].put_nowait(Request(at_s=now_s, payload=payload, answer=answer))
        if action == "BootNotification" and not self.booted.done():
            self.booted.set_result(now_s)
        if action == "StatusNotification" and payload["connectorId"] == 1:
            self.greeted.set()

    def _answer_to(self, action: str) -> dict[str, Any]:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": now, "interval": 300}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize" | "StopTransaction":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                return {"transactionId": next(self._transactions), "idTagInfo": {"status": "Accepted"}}
        return {}


@asynccontextmanager
async def central_system() -> AsyncIterator[CentralSystem]:
    """A central system on a free port of this machine."""
    system = CentralSystem()
    subprotocols = [Subprotocol("ocpp1.6")]
    async with serve(system.attend, "127.0.0.1", 0, subprotocols=subprotocols, compression=None) as server:
        system.port = next(iter(server.sockets)).getsockname()[1]
        yield system
