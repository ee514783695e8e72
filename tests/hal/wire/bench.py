"""A guard and its client in one event loop, joined by a real socket; and a client that says whatever a test wants."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from hal.boards.mock.world import MockWorld
from hal.evse import OutletSnapshot
from hal.guard import Guard, HalConfig, open_guard
from hal.outlet.config import OutletConfig
from hal.serving import serving
from hal.unix_socket import GUARD_SOCKET, listening
from hal.wire.codec import decode_line, encode_line
from hal.wire.messages import VERSION, Content, FromGuard, Hello, Order
from hal.wire.server import ServedHal, serve

CARD = "04A31F02B16180"


@asynccontextmanager
async def guard(folder: Path, *, outlets: int = 1, **outlet: Any) -> AsyncIterator[Guard]:
    """The mock hardware, whose physics saw nothing unsafe when it closes; its vehicles outlive it."""
    config = HalConfig(
        backend="mock",
        state_dir=folder / "hal",
        outlets=tuple(OutletConfig(id=number + 1, **outlet) for number in range(outlets)),
        remembers_vehicles=True,
    )
    async with open_guard(config) as opened:
        yield opened


@asynccontextmanager
async def served(hal: ServedHal, folder: Path) -> AsyncIterator[Path]:
    """*hal* behind a socket, whose path this gives."""
    path = folder / "guard.sock"
    with listening(path, GUARD_SOCKET) as listener:
        async with serving(serve(hal, listener, "mock")):
            yield path


class GuardProcess:
    """A guard that can die and come back, or only its socket, while its client lives."""

    def __init__(self, folder: Path, tasks: asyncio.TaskGroup, outlet: dict[str, Any]) -> None:
        self._folder = folder
        self._tasks = tasks
        self._outlet = outlet
        self._living: tuple[asyncio.Task[None], asyncio.Event] | None = None
        self._speaking: tuple[asyncio.Task[None], asyncio.Event] | None = None
        self.hal: Guard | None = None
        self.path = folder / "guard.sock"

    @property
    def outlet(self) -> OutletSnapshot:
        """The truth of outlet 1."""
        assert self.hal is not None
        return self.hal.evses[1].snapshot()

    @property
    def world(self) -> MockWorld:
        assert self.hal is not None and self.hal.world is not None
        return self.hal.world

    async def starts(self) -> None:
        self._living = await self._begun(self._live())
        await self.speaks()

    async def speaks(self) -> None:
        self._speaking = await self._begun(self._speak())

    async def falls_silent(self) -> None:
        """Its socket is gone; it guards on."""
        self._speaking = await self._ended(self._speaking)

    async def dies(self) -> None:
        await self.falls_silent()
        self._living = await self._ended(self._living)

    async def _begun(self, life: AsyncGenerator[None, None]) -> tuple[asyncio.Task[None], asyncio.Event]:
        begun, end = asyncio.Event(), asyncio.Event()

        async def live() -> None:
            async with aclosing(life):
                await anext(life)
                begun.set()
                await end.wait()
                await anext(life, None)

        task = self._tasks.create_task(live())
        await begun.wait()
        return task, end

    async def _ended(self, life: tuple[asyncio.Task[None], asyncio.Event] | None) -> None:
        if life is not None:
            task, end = life
            end.set()
            await task

    async def _live(self) -> AsyncGenerator[None, None]:
        async with guard(self._folder, **self._outlet) as self.hal:
            yield

    async def _speak(self) -> AsyncGenerator[None, None]:
        assert self.hal is not None
        async with served(self.hal, self._folder):
            yield


@asynccontextmanager
async def guard_process(folder: Path, **outlet: Any) -> AsyncIterator[GuardProcess]:
    """A running guard for the length of a `with`."""
    async with asyncio.TaskGroup() as tasks:
        process = GuardProcess(folder, tasks, outlet)
        await process.starts()
        try:
            yield process
        finally:
            await process.dies()


class RawClient:
    """Speaks to a guard line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.number = 0

    def say(self, line: bytes) -> None:
        self.writer.write(line)

    def order(self, content: Content, *, age_s: float = 0.0, number: int | None = None) -> None:
        """Send an order, as if it had been sent *age_s* ago."""
        self.number = self.number + 1 if number is None else number
        sent_at_s = asyncio.get_running_loop().time() - age_s
        self.say(encode_line(Order, Order(number=self.number, sent_at_s=sent_at_s, content=content)))

    async def hears(self, kind: type[Any]) -> Any:
        """The next message of that kind, within 20 s."""
        async with asyncio.timeout(20):
            while True:
                line = await self.reader.readline()
                assert line, f"the guard hung up before {kind.__name__}"
                message: FromGuard = decode_line(FromGuard, line)
                if isinstance(message, kind):
                    return message

    async def last_words(self) -> list[str]:
        """What comes until the guard hangs up, by the names of the messages; it must do so within 10 s."""
        said = []
        try:
            async with asyncio.timeout(10):
                while line := await self.reader.readline():
                    document = json.loads(line)
                    said.append(document[0] if isinstance(document, list) else "Hello")
        except ConnectionResetError:
            pass
        return said


@asynccontextmanager
async def raw_client(path: Path, *, version: int | None = VERSION) -> AsyncIterator[RawClient]:
    """A client that has said Hello, where *version* is not None."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    client = RawClient(reader, writer)
    try:
        if version is not None:
            client.say(encode_line(Hello, Hello(version=version)))
            assert decode_line(Hello, await reader.readline()) == Hello(version=VERSION)
        yield client
    finally:
        writer.transport.abort()
