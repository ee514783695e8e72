"""A network in memory between charge points and the central system, for whole daemons on a virtual clock.

It carries texts and fails as networks do; it knows no OCPP message and has no time of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

from websockets.frames import CloseCode

from cpd.lab.csms.central_system import CentralSystem
from cpd.ocpp.transport import SUBPROTOCOL, Connection, ConnectionLost, DialFailed, Endpoint, MessageTooBig


class MemoryNetwork:
    """The way to the central system; `connect` is a `cpd.ocpp.transport.Connect`."""

    def __init__(self, central_system: CentralSystem, links: asyncio.TaskGroup) -> None:
        self.up = True
        """False: nobody can be dialled; links that stand are not concerned, see `cut`."""
        self.swallows = False
        """True: every frame and ping vanishes without a trace, as behind a dead NAT; links stay open."""
        self.dials = 0
        self._central_system = central_system
        self._links = links
        self._open: set[_End] = set()

    @asynccontextmanager
    async def connect(self, endpoint: Endpoint) -> AsyncIterator[Connection]:
        """Dial; the charge point's identity is the last segment of the URL."""
        self.dials += 1
        if not self.up:
            raise DialFailed("connection refused: the network is down")
        behaviour = self._central_system.behaviour
        if behaviour.upgrade_status is not None:
            raise DialFailed(
                f"HTTP {behaviour.upgrade_status}",
                http_status=behaviour.upgrade_status,
                retry_after_s=behaviour.retry_after_s,
            )
        subprotocol = SUBPROTOCOL if behaviour.subprotocol == SUBPROTOCOL else None
        near, far = _pair(self, subprotocol)
        station = unquote(endpoint.url.rsplit("/", 1)[-1])
        self._links.create_task(self._central_system.serve(station, far), name=f"csms-{station}")
        self._open.add(near)
        try:
            yield near
        finally:
            near.abort()
            self._open.discard(near)

    def cut(self) -> None:
        """Break every link at once, and let nobody dial until `up` is set again."""
        self.up = False
        for end in self._open:
            end.abort()


@asynccontextmanager
async def memory_network(central_system: CentralSystem) -> AsyncIterator[MemoryNetwork]:
    """A network that lasts as long as the `with`; links that are left are cut at its end."""
    async with asyncio.TaskGroup() as links:
        network = MemoryNetwork(central_system, links)
        try:
            yield network
        finally:
            network.cut()


class _End:
    """One end of a link; None in a queue is the end of the link."""

    def __init__(
        self,
        network: MemoryNetwork,
        subprotocol: str | None,
        inbox: asyncio.Queue[str | None],
        outbox: asyncio.Queue[str | None],
    ) -> None:
        self.subprotocol = subprotocol
        self._network = network
        self._inbox = inbox
        self._outbox = outbox
        self._closed = asyncio.Event()
        self._other = self
        self._loss = ConnectionLost("the link in memory ended")

    def meet(self, other: "_End") -> None:
        """Make the two ends one link."""
        self._other, other._other = other, self

    async def recv(self) -> str:
        text = await self._inbox.get()
        if text is None:
            self._inbox.put_nowait(None)
            raise self._loss
        return text

    async def send(self, text: str) -> None:
        if self._closed.is_set():
            raise self._loss
        if not self._network.swallows:
            self._outbox.put_nowait(text)

    async def ping(self) -> None:
        if self._network.swallows:
            await self._closed.wait()
        if self._closed.is_set():
            raise self._loss

    async def close(self, code: int) -> None:
        kind = MessageTooBig if code == CloseCode.MESSAGE_TOO_BIG else ConnectionLost
        self._other._loss = kind(f"the central system closed the link with {code}")
        self.abort()

    def abort(self) -> None:
        for end in (self, self._other):
            if not end._closed.is_set():
                end._closed.set()
                end._inbox.put_nowait(None)


def _pair(network: MemoryNetwork, subprotocol: str | None) -> tuple[_End, _End]:
    up: asyncio.Queue[str | None] = asyncio.Queue()
    down: asyncio.Queue[str | None] = asyncio.Queue()
    near = _End(network, subprotocol, inbox=down, outbox=up)
    far = _End(network, subprotocol, inbox=up, outbox=down)
    near.meet(far)
    return near, far
