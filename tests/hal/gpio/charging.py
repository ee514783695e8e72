"""A vehicle at the simulated header that charges, and time passing meanwhile."""

import asyncio
from collections.abc import Callable

from hal.evse import Offer
from tests.hal.simulators.gpio import Bench


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def offered(b: Bench, for_s: float, current_ma: int = 16_000, phases: int = 3) -> None:
    """Renew an offer each second, for *for_s*."""
    end_s = now_s() + for_s
    while (left_s := end_s - now_s()) > 1e-6:
        b.evse.offer(Offer(current_ma=current_ma, phases=phases))
        await asyncio.sleep(min(1.0, left_s))


async def charging(b: Bench) -> None:
    b.wired.plug_in()
    await offered(b, 8)
    assert b.wired.closed and b.evse.snapshot().contactor == "closed"


async def time_until(met: Callable[[], bool], within_s: float) -> float:
    began_s = now_s()
    while not met():
        assert now_s() < began_s + within_s, f"not met within {within_s} s"
        await asyncio.sleep(0.001)
    return now_s() - began_s
