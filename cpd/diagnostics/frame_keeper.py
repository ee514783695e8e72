"""Keeps what was said to the CSMS beyond the life of the daemon, without wearing the SD card out."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cpd.clock import Clock
from cpd.ocpp.frame_ring import Frame, FrameRing
from cpd.station.signal import Signal

if TYPE_CHECKING:
    from cpd.diagnostics.frame_files import FrameArchive, KeptFrame, LatestFrames
    from cpd.diagnostics.redaction import Redaction

log = logging.getLogger(__name__)

ARCHIVE_S: Final = 3_600.0
"""What is fresh goes to the disk this long after the first of it came, and when the daemon ends in order."""

END_S: Final = 2.0
"""The end of the daemon waits no longer for a disk that stalls: the hardware is made safe behind this."""

LATEST_S: Final = 1.0
"""A crash of the daemon costs the frames of no more than this."""


class FrameKeeper:
    """Takes the frames of *ring* to the files in *folder*, and meanwhile to *runtime*, where there is one.

    *at_zero* tells when the monotonic clock was 0, *redaction* knows the secrets of this instant.
    """

    def __init__(
        self,
        ring: FrameRing,
        clock: Clock,
        *,
        folder: Path,
        runtime: Path | None,
        at_zero: Callable[[], datetime],
        redaction: "Callable[[], Redaction]",
    ) -> None:
        self._ring = ring
        self._clock = clock
        self._folder = folder
        self._runtime = runtime
        self._at_zero = at_zero
        self._redaction = redaction
        self._recorded = Signal()
        self._in_latest = self._in_archive = 0
        """The numbers of the last frames that are in these files."""
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """What a life that crashed has left is in the ring when the body begins; at its end all is on the disk."""
        if self._latest is not None:
            left = await asyncio.to_thread(self._latest.read)
            ours = [frame for frame in left if frame.boot == self._clock.boot]
            self._ring.restore([(frame.at_s, ">" if frame.sent else "<", frame.text) for frame in ours])
            self._in_archive = -len(ours)
        self._ring.on_record = self._recorded.fire
        try:
            yield
        finally:
            self._ring.on_record = None
            try:
                async with asyncio.timeout(END_S):
                    await self._to_archive()
            except TimeoutError:
                log.warning("frames are not kept on the disk: it stalls")

    async def run(self) -> None:
        """Keep what comes, for ever."""
        due_s: float | None = None
        while True:
            fresh = self._ring.behind(self._in_archive)
            if not fresh:
                due_s = None
                await self._recorded.wait()
                continue
            due_s = due_s or fresh[0].at_s + ARCHIVE_S
            if self._clock.monotonic_s() >= due_s:
                await self._to_archive()
            elif self._latest is None:
                await self._clock.sleep_until(due_s)
            elif self._in_latest < self._ring.last:
                # Many frames come at once, and each write wakes a thread.
                await self._clock.sleep(LATEST_S)
                await self._to_latest(self._latest)
            else:
                await self._news_until(due_s)

    async def earlier(
        self,
        since: datetime,
        *,
        until: datetime | None = None,
        most: int = sys.maxsize,
        most_characters: int = sys.maxsize,
    ) -> list[tuple[datetime, Frame]]:
        """What is kept of *since* to *until* and not in the ring any more, without secrets, by number 0.

        The newest *most* frames, and the newest *most_characters* of them.
        """
        zero, boot, archive = self._at_zero(), self._clock.boot, self._archive
        ring = self._ring.frames()
        first_s = ring[0].at_s if ring else self._clock.monotonic_s()

        def date(frame: "KeptFrame") -> datetime:
            return zero + timedelta(seconds=frame.at_s) if frame.boot == boot else frame.at

        def wanted(frame: "KeptFrame") -> bool:
            return (frame.boot != boot or frame.at_s < first_s) and (until is None or date(frame) <= until)

        def read() -> list[tuple[datetime, Frame]]:
            kept = archive.read(since, wanted=wanted, most=most, most_characters=most_characters)
            dated = [(date(frame), frame) for frame in kept]
            return [
                (at, Frame(0, (at - zero).total_seconds(), ">" if frame.sent else "<", frame.text))
                for at, frame in dated
            ]

        async with self._writing:
            return await asyncio.to_thread(read)

    # What writes files is needed once an hour, and not at the start.
    @cached_property
    def _archive(self) -> "FrameArchive":
        from cpd.diagnostics.frame_files import FrameArchive

        return FrameArchive(self._folder)

    @cached_property
    def _latest(self) -> "LatestFrames | None":
        if self._runtime is None:
            return None
        from cpd.diagnostics.frame_files import LatestFrames

        return LatestFrames(self._runtime)

    async def _news_until(self, due_s: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, due_s - self._clock.monotonic_s())):
                await self._recorded.wait()
        except TimeoutError:
            return

    async def _to_latest(self, latest: "LatestFrames") -> None:
        async with self._writing:
            fresh = self._ring.behind(max(self._in_latest, self._in_archive))
            if not fresh:
                return
            # What cannot be written is not tried again: the ring has it.
            self._in_latest = fresh[-1].seq
            zero, redaction = self._at_zero(), self._redaction()
            await self._write(
                lambda: latest.append(self._without_secrets(fresh, zero, redaction)), len(fresh)
            )

    async def _to_archive(self) -> None:
        async with self._writing:
            fresh = self._ring.behind(self._in_archive)
            if not fresh:
                return
            self._in_archive = fresh[-1].seq
            zero, redaction, now = self._at_zero(), self._redaction(), self._clock.now()
            archive, latest = self._archive, self._latest

            def write() -> None:
                archive.append(self._without_secrets(fresh, zero, redaction), now)
                if latest is not None:
                    latest.clear()

            await self._write(write, len(fresh))

    async def _write(self, work: Callable[[], None], count: int) -> None:
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            log.warning("frames=%d are kept in memory alone: %s", count, error)
        except Exception:
            # The boundary: a bug in what helps to find bugs must not end the charging of a car.
            log.exception("frames=%d are kept in memory alone", count)

    def _without_secrets(
        self, frames: list[Frame], zero: datetime, redaction: "Redaction"
    ) -> "list[KeptFrame]":
        from cpd.diagnostics.frame_files import KeptFrame

        return [
            KeptFrame(
                boot=self._clock.boot,
                at_s=frame.at_s,
                at=zero + timedelta(seconds=frame.at_s),
                sent=frame.direction == ">",
                # Half a character is no UTF-8, and JSON lets a CSMS spell one.
                text=redaction.frame(frame.text).encode(errors="replace").decode(),
            )
            for frame in frames
        ]
