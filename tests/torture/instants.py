"""When the power goes: after a while, or while the charger is busy with a frame."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from tests.process.site import Site

Instant = Callable[[Site], Awaitable[None]]
"""Returns when it has come."""


def at_time(after_s: float) -> Instant:
    """*after_s* of whatever the driver does."""

    async def instant(_here: Site) -> None:
        loop = asyncio.get_running_loop()
        due = asyncio.Event()
        loop.call_later(after_s, due.set)
        await due.wait()

    return instant


def at_frame(number: int, after_s: float) -> Instant:
    """*after_s* of the *number*-th frame from now on, while the charger is still busy with it."""

    async def instant(here: Site) -> None:
        entries = len(here.log.entries) + number
        while len(here.log.entries) < entries:
            await here.grown.wait()
        await at_time(after_s)(here)

    return instant


def chosen(chance: Random) -> Instant:
    """One of them, by *chance*."""
    if chance.random() < 0.5:
        return at_time(chance.uniform(0.1, 7.0))
    return at_frame(chance.randint(1, 70), chance.choice([0.0, chance.uniform(0.0, 0.01)]))
