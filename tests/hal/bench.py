"""A guard over the mock board on virtual time: what most tests of the hardware side stand on."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec

from hal.boards.mock.world import MockWorld
from hal.evse import Evse, Offer, OutletEvent, OutletSnapshot
from hal.guard import Guard, HalConfig, open_guard
from hal.outlet.config import OutletConfig
from tests.virtual_time import run_virtual

P = ParamSpec("P")


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run


class Bench:
    """One outlet of an open guard, and the hands around it."""

    def __init__(self, guard: Guard) -> None:
        assert guard.world is not None
        self.guard = guard
        self.world: MockWorld = guard.world
        self.evse: Evse = guard.evses[1]

    @property
    def now(self) -> OutletSnapshot:
        return self.evse.snapshot()

    @property
    def time_s(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def faults(self) -> list[str]:
        return [str(fault.kind) for fault in self.now.faults]

    async def offer(self, current_ma: int, *, for_s: float, phases: int = 3) -> None:
        """Renew an offer each second, for *for_s*."""
        end_s = self.time_s + for_s
        while (left_s := end_s - self.time_s) > 1e-6:
            self.evse.offer(Offer(current_ma=current_ma, phases=phases))
            await asyncio.sleep(min(1.0, left_s))

    async def charge(self, current_ma: int = 16_000) -> None:
        """Plug in and charge; returns 10 s later, one renewal old."""
        self.world.plug_in(1)
        await self.offer(current_ma, for_s=10)
        assert self.now.contactor == "closed"

    async def until(self, met: Callable[[], bool], *, within_s: float) -> float:
        """Wait until *met*; the time that it took in s. Looks every millisecond."""
        began_s = self.time_s
        while not met():
            assert self.time_s < began_s + within_s, f"not met within {within_s} s"
            await asyncio.sleep(0.001)
        return self.time_s - began_s


@asynccontextmanager
async def bench(
    state_dir: Path, *, raise_violations: bool = True, remembers_vehicles: bool = False, **outlet: Any
) -> AsyncIterator[Bench]:
    """A bench with one outlet; any unsafe moment fails the test when it closes."""
    config = HalConfig(
        backend="mock",
        state_dir=state_dir,
        outlets=(OutletConfig(id=1, **outlet),),
        raise_violations=raise_violations,
        remembers_vehicles=remembers_vehicles,
    )
    async with open_guard(config) as guard:
        await asyncio.sleep(0.01)
        yield Bench(guard)


async def seen_during(evse: Evse, act: Awaitable[None]) -> list[OutletEvent]:
    """The events of *evse* while *act* runs."""
    reader, seen = evse.events(), []

    async def read() -> None:
        async for event in reader:
            seen.append(event)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        await act
        await asyncio.sleep(0)
        reading.cancel()
    return seen
