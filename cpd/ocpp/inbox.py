"""Frames that were read and wait for their answer: bounded, in order, and aware of being idle.

It does not know what the frames say.
"""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of one reader and one worker.

    Bounded by number and by size, since 1 000 frames can be 100 kB or 1 GB. An empty inbox takes any item.
    """

    def __init__(self, *, max_items: int, max_size: int) -> None:
        self._max_items = max_items
        self._max_size = max_size
        self._items: deque[tuple[T, int]] = deque()
        self._size = 0
        self._at_work = False
        self._changed = asyncio.Event()

    @property
    def idle(self) -> bool:
        """True while nothing waits and nothing is worked on."""
        return not self._items and not self._at_work

    def offer(self, item: T, size: int) -> bool:
        """Add *item* if there is room for it."""
        if self._items and (len(self._items) >= self._max_items or self._size + size > self._max_size):
            return False
        self._items.append((item, size))
        self._size += size
        self._notify()
        return True

    async def put(self, item: T, size: int) -> None:
        """Add *item*; waits while there is no room."""
        while not self.offer(item, size):
            await self._change()

    async def take(self) -> T:
        """The oldest item, which counts as worked on until the next `take` or `done`."""
        self.done()
        while not self._items:
            await self._change()
        item, size = self._items.popleft()
        self._size -= size
        self._at_work = True
        self._notify()
        return item

    def done(self) -> None:
        """What was taken last is answered."""
        self._at_work = False
        self._notify()

    def clear(self) -> None:
        """Forget what waits; what is being worked on goes on."""
        self._items.clear()
        self._size = 0
        self._notify()

    async def until_idle(self) -> None:
        """Return once everything is answered."""
        while not self.idle:
            await self._change()

    async def _change(self) -> None:
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
