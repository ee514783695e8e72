"""What the tests of both controllers do with an outlet: offer for a while, wait, and look."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from hal.controllers.controlled_outlet import ControlledOutlet
from hal.evse import Offer, OutletEvent
from hal.values import FaultKind


@asynccontextmanager
async def offering(evse: ControlledOutlet, current_ma: int = 16_000) -> AsyncIterator[None]:
    """An offer that is renewed each second while the body runs, and not withdrawn at its end."""

    async def renew() -> None:
        while True:
            evse.offer(Offer(current_ma=current_ma, phases=1))
            await asyncio.sleep(1)

    task = asyncio.get_running_loop().create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(met: Callable[[], bool], *, within_s: float) -> float:
    """Wait until *met*; the time that it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while not met():
        assert loop.time() < began_s + within_s, f"not met within {within_s} s"
        await asyncio.sleep(0.005)
    return loop.time() - began_s


async def throughout(holds: Callable[[], bool], *, for_s: float) -> None:
    """Fails where *holds* is ever false within the next *for_s* seconds."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + for_s
    while loop.time() < end_s:
        assert holds()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def recorded(evse: ControlledOutlet) -> AsyncIterator[list[OutletEvent]]:
    """Everything that the outlet tells while the body runs."""
    seen: list[OutletEvent] = []
    events = evse.events()

    async def read() -> None:
        async for event in events:
            seen.append(event)

    task = asyncio.get_running_loop().create_task(read())
    try:
        yield seen
    finally:
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def faults(evse: ControlledOutlet) -> set[FaultKind]:
    """What stands now."""
    return {fault.kind for fault in evse.snapshot().faults}
