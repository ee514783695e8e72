"""What systemd is told of the daemon while it runs: its state in words, and that it really works."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from cpd.clock import Clock
from cpd.station.pulse import Pulse
from cpd.station.signal import Signal
from cpd.station.snapshot import StationSnapshot
from cpd.status_line import status_line
from hal.systemd import Notifier
from hal.watchdog import FEEDS

log = logging.getLogger(__name__)

STUCK_S = 120.0
"""A task or a store that does not answer for so long does not do so any more: a worn SD card stalls for seconds, and
one that the kernel resets for half a minute."""

RESTART_S = 600.0
"""From one life of the station to the next one, or to the end of the process, it takes no longer: as long as systemd
gives the first start (TimeoutStartSec=), in which a damaged store is salvaged."""

STATUS_INTERVAL_S = 1.0
"""Changes of the state are told this often at most."""


class WatchedStation(Protocol):
    """What is told of a station, and how it proves that it works."""

    changed: Signal

    @property
    def pulses(self) -> Mapping[str, Pulse]:
        """Those of the tasks without which nothing is left of it, by name."""

    def prove_alive(self, now_s: float) -> None:
        """Let these tasks go round."""

    def snapshot(self) -> StationSnapshot:
        """Everything that is true now."""


class WatchedStore(Protocol):
    """A store that knows how long it keeps somebody waiting."""

    def silent_s(self, now_s: float) -> float:
        """The age of the oldest work that is not done; 0 where none waits."""


class Supervision:
    """One process's, over all lives of its station; `run` is its task."""

    def __init__(self, notifier: Notifier, clock: Clock, *, watchdog_s: float | None) -> None:
        """*watchdog_s*: systemd waits so long for a sign of life; None where it wants none."""
        self._notifier = notifier
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._station: WatchedStation | None = None
        self._store: WatchedStore | None = None
        self._begun = asyncio.Event()
        self._ended_s = clock.monotonic_s()

    @contextmanager
    def of(self, station: WatchedStation, store: WatchedStore) -> Iterator[None]:
        """This *station* over this *store* is what is told of until the body ends."""
        self._station, self._store = station, store
        self._begun.set()
        try:
            yield
        finally:
            self._station = self._store = None
            self._ended_s = self._clock.monotonic_s()
            self._begun.clear()
            # Who waits for news of it is to look for its successor.
            station.changed.fire()

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The configuration is read again in the body."""
        self._notifier.reloading(self._clock.monotonic_s())
        try:
            yield
        finally:
            self._notifier.ready()

    async def run(self) -> None:
        """Tell systemd, for ever, or at once nothing where it does not listen."""
        if not self._notifier.heard:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_status(), name="systemd-status")
            if self._watchdog_s is not None:
                tasks.create_task(self._feed(self._watchdog_s / FEEDS), name="systemd-watchdog")

    async def _tell_status(self) -> None:
        told = ""
        while True:
            await self._begun.wait()
            if self._station is None:
                continue
            line = status_line(self._station.snapshot())
            if line == told:
                await self._station.changed.wait()
                continue
            self._notifier.status(line)
            told = line
            await self._clock.sleep(STATUS_INTERVAL_S)

    async def _feed(self, interval_s: float) -> None:
        while True:
            stuck = self._stuck()
            if stuck is None:
                self._notifier.watchdog()
            else:
                log.error("%s, systemd starts the daemon again", stuck)
            await self._clock.sleep(interval_s)

    def _stuck(self) -> str | None:
        """What does not work any more, in words; whatever does is asked once more."""
        now_s = self._clock.monotonic_s()
        if self._station is None or self._store is None:
            if now_s - self._ended_s <= RESTART_S:
                return None
            return f"the restart of the station is not done after {RESTART_S:.0f} s"
        stuck = [name for name, pulse in self._station.pulses.items() if pulse.silent_s(now_s) > STUCK_S]
        if self._store.silent_s(now_s) > STUCK_S:
            stuck.append("the store")
        self._station.prove_alive(now_s)
        return f"{', '.join(stuck)} does not answer for {STUCK_S:.0f} s" if stuck else None
