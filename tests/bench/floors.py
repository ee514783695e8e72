"""How fast this machine is right now: the least that a Python daemon's start, commit and request can cost.

The targets were made on a quiet PC with two cores (AMD EPYC, Debian 12, Python 3.11.7), whose figures are here too.
"""

import asyncio
import json
import sqlite3
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from websockets.asyncio.client import connect

START_CPU_MS = 75.5
COMMIT_MS = 0.191
ROUND_TRIP_MS = 0.26
"""What the reference machine takes for the same."""

_STARTS = 5
_COMMITS = 300
_ROUND_TRIPS = 300

_ECHO = """
import asyncio, json
from websockets.asyncio.server import serve
async def answer(connection):
    async for frame in connection:
        _, message_id, action, payload = json.loads(frame)
        await connection.send(json.dumps([3, message_id, payload]))
async def main():
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """CPU of ``import asyncio, sqlite3, json``, one row committed (WAL, FULL), one JSON echo over a WebSocket."""

    start_cpu_ms: float
    commit_ms: float
    round_trip_ms: float

    @property
    def factor(self) -> float:
        """How many times as long as the reference machine this one takes for pure work of its processor."""
        return self.start_cpu_ms / START_CPU_MS

    def described(self) -> str:
        """One line of the table's head."""
        return (
            f"start {self.start_cpu_ms:.0f} ms CPU (×{self.factor:.2f}), "
            f"commit {self.commit_ms:.3f} ms (×{self.commit_ms / COMMIT_MS:.2f}), "
            f"round trip {self.round_trip_ms:.3f} ms (×{self.round_trip_ms / ROUND_TRIP_MS:.2f})"
        )


async def measured(folder: Path) -> Floors:
    """The floors, within two seconds."""
    return Floors(
        start_cpu_ms=median([await _start_cpu_s() for _ in range(_STARTS)]) * 1000,
        commit_ms=_commit_s(folder) * 1000,
        round_trip_ms=await _round_trip_s() * 1000,
    )


async def _start_cpu_s() -> float:
    before = getrusage(RUSAGE_CHILDREN)
    process = await create_subprocess_exec(sys.executable, "-I", "-c", "import asyncio, sqlite3, json")
    await process.wait()
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _commit_s(folder: Path) -> float:
    path = folder / "floor.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (value TEXT)"
    )
    taken_s = []
    for index in range(_COMMITS):
        started_s = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows VALUES (?)", (str(index),))
        connection.execute("COMMIT")
        taken_s.append(time.perf_counter() - started_s)
    connection.close()
    return median(taken_s)


async def _round_trip_s() -> float:
    server = await create_subprocess_exec(sys.executable, "-c", _ECHO, stdin=DEVNULL, stdout=PIPE)
    assert server.stdout is not None
    try:
        port = int(await server.stdout.readline())
        taken_s = []
        async with connect(f"ws://127.0.0.1:{port}", compression=None) as connection:
            for index in range(_ROUND_TRIPS):
                frame = json.dumps([2, str(index), "GetConfiguration", {"key": ["HeartbeatInterval"]}])
                started_s = time.perf_counter()
                await connection.send(frame)
                answer = await connection.recv()
                taken_s.append(time.perf_counter() - started_s)
                assert json.loads(answer)[1] == str(index)
        return median(taken_s)
    finally:
        server.terminate()
        await server.wait()


if __name__ == "__main__":
    print(asyncio.run(measured(Path(sys.argv[1]))).described())
