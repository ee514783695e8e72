"""Tasks that live as long as the body of an `async with`, and what they wait with."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def serving(*services: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run *services* beside the body, and cancel them at its end.

    One that fails ends the body. What the body or a service raises comes out as it was raised, unless several do.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(service) for service in services]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) > 1:
            raise
        raise failures.exceptions[0] from failures.exceptions[0].__cause__


async def pause(duration_s: float) -> None:
    """Let *duration_s* seconds pass on the loop's time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            await asyncio.get_running_loop().create_future()
