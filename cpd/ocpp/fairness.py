"""What makes a task that always finds work let the others have their turn: outlets are among them.

It knows nothing of the work.
"""

from cpd.clock import Clock

SLICE_S = 0.005
"""How long a task may keep the others waiting; an outlet has 50 ms to open in."""


class Turns:
    """For one task; `share` is awaited between two pieces of its work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s = clock.monotonic_s()

    async def share(self) -> None:
        """Let the others run, once in `SLICE_S`."""
        if self._clock.monotonic_s() - self._since_s >= SLICE_S:
            await self._clock.sleep(0)
            self._since_s = self._clock.monotonic_s()
