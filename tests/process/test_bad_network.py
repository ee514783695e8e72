"""A real daemon behind a real TCP proxy: one that swallows everything without a FIN, one that hangs up at once."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path

from ocpp.v16 import call

from cpd.clock import SystemClock
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.websocket import listening
from tests.process.charger import STATION, charger


class Way(Enum):
    """What the proxy does with what comes."""

    OPEN = "carries it"
    HOLE = "swallows it, and says nothing"
    SHUT = "hangs up"


class Proxy:
    """A TCP proxy; *way* holds for links that stand as well, but one that once lost bytes stays lost."""

    def __init__(self, target_port: int) -> None:
        self.way = Way.OPEN
        self.port = 0
        self.dials: asyncio.Queue[float] = asyncio.Queue()
        """When each link was dialled, on the monotonic clock."""
        self._target_port = target_port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one link until an end hangs up."""
        self.dials.put_nowait(time.monotonic())
        try:
            if self.way is Way.SHUT:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far_writer))
                group.create_task(self._carry(far_reader, writer))
        finally:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lost = False
        while read := await self._read(reader):
            lost = lost or self.way is Way.HOLE
            if not lost:
                writer.write(read)
        writer.transport.abort()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(1 << 16)
        except ConnectionError:
            return b""


@asynccontextmanager
async def proxied(central_system: CentralSystem) -> AsyncIterator[Proxy]:
    async with listening(central_system) as port:
        proxy = Proxy(port)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()


def csms_table(port: int, **waits: float) -> str:
    lines = "".join(f"{name} = {value}\n" for name, value in waits.items())
    return f'[csms]\nurl = "ws://127.0.0.1:{port}/ocpp"\nreconnect_jitter_s = 0\n{lines}'


async def test_a_black_hole_is_left_after_two_pings_and_a_timeout(tmp_path: Path) -> None:
    """Nothing arrives any more and no end is told; the session goes on, and its stop is booked once."""
    ping_s, answer_s = 2, 2
    central_system = CentralSystem(SystemClock())
    log = central_system.log(STATION)
    async with proxied(central_system) as proxy:
        more = csms_table(proxy.port, answer_timeout_s=answer_s, reconnect_min_s=0.1, reconnect_max_s=0.1)
        keys = f"WebSocketPingInterval = {ping_s}\nMeterValueSampleInterval = 0"
        async with charger(tmp_path, more=more, ocpp=keys) as here:
            await here.charge()
            await log.message(call.StatusNotification, lambda told: told.status == "Charging")
            await here.until(lambda status: not status["csms"]["queued"])
            # Behind every answer, so that no call of the charger's waits for one: only pings can tell.
            await central_system.call(STATION, call.GetConfiguration(key=["HeartbeatInterval"]))
            await proxy.dials.get()
            proxy.way = Way.HOLE
            gone_s = time.monotonic()
            assert await proxy.dials.get() - gone_s <= 2 * ping_s + answer_s
            assert not (await here.status())["csms"]["online"]
            await here.call("mock.plug_out", connector=1)
            await here.until(lambda status: status["csms"]["queued"] > 0)
            proxy.way = Way.OPEN
            await here.until(lambda status: status["csms"]["online"] and not status["csms"]["queued"])
            (booked,) = log.ledger.transactions
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")
            assert len(log.messages(call.BootNotification)) == 1
    assert central_system.violations == []


async def test_a_server_that_hangs_up_is_dialled_less_and_less_and_found_again_within_the_longest_wait(
    tmp_path: Path,
) -> None:
    central_system = CentralSystem(SystemClock())
    async with proxied(central_system) as proxy:
        proxy.way = Way.SHUT
        more = csms_table(proxy.port, reconnect_min_s=0.2, reconnect_max_s=1.6)
        async with charger(tmp_path, more=more) as here:
            instants = [await proxy.dials.get() for _ in range(7)]
            gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
            assert all(
                gap_s >= wait_s - 0.01
                for gap_s, wait_s in zip(gaps, [0.2, 0.4, 0.8, 1.6, 1.6, 1.6], strict=True)
            ), gaps
            proxy.way = Way.OPEN
            assert await proxy.dials.get() - instants[-1] <= 1.6 + 2.0
            await here.until_online()
    assert central_system.violations == []
