"""Signs of life for systemd's watchdog, from the event loop whose life is meant."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hal.systemd import Notifier

FEEDS = 4
"""How often the watchdog is fed in the time that it waits for: one time too late is nothing, several in a row are."""


@contextmanager
def fed_watchdog(notifier: Notifier, watchdog_s: float | None, works: Callable[[], bool]) -> Iterator[None]:
    """Feed the watchdog from the running loop until the body ends, each time that *works* says so.

    *watchdog_s* is how long it waits; None: there is none.
    """
    loop = asyncio.get_running_loop()
    if watchdog_s is None:
        yield
        return

    timer: asyncio.Handle | None = None

    def feed() -> None:
        nonlocal timer
        if works():
            notifier.watchdog()
        timer = loop.call_later(watchdog_s / FEEDS, feed)

    feed()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
