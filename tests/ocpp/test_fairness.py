"""Work without a pause leaves the others their turns, and does not give way more often than it must."""

import asyncio

from cpd.clock import SystemClock
from cpd.ocpp.fairness import SLICE_S, Turns


async def turns_of_others(pieces: int, piece_s: float) -> int:
    """How often another task came to its turn during the work."""
    clock = SystemClock()
    turns = Turns(clock)
    others = 0
    working = True

    async def other() -> None:
        nonlocal others
        while working:
            others += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(other())
        for _ in range(pieces):
            until_s = clock.monotonic_s() + piece_s
            while clock.monotonic_s() < until_s:
                pass
            await turns.share()
        working = False
    return others


async def test_long_work_lets_the_others_have_their_turns() -> None:
    assert await turns_of_others(50, SLICE_S) >= 50


async def test_short_work_is_not_held_up() -> None:
    assert await turns_of_others(50, 0.0) < 50
