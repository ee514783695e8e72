"""Two hundred charge points and one central system that comes and goes: nobody hammers, everybody comes back."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cpd.ocpp.link import Link, LinkSettings
from cpd.ocpp.transport import SUBPROTOCOL, Connection, DialFailed, Endpoint
from tests.ocpp.memory_link import MemoryConnection, MemoryPeer
from tests.virtual_time import VirtualClock, run_virtual

FLEET = 200
LONGEST_S, JITTER_S = 300.0, 5.0
"""The defaults of csms.reconnect_max_s and csms.reconnect_jitter_s."""
MOST_PER_S = 2 * FLEET / JITTER_S
"""First and second attempts of the fleet overlap; each alone is spread evenly over the jitter."""


class Server:
    """A central system for a fleet: answers every CALL while it is up, and else refuses or hangs up."""

    def __init__(self) -> None:
        self.up = True
        self.refuses: DialFailed | None = None
        """Instead of a connection, where the server is down."""
        self.dials: dict[str, list[float]] = {}
        self.links: dict[str, MemoryPeer] = {}

    @asynccontextmanager
    async def connect(self, endpoint: Endpoint) -> AsyncIterator[Connection]:
        """Where the server is down without a refusal, it takes the connection and closes it at once."""
        self.dials.setdefault(endpoint.url, []).append(asyncio.get_running_loop().time())
        if not self.up and self.refuses is not None:
            raise self.refuses
        peer = MemoryPeer(endpoint)
        if not self.up:
            peer.close()
        self.links[endpoint.url] = peer
        try:
            yield MemoryConnection(peer, SUBPROTOCOL)
        finally:
            peer.close()
            del self.links[endpoint.url]

    def restart(self) -> None:
        """Break every link."""
        for peer in self.links.values():
            peer.close()

    def rates(self, since_s: float) -> Counter[int]:
        """Connection attempts of the whole fleet in each second from *since_s* on."""
        return Counter(
            int(at_s - since_s) for dials in self.dials.values() for at_s in dials if at_s >= since_s
        )


async def refuse(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {}


async def live(link: Link, server: Server, url: str) -> None:
    """What an accepted charge point does with each link: it says so, and has one CALL answered."""
    number = 0
    while True:
        number = await link.opened(after=number)
        peer = server.links.get(url)
        if peer is None or peer.closed.is_set():
            continue
        link.accepted()
        asked = asyncio.ensure_future(link.call("Heartbeat", {}))
        await peer.answer({"currentTime": "2026-03-02T10:00:00Z"})
        await asked


@asynccontextmanager
async def fleet(size: int = FLEET) -> AsyncIterator[Server]:
    """*size* links with the default settings, connected and accepted for some minutes."""
    server = Server()
    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number in range(size):
            url = f"ws://csms.example/ocpp/CP-{number}"
            link = Link(
                LinkSettings(endpoint=Endpoint(url=url)),
                clock,
                refuse,
                connect=server.connect,
                rng=random.Random(number),
            )
            tasks += [group.create_task(link.run()), group.create_task(live(link, server, url))]
        await asyncio.sleep(100)
        assert len(server.links) == size
        yield server
        for task in tasks:
            task.cancel()


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_after_a_restart_the_fleet_comes_back_spread_over_the_jitter() -> None:
    async def scenario() -> None:
        async with fleet() as server:
            began_s = now_s()
            server.restart()
            await asyncio.sleep(60)
            rates = server.rates(began_s)
            assert rates.total() == FLEET, "one attempt each"
            assert rates[0] == 0
            assert max(rates.values()) <= MOST_PER_S, rates
            assert len(server.links) == FLEET

    run_virtual(scenario())


@pytest.mark.parametrize("refusal", [None, DialFailed("connection refused")], ids=["hangs up", "refuses"])
def test_during_an_outage_each_dials_less_and_less_and_comes_back_within_the_longest_wait(
    refusal: DialFailed | None,
) -> None:
    async def scenario() -> None:
        async with fleet() as server:
            began_s = now_s()
            server.up, server.refuses = False, refusal
            server.restart()
            await asyncio.sleep(3_600)
            rates = server.rates(began_s)
            assert max(rates.values()) <= MOST_PER_S, rates
            for dials in server.dials.values():
                gaps = [later - earlier for earlier, later in itertools.pairwise([began_s, *dials[1:]])]
                for number, gap_s in enumerate(gaps):
                    wait_s = min(LONGEST_S, 2.0**number)
                    assert wait_s <= gap_s <= wait_s + JITTER_S, gaps
            back_s = now_s()
            server.up = True
            await asyncio.sleep(LONGEST_S + JITTER_S)
            assert len(server.links) == FLEET
            assert server.rates(back_s).total() == FLEET
            assert max(server.rates(back_s).values()) <= MOST_PER_S

    run_virtual(scenario())


def test_a_server_that_drops_everybody_again_and_again_is_spared_more_and_more() -> None:
    """Accepted, answered, and dropped half a minute later: only a link that held counts as a success."""

    async def scenario() -> None:
        async with fleet(20) as server:
            began_s = now_s()
            for _ in range(60):
                server.restart()
                await asyncio.sleep(30)
            for dials in server.dials.values():
                since = [at_s for at_s in dials if at_s >= began_s]
                assert len(since) <= 15, since

    run_virtual(scenario())


def test_the_fleet_waits_as_long_as_a_busy_server_asks_for() -> None:
    async def scenario() -> None:
        async with fleet() as server:
            server.up = False
            server.refuses = DialFailed("HTTP 503", http_status=503, retry_after_s=120.0)
            began_s = now_s()
            server.restart()
            await asyncio.sleep(1_000)
            for dials in server.dials.values():
                first, *later = [at_s for at_s in dials if at_s >= began_s]
                for earlier, at_s in itertools.pairwise([first, *later]):
                    assert at_s - earlier >= 120
            assert max(server.rates(began_s).values()) <= MOST_PER_S

    run_virtual(scenario())
