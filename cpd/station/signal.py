"""A fact that several tasks wait for: something changed."""

import asyncio


class Signal:
    """Wakes everybody who waits, each time it fires; who is not waiting then looks at the state itself."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        """Wake all who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next `fire`."""
        await self._event.wait()
