"""A real guard process over the mock hardware, and a user of its outlets in the event loop of the test."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cpd.clock import SystemClock
from hal.evse import CardRead, Evse, Offer, OutletSnapshot
from hal.serving import serving
from hal.values import ContactorState
from hal.wire.client import RemoteHal, connect
from hal.world_acts import PlugIn, WorldAct
from tests.process.charger import configuration
from tests.process.program import PATIENCE_S, Program

RENEW_S = 1.0


class GuardProcess(Program):
    """``python -m hal`` with one configuration file, started any number of times."""

    def __init__(self, folder: Path, config: Path) -> None:
        super().__init__((sys.executable, "-m", "hal", "--config", str(config)), ready="guard ready")
        self.folder = folder
        self.config = config
        self.socket = folder / "guard.sock"
        self.latches = folder / "hal" / "latches.json"


@asynccontextmanager
async def guard_process(
    folder: Path, *, start: bool = True, environment: Mapping[str, str] | None = None, **config: Any
) -> AsyncIterator[GuardProcess]:
    """A guard for the length of a `with`; *config* as for `configuration`."""
    lines = f'process = "guard"\nguard_socket = "guard.sock"\n{config.pop("hal", "")}'
    here = GuardProcess(folder, configuration(folder, hal=lines, **config))
    here.environment.update(environment or {})
    try:
        if start:
            await here.start()
        yield here
    finally:
        await here.close()


class User:
    """Who gives offers on outlet 1, and may do anything to the simulated vehicle."""

    def __init__(self, hal: RemoteHal) -> None:
        self._hal = hal
        self.evse: Evse = hal.evses[1]

    async def do(self, act: WorldAct) -> None:
        """Do *act* in the mock's world."""
        await self._hal.perform(act)

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are presented from now on."""
        return self._hal.cards()

    async def permit(self) -> None:
        """Renew an offer of 16 A, for ever."""
        clock = SystemClock()
        while True:
            self.evse.offer(Offer(current_ma=16_000, phases=3))
            await clock.sleep(RENEW_S)

    async def until(self, holds: Callable[[OutletSnapshot], bool]) -> OutletSnapshot:
        """The first snapshot that *holds*, looked at on each event."""
        events = self.evse.events()
        async with asyncio.timeout(PATIENCE_S):
            while not holds(now := self.evse.snapshot()):
                await anext(events)
        return now


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something *holds* of which nobody tells; looked at every 10 ms."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()

    def look() -> None:
        if holds():
            there.set()
        else:
            loop.call_later(0.01, look)

    look()
    async with asyncio.timeout(PATIENCE_S):
        await there.wait()


@asynccontextmanager
async def user(guard: GuardProcess) -> AsyncIterator[User]:
    """A user of *guard* for the length of a `with`."""
    async with connect(guard.socket) as hal:
        yield User(hal)


@asynccontextmanager
async def charging(guard: GuardProcess) -> AsyncIterator[User]:
    """The same while a vehicle charges."""
    async with user(guard) as here, serving(here.permit()):
        await here.do(PlugIn(connector=1))
        await here.until(lambda now: now.contactor is ContactorState.CLOSED)
        yield here
