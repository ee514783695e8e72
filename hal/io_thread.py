"""One thread with an event loop of its own for devices that may keep their caller waiting: meters and readers.

Nothing of it runs on the safety loop. What the devices say is published as immutable values, which that loop reads
without waiting.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Generic, TypeVar

from hal.realtime import SERVICE_PRIORITY, prepare_thread

log = logging.getLogger(__name__)

CLOSE_WITHIN_S = 5.0
"""A device that does not let go of its line within this time is left behind."""

T = TypeVar("T")


@asynccontextmanager
async def on_io_thread(
    opening: Callable[[], AbstractAsyncContextManager[T]],
    *,
    failed: Callable[[BaseException], None],
    real_time: bool = False,
) -> AsyncIterator[T]:
    """What *opening* opens, served on a thread of its own until the body ends.

    Whatever opening raises, this raises. *failed* is called on this loop with a bug that ends the thread later.
    *real_time*: the thread is scheduled as those of a guard process are.
    """
    thread = _IoThread(opening, failed, asyncio.get_running_loop(), real_time=real_time)
    thread.start()
    try:
        yield await thread.opened
    finally:
        await thread.end()


class _IoThread(Generic[T]):
    """*opened* has what was opened, or why not; *_ended* is done once the thread has let go of everything."""

    def __init__(
        self,
        opening: Callable[[], AbstractAsyncContextManager[T]],
        failed: Callable[[BaseException], None],
        owner: asyncio.AbstractEventLoop,
        *,
        real_time: bool,
    ) -> None:
        self._opening = opening
        self._failed = failed
        self._owner = owner
        self._real_time = real_time
        self.opened: asyncio.Future[T] = owner.create_future()
        self._ended: asyncio.Future[None] = owner.create_future()
        self._stop = threading.Event()
        self._wake: Callable[[], object] = self._stop.set

    def start(self) -> None:
        # A daemon: one that hangs in a driver does not keep the process from its end.
        threading.Thread(target=self._run, name="hal-io", daemon=True).start()

    async def end(self) -> None:
        """Ask the thread to let go of its devices, and wait until it has."""
        self._stop.set()
        with suppress(RuntimeError):  # Its loop is closed, where it ended by itself.
            self._wake()
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            log.error("devices do not let go of their lines within=%.0fs", CLOSE_WITHIN_S)

    def _run(self) -> None:
        if self._real_time:
            prepare_thread(SERVICE_PRIORITY)
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # The boundary of a thread: whatever it is, its owner gets it.
            self._tell(self._broke, error)
        self._tell(self._finished)

    async def _serve(self) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(stopped.set)
        if self._stop.is_set():
            return
        async with self._opening() as opened:
            self._tell(self._open, opened)
            await stopped.wait()

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # The owner's loop is closed, where this thread was left behind.
            self._owner.call_soon_threadsafe(what, *arguments)

    def _open(self, opened: T) -> None:
        if not self.opened.done():
            self.opened.set_result(opened)

    def _broke(self, error: BaseException) -> None:
        if self._stop.is_set():
            log.error("devices closed badly error=%s", error)
        elif self.opened.done():
            self._failed(error)
        else:
            self.opened.set_exception(error)

    def _finished(self) -> None:
        self._ended.set_result(None)
