"""Hand events from the guard to any number of readers, each at its own pace and in bounded memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")

CAPACITY = 64
"""Entries that a reader may lag behind before entries that a later one supersedes are dropped."""


class Feed(Generic[T]):
    """A broadcast. *crowded* shortens a full backlog, by at least one entry."""

    def __init__(self, crowded: Callable[[deque[T]], object]) -> None:
        self._crowded = crowded
        self._readers: WeakSet[FeedReader[T]] = WeakSet()
        self._closed = False

    def put(self, entry: T) -> None:
        """Append *entry* for every reader."""
        for reader in tuple(self._readers):
            reader.put(entry)

    def read(self) -> "FeedReader[T]":
        """A reader of everything that is put from now on."""
        reader = FeedReader(self._crowded)
        if self._closed:
            reader.close()
        self._readers.add(reader)
        return reader

    def close(self) -> None:
        """End every reader once it has read its backlog."""
        self._closed = True
        for reader in tuple(self._readers):
            reader.close()


class FeedReader(AsyncIterator[T]):
    """One reader's backlog; it leaves the feed when it is dropped."""

    def __init__(self, crowded: Callable[[deque[T]], object]) -> None:
        self._crowded = crowded
        self._backlog: deque[T] = deque()
        self._filled = asyncio.Event()
        self._closed = False

    def put(self, entry: T) -> None:
        """Append *entry*."""
        self._backlog.append(entry)
        if len(self._backlog) > CAPACITY:
            self._crowded(self._backlog)
        self._filled.set()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._filled.set()

    async def __anext__(self) -> T:
        while not self._backlog:
            if self._closed:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        return self._backlog.popleft()
