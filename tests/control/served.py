"""A control server on a real Unix socket, and a line-wise client of it on the same loop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cpd.control.listener import listening
from cpd.control.server import ControlServer
from tests.control.fake_target import FakeTarget
from tests.virtual_time import VirtualClock

NOBODY_ASKS_S = 5.0
"""Virtual seconds in which a message would have come."""


class Lines:
    """One client: JSON objects out, JSON objects in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._last_id = 0

    async def raw(self, data: bytes) -> dict[str, Any]:
        """What is answered to *data*."""
        self.writer.write(data)
        return await self.next()

    async def next(self) -> dict[str, Any]:
        """The next object; an empty one at the end of the connection."""
        line = await self.reader.readline()
        return json.loads(line) if line else {}

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """The whole answer to a call."""
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        return await self.raw(json.dumps(request).encode() + b"\n")

    async def silent(self, for_s: float = NOBODY_ASKS_S) -> bool:
        """True where nothing comes."""
        try:
            async with asyncio.timeout(for_s):
                await self.reader.readline()
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def served(path: Path, target: FakeTarget) -> AsyncIterator[ControlServer]:
    """A running server of *target*."""
    with listening(path) as listener:
        server = ControlServer(listener, target, VirtualClock())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.run())
            await server.started.wait()
            try:
                yield server
            finally:
                running.cancel()


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Lines]:
    """A client of the server at *path*."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 24)
    try:
        yield Lines(reader, writer)
    finally:
        writer.close()
