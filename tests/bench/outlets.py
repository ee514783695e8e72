"""How soon a contactor is told to open once the vehicle opens S2, on a machine with no core to spare (row 20).

The whole daemon runs in this process, with mock outlets in its event loop as `cpd run` has them, and a central system
that keeps it busy. The moment at which a vehicle opens S2 is the one at which it means to, however late the loop lets
it; the command is counted from when a task of the same loop sees it, so what is told is the most that it can have
been.
"""

import asyncio
import json
import os
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cpd.clock import SystemClock
from cpd.daemon import running
from cpd.ocpp.websocket import dial
from cpd.settings import load_settings
from hal.boards.mock.ev import LET_GO_S
from hal.evse import ContactorChanged, Evse
from hal.guard import Guard
from hal.values import ContactorState
from tests.bench.central_system import CentralSystem
from tests.bench.charger import configure, environment
from tests.bench.requests import DAY, set_profile
from tests.bench.table import Figure, Measure, times

OUTLETS = 20
ROUNDS = 10
SPREAD_S = 0.8
"""The vehicles of a round open S2 within this time, each by itself."""
ROUND_S = 30.0
ASKED_EVERY_S = 0.1

_HOG = "while True: pass"


async def figure(folder: Path, csms: CentralSystem) -> Figure:
    """Row 20, from a process of its own beside one hog for each core."""
    config = configure(folder, csms.port, connectors=OUTLETS, free_vend=True)
    csms.expect_boot()
    async with hogs():
        process = await create_subprocess_exec(
            sys.executable, "-m", __name__, str(config), stdout=PIPE, stderr=PIPE, env=environment()
        )
        async with asking(csms):
            told, log = await process.communicate()
    assert process.returncode == 0, log.decode()[-4000:]
    commanded_s, opened_s = json.loads(told)
    measures = (
        *times(commanded_s, p50=None),
        Measure(name="worst", value=max(commanded_s) * 1000, limit=50),
        Measure(name="worst open", value=max(opened_s) * 1000, limit=100),
    )
    name = f"S2 opens → contactor told to, {OUTLETS} × {ROUNDS}, hogs"
    return Figure(number=20, name=name, measures=measures)


@asynccontextmanager
async def hogs() -> AsyncIterator[None]:
    """No core of the machine has nothing to do."""
    busy = [
        await create_subprocess_exec(sys.executable, "-c", _HOG, stdin=DEVNULL)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for hog in busy:
            hog.kill()
            await hog.wait()


@asynccontextmanager
async def asking(csms: CentralSystem) -> AsyncIterator[None]:
    """Ask for a day of a thousand periods time and again."""

    async def ask() -> None:
        await csms.greeted.wait()
        await csms.call(*set_profile(1, periods=1000))
        while True:
            await csms.call(*DAY)
            await asyncio.sleep(ASKED_EVERY_S)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait([asking])


class Vehicle:
    """One outlet of *guard* with its vehicle, and how long the contactor took in each round."""

    def __init__(self, guard: Guard, number: int) -> None:
        assert guard.world is not None
        self._world = guard.world
        self._number = number
        self._evse: Evse = guard.evses[number]
        self._events = self._evse.events()
        self._loop = asyncio.get_running_loop()
        self.commanded_s: list[float] = []
        self.opened_s: list[float] = []

    async def charge(self) -> None:
        """Until the contactor is closed."""
        self._world.ev(self._number, ready=True)
        while self._evse.snapshot().contactor is not ContactorState.CLOSED:
            await anext(self._events)

    async def plug_in_anew(self) -> None:
        """Pull the plug, and put it in again once the contactor is open."""
        self._world.plug_out(self._number)
        while self._evse.snapshot().contactor is not ContactorState.OPEN:
            await anext(self._events)
        self._world.plug_in(self._number)

    async def pause(self, delay_s: float) -> None:
        """Open S2 after *delay_s*, and see the contactor open."""
        await asyncio.sleep(delay_s)
        opens_s = self._loop.time() + LET_GO_S
        self._world.ev(self._number, ready=False)
        await self._opening(opens_s)

    async def leave(self, delay_s: float) -> None:
        """Pull the plug after *delay_s*, and see the contactor open."""
        await asyncio.sleep(delay_s)
        leaves_s = self._loop.time()
        self._world.plug_out(self._number)
        await self._opening(leaves_s)

    async def _opening(self, opens_s: float) -> None:
        async for event in self._events:
            seen_s = self._loop.time()
            told = self._evse.snapshot().contactor_commanded is ContactorState.OPEN
            if told and len(self.commanded_s) == len(self.opened_s):
                self.commanded_s.append(seen_s - opens_s)
            if event == ContactorChanged(state=ContactorState.OPEN):
                self.opened_s.append(seen_s - opens_s)
                return


async def _measure(config: Path) -> None:
    rng = random.Random(20)
    settings = load_settings(config)
    async with running(settings, SystemClock(), connect=dial, rng=rng) as daemon:
        assert isinstance(daemon.guard, Guard) and daemon.guard.world is not None
        vehicles = [Vehicle(daemon.guard, number) for number in daemon.guard.evses]
        for number in daemon.guard.evses:
            daemon.guard.world.plug_in(number)
        for _ in range(ROUNDS):
            async with asyncio.timeout(ROUND_S), asyncio.TaskGroup() as tasks:
                for vehicle in vehicles:
                    tasks.create_task(vehicle.charge())
            async with asyncio.timeout(ROUND_S), asyncio.TaskGroup() as tasks:
                for vehicle in vehicles:
                    tasks.create_task(vehicle.pause(rng.uniform(0.0, SPREAD_S)))
    commanded_s = [seconds for vehicle in vehicles for seconds in vehicle.commanded_s]
    opened_s = [seconds for vehicle in vehicles for seconds in vehicle.opened_s]
    assert len(commanded_s) == len(opened_s) == OUTLETS * ROUNDS
    print(json.dumps([commanded_s, opened_s]))


if __name__ == "__main__":
    asyncio.run(_measure(Path(sys.argv[1])))
