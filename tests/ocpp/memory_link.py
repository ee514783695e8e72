"""A central system at the other end of a link, in memory: no socket, no thread, no time of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cpd.ocpp.transport import SUBPROTOCOL, Connection, ConnectionLost, DialFailed, Endpoint

T = TypeVar("T")


class MemoryPeer:
    """The central system's end of one connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.reads = True
        """False: what the charge point sends piles up, and its next send waits for ever."""
        self.pongs = True
        self.pings = 0
        self.aborted = False
        """The charge point dropped the connection without a closing handshake."""
        self._to_csms: asyncio.Queue[str] = asyncio.Queue()
        self._to_charge_point: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.loss = ConnectionLost("the central system closed the link with 1000")

    @property
    def frames_under_way(self) -> int:
        """Frames that one side sent and the other has not read: while there are any, time must not jump."""
        return self._to_csms.qsize() + self._to_charge_point.qsize()

    async def send(self, message: object) -> None:
        """Send JSON, or a str or bytes as it is."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        self._to_charge_point.put_nowait(text)

    async def receive(self) -> list[Any]:
        """The next message of the charge point, decoded."""
        message: list[Any] = json.loads(await self._to_csms.get())
        return message

    async def answer(self, payload: dict[str, Any]) -> list[Any]:
        """Read the next CALL, answer it with *payload*, and return it."""
        call = await self.receive()
        assert call[0] == 2, call
        await self.send([3, call[1], payload])
        return call

    def close(self, loss: ConnectionLost | None = None) -> None:
        """Close the connection from the central system's side; *loss* is what the charge point sees of it."""
        self.loss = self.loss if loss is None else loss
        self.closed.set()


class MemoryConnection:
    """The charge point's end: a `Connection`."""

    def __init__(self, peer: MemoryPeer, subprotocol: str | None) -> None:
        self._peer = peer
        self._subprotocol = subprotocol

    @property
    def subprotocol(self) -> str | None:
        return self._subprotocol

    async def recv(self) -> str | bytes:
        return await self._unless_closed(self._peer._to_charge_point.get())

    async def send(self, text: str) -> None:
        if self._peer.closed.is_set():
            raise self._peer.loss
        if not self._peer.reads:
            await self._unless_closed(asyncio.Event().wait())
        self._peer._to_csms.put_nowait(text)

    async def ping(self) -> None:
        self._peer.pings += 1
        if not self._peer.pongs:
            await self._unless_closed(asyncio.Event().wait())

    def abort(self) -> None:
        self._peer.aborted = not self._peer.closed.is_set()
        self._peer.closed.set()

    async def _unless_closed(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for *waiting*, or raise ConnectionLost as soon as the connection is closed."""
        wanted = asyncio.ensure_future(waiting)
        closed = asyncio.ensure_future(self._peer.closed.wait())
        try:
            await asyncio.wait({wanted, closed}, return_when=asyncio.FIRST_COMPLETED)
            if wanted.done():
                return wanted.result()
            raise self._peer.loss
        finally:
            wanted.cancel()
            closed.cancel()


class MemoryCsms:
    """A central system to dial: `connect` is a `Connect`."""

    def __init__(self) -> None:
        self.subprotocol: str | None = SUBPROTOCOL
        self.failures: list[DialFailed] = []
        """Attempts that fail before the next one succeeds."""
        self.answers_dials = True
        self.attempts: list[Endpoint] = []
        self._peers: asyncio.Queue[MemoryPeer] = asyncio.Queue()

    @asynccontextmanager
    async def connect(self, endpoint: Endpoint) -> AsyncIterator[Connection]:
        self.attempts.append(endpoint)
        if not self.answers_dials:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        peer = MemoryPeer(endpoint)
        self._peers.put_nowait(peer)
        try:
            yield MemoryConnection(peer, self.subprotocol)
        finally:
            peer.closed.set()

    async def accept(self) -> MemoryPeer:
        """The central system's end of the next connection."""
        return await self._peers.get()
