"""What the messages of a transaction cost (rows 16 to 18).

On connectors of their own, because a contactor pauses for 5 s between two closings. When an outlet is open is told by
the daemon's log, read as it is written.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cpd.control.client import ControlClient
from tests.bench.central_system import CentralSystem
from tests.bench.charger import Charger, charger_running
from tests.bench.table import Figure, Measure, times

CONNECTORS = 8
ROUNDS = 2
APART_S = 0.1
"""Between two requests, so that no transaction ends while another is asked to."""
CHARGED_S = 15.0
SAMPLED_S = 10.0

_CONTACTOR = re.compile(rb"contactor connector=(\d+) state=(\w+)")


async def figures(folder: Path, csms: CentralSystem) -> list[Figure]:
    """Rows 16 to 18, from a daemon of their own."""
    csms.expect_boot()
    async with (
        charger_running(folder, csms.port, connectors=CONNECTORS, log_to_pipe=True) as charger,
        _following(charger) as contactors,
    ):
        await csms.greeted.wait()
        sessions = _Sessions(csms, charger, contactors)
        for _ in range(ROUNDS):
            await sessions.round()
        return [*sessions.figures(), await sessions.sampling()]


class _Contactors:
    """The state of each contactor by the log, and when it was told (`time.perf_counter`)."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, str], float] = {}
        self._grown = asyncio.Event()

    async def follow(self, log: asyncio.StreamReader) -> None:
        """Read the log to its end."""
        while line := await log.readline():
            found = _CONTACTOR.search(line)
            if found is not None:
                self._told[int(found[1]), found[2].decode()] = time.perf_counter()
                self._grown.set()

    async def at_s(self, connector: int, state: str) -> float:
        """When *connector* was told to be in *state*; forgotten after that."""
        async with asyncio.timeout(CHARGED_S):
            while (connector, state) not in self._told:
                self._grown.clear()
                await self._grown.wait()
        return self._told.pop((connector, state))


@asynccontextmanager
async def _following(charger: Charger) -> AsyncIterator[_Contactors]:
    assert charger.process.stderr is not None
    contactors = _Contactors()
    following = asyncio.create_task(contactors.follow(charger.process.stderr))
    try:
        yield contactors
    finally:
        following.cancel()
        await asyncio.wait([following])


class _Sessions:
    def __init__(self, csms: CentralSystem, charger: Charger, contactors: _Contactors) -> None:
        self._csms = csms
        self._charger = charger
        self._contactors = contactors
        self._control = ControlClient(charger.socket)
        self._start_conf_s: list[float] = []
        self._start_s: list[float] = []
        self._stop_conf_s: list[float] = []
        self._stop_s: list[float] = []

    async def round(self) -> None:
        """One transaction on each connector."""
        for action in ("StartTransaction", "StopTransaction"):
            self._csms.forget(action)
        running = [await self._begin(number) for number in range(1, CONNECTORS + 1)]
        for number in range(1, CONNECTORS + 1):
            await self._contactors.at_s(number, "closed")
        connector_of = dict(running)
        for transaction in connector_of:
            seconds, answer = await self._csms.call("RemoteStopTransaction", {"transactionId": transaction})
            assert answer == {"status": "Accepted"}, answer
            self._stop_conf_s.append(seconds)
            await asyncio.sleep(APART_S)
        for _ in running:
            stopped = await self._csms.request("StopTransaction")
            connector = connector_of[stopped.payload["transactionId"]]
            self._stop_s.append(stopped.at_s - await self._contactors.at_s(connector, "open"))
        for number in range(1, CONNECTORS + 1):
            await self._call("mock.plug_out", connector=number)

    def figures(self) -> list[Figure]:
        """Rows 16 and 17, of all rounds."""
        return [
            _figure(16, "RemoteStart → StartTransaction", self._start_s, self._start_conf_s),
            _figure(17, "outlet open → StopTransaction", self._stop_s, self._stop_conf_s),
        ]

    async def sampling(self) -> Figure:
        """Row 18: one transaction with a MeterValues each second."""
        await self._csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "1"})
        await self._begin(1)
        await self._contactors.at_s(1, "closed")
        await self._csms.request("MeterValues")
        written = self._charger.written_bytes
        self._csms.forget("MeterValues")
        async with self._charger.counting_syncs() as syncs:
            await asyncio.sleep(SAMPLED_S)
        count = self._csms.forget("MeterValues")
        written_kb = (self._charger.written_bytes - written) / 1000 / count
        each = None if syncs.count is None else syncs.count / count
        measures = (
            Measure(name="written", value=written_kb, unit="kB", limit=13, timed=False),
            Measure(name="fsyncs", value=each, unit="", limit=1, timed=False),
        )
        return Figure(number=18, name="one MeterValues while charging", measures=measures)

    async def _begin(self, connector: int) -> tuple[int, int]:
        """Start remotely; returns the transaction and its connector."""
        await self._call("mock.plug_in", connector=connector)
        await asyncio.sleep(APART_S)
        sent_s = time.perf_counter()
        seconds, answer = await self._csms.call(
            "RemoteStartTransaction", {"connectorId": connector, "idTag": "BENCH"}
        )
        assert answer == {"status": "Accepted"}, answer
        started = await self._csms.request("StartTransaction")
        self._start_conf_s.append(seconds)
        self._start_s.append(started.at_s - sent_s)
        return started.answer["transactionId"], connector

    async def _call(self, method: str, **params: Any) -> None:
        await asyncio.to_thread(self._control.call, method, params)


def _figure(number: int, name: str, taken_s: list[float], conf_s: list[float]) -> Figure:
    answered, _ = times(conf_s, p50=1.5)
    conf = Measure(name="conf", value=answered.value, limit=1.5)
    return Figure(number=number, name=name, measures=(*times(taken_s, p50=4), conf))
