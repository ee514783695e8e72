"""A central system that breaks the rules of WebSocket and of good manners: a session on a real charger goes on."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from tests.process.charger import Charger, charger

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1 << 20
NOW = "2026-11-22T10:00:00Z"
ANSWERS: dict[str, dict[str, Any]] = {
    "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 300},
    "Heartbeat": {"currentTime": NOW},
    "Authorize": {"idTagInfo": {"status": "Accepted"}},
    "StartTransaction": {"idTagInfo": {"status": "Accepted"}, "transactionId": 7},
}


class Rogue:
    """The other end of the link: answers what it is asked, until it is told to stop."""

    def __init__(self) -> None:
        self.connections = asyncio.Queue[ServerConnection]()
        self.answering = True
        self.asked: list[str] = []
        self.answered = asyncio.Queue[list[Any]]()
        self._connection: ServerConnection | None = None

    async def attend(self, connection: ServerConnection) -> None:
        """Serve one link to its end."""
        self._connection = connection
        self.connections.put_nowait(connection)
        try:
            async for text in connection:
                kind, message_id, *rest = json.loads(text)
                if kind != 2:
                    self.answered.put_nowait([kind, message_id, *rest])
                    continue
                self.asked.append(rest[0])
                if self.answering:
                    await connection.send(json.dumps([3, message_id, ANSWERS.get(rest[0], {})]))
        except ConnectionClosed:
            return

    @property
    def connection(self) -> ServerConnection:
        """The link that stands, or stood last."""
        assert self._connection is not None
        return self._connection

    async def ask(self, message_id: str, **payload: Any) -> list[Any]:
        """GetConfiguration; returns the frame of the answer."""
        await self.connection.send(json.dumps([2, message_id, "GetConfiguration", payload]))
        return await self.answer()

    async def answer(self) -> list[Any]:
        """The next answer of the charger."""
        async with asyncio.timeout(20):
            return await self.answered.get()

    async def redialled(self) -> None:
        """Wait until the charger has come again, and answers."""
        async with asyncio.timeout(20):
            await self.connections.get()
        while not self.answered.empty():
            self.answered.get_nowait()


class Here:
    """A charger in a session, and who it is connected to."""

    def __init__(self, charger: Charger, rogue: Rogue) -> None:
        self.charger = charger
        self.rogue = rogue

    @property
    def memory_bytes(self) -> int:
        """What the charger has in RAM."""
        status = Path(f"/proc/{self.charger.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    async def all_is_well(self) -> None:
        """The charger answers, and its session goes on as it was."""
        answer = await self.rogue.ask("well", key=["HeartbeatInterval"])
        assert answer[:2] == [3, "well"]
        connector = await self.charger.connector()
        assert connector["ocpp_status"] == "Charging"
        assert connector["pilot"]["duty_percent"] == 53.3
        assert connector["contactor"]["confirmed"] == "closed"


@asynccontextmanager
async def rogue_site(folder: Path, **csms: Any) -> AsyncIterator[Here]:
    rogue = Rogue()
    settings = "\n".join(f"{name} = {value}" for name, value in csms.items())
    async with serve(
        rogue.attend,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol("ocpp1.6")],
        ping_interval=None,
        compression=None,
        close_timeout=1,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        async with charger(folder, url=f"ws://127.0.0.1:{port}/ocpp", csms=settings) as here:
            await here.until_online()
            await here.charge()
            await rogue.connections.get()
            site = Here(here, rogue)
            await site.all_is_well()
            yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    async with rogue_site(tmp_path_factory.mktemp("rogue")) as site:
        yield site


async def test_two_thousand_requests_at_once_are_answered_in_order(here: Here) -> None:
    before = here.memory_bytes
    for number in range(2_000):
        await here.rogue.connection.send(
            json.dumps([2, str(number), "GetConfiguration", {"key": ["HeartbeatInterval"]}])
        )
    assert [(await here.rogue.answer())[1] for _ in range(2_000)] == [str(number) for number in range(2_000)]
    assert here.memory_bytes - before < 16 * MIB
    await here.all_is_well()


async def test_200_mb_leave_nothing_in_the_memory(here: Here) -> None:
    frame = json.dumps([2, "long", "DataTransfer", {"vendorId": "v", "data": "x" * 1_000_000}])
    await here.rogue.connection.send(frame)
    await here.rogue.answer()
    before = here.memory_bytes
    for _ in range(200):
        await here.rogue.connection.send(frame)
        assert (await here.rogue.answer())[1] == "long"
    assert here.memory_bytes - before < 8 * MIB
    await here.all_is_well()


async def test_a_request_in_a_binary_frame_is_answered(here: Here) -> None:
    await here.rogue.connection.send(b'[2,"binary","GetConfiguration",{"key":["HeartbeatInterval"]}]')
    assert (await here.rogue.answer())[:2] == [3, "binary"]
    await here.all_is_well()


async def test_a_request_in_many_fragments_is_answered(here: Here) -> None:
    await here.rogue.connection.send(iter('[2,"pieces","GetConfiguration",{"key":["HeartbeatInterval"]}]'))
    assert (await here.rogue.answer())[:2] == [3, "pieces"]
    await here.all_is_well()


async def test_a_storm_of_pings_is_weathered(here: Here) -> None:
    before = here.memory_bytes
    pongs = [await here.rogue.connection.ping() for _ in range(3_000)]
    await here.all_is_well()
    async with asyncio.timeout(20):
        await asyncio.gather(*pongs)
    assert here.memory_bytes - before < 16 * MIB


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"\xff\xfe"),
        Frame(Opcode.TEXT, b"x" * (MIB + 1)),
        Frame(Opcode.TEXT, b"x" * 1000, rsv1=True),
        Frame(Opcode.CONT, b"of nothing"),
        Frame(Opcode.PING, b"cut", fin=False),
    ],
    ids=["no UTF-8", "too long", "reserved bit", "continues nothing", "a ping in pieces"],
)
async def test_what_websockets_forbid_costs_the_link_and_no_more(here: Here, frame: Frame) -> None:
    header = bytes([frame.fin << 7 | frame.rsv1 << 6 | frame.opcode])
    size = len(frame.data)
    length = bytes([size]) if size < 126 else b"\x7f" + size.to_bytes(8)
    if 126 <= size < 65_536:
        length = b"\x7e" + size.to_bytes(2)
    here.rogue.connection.transport.write(header + length + frame.data)
    await here.rogue.redialled()
    await here.all_is_well()


async def test_a_close_in_the_middle_of_a_frame_costs_the_link_and_no_more(here: Here) -> None:
    here.rogue.connection.transport.write(b"\x81\x7e\x03\xe8" + b'[2,"half"')
    here.rogue.connection.transport.abort()
    await here.rogue.redialled()
    await here.all_is_well()


async def test_a_message_without_end_costs_the_link_and_no_more(here: Here) -> None:
    before = here.memory_bytes

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "x" * 10_000

    with pytest.raises(ConnectionClosed):
        await here.rogue.connection.send(endless())
    await here.rogue.redialled()
    assert here.memory_bytes - before < 16 * MIB
    await here.all_is_well()


async def test_a_central_system_that_never_answers_is_answered_and_the_queue_is_kept(here: Here) -> None:
    rogue = here.rogue
    rogue.answering = False
    asked = len(rogue.asked)
    await here.charger.call("mock.plug_out", connector=1)
    await here.charger.until(lambda status: status["csms"]["queued"] > 0)
    slowest_s = 0.0
    for number in range(50):
        began_s = time.monotonic()
        assert (await rogue.ask(str(number), key=["HeartbeatInterval"]))[1] == str(number)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    assert slowest_s < 1
    assert "StopTransaction" not in rogue.asked[asked:]
    rogue.answering = True
    rogue.connection.transport.abort()
    await rogue.redialled()
    await here.charger.until(lambda status: status["csms"]["queued"] == 0)
    assert rogue.asked[asked:].count("StopTransaction") == 1
    await here.charger.charge()
    await here.all_is_well()


async def test_a_central_system_that_never_reads_is_given_up_and_dialled_again(tmp_path: Path) -> None:
    async with rogue_site(tmp_path, answer_timeout_s=1) as here:
        before = here.memory_bytes
        connection = here.rogue.connection
        connection.transport.pause_reading()
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(20):
                while True:
                    # All keys: the answers fill every buffer on the way.
                    await connection.send('[2,"all","GetConfiguration",{}]')
                    # Somebody must read the charger's log, too.
                    await asyncio.sleep(0)
        await here.rogue.redialled()
        connection.transport.abort()
        assert here.memory_bytes - before < 16 * MIB
        await here.charger.logged("has read nothing for 1 s")
        await here.all_is_well()
