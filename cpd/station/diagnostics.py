"""Diagnostics on their way to the operator: made and sent at each attempt, each step kept before it is told."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Protocol

from cpd.domain.diagnostics import (
    MAX_RETRIES,
    MIN_RETRY_INTERVAL_S,
    DiagnosticsStatus,
    Step,
    Upload,
    Window,
    begin_upload,
    upload_failed,
    uploaded,
)
from cpd.errors import StorageError
from cpd.station.file_statuses import FileStatuses
from cpd.station.repositories import Repositories, Store, UntoldStatus
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""What the store refused is tried again this much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A file of diagnostics, without secrets, and the names of its parts."""

    file_name: str
    content: bytes = field(repr=False)
    parts: tuple[str, ...]


class UploadFailure(Exception):
    """The file did not arrive; `str()` says why, without its location."""


class DiagnosticsMachine(Protocol):
    """What makes a file of diagnostics and sends it; one at a time."""

    def can_reach(self, location: str) -> bool:
        """False for a location to which no attempt can ever succeed."""

    def file_name(self) -> str:
        """A name for a file that is made now, at most 255 characters."""

    async def upload(self, location: str, file_name: str, window: Window) -> None:
        """Make the file and send it, whole. Raises `UploadFailure`."""


class Diagnostics:
    """The upload on its way, if one is."""

    def __init__(
        self,
        kept: Upload | None,
        *,
        machine: DiagnosticsMachine,
        statuses: FileStatuses,
        store: Store,
        timebase: Timebase,
    ) -> None:
        self._upload = kept
        self._machine = machine
        self._statuses = statuses
        self._store = store
        self._timebase = timebase
        self._asked = Signal()
        # A step is judged, written and then in force: another request must not come between.
        self._changing = asyncio.Lock()

    @property
    def status(self) -> DiagnosticsStatus:
        """What is done at present; Idle where that is nothing (§6.17)."""
        return DiagnosticsStatus.IDLE if self._upload is None else self._upload.status

    async def ask(self, location: str, window: Window, retries: int, retry_interval_s: int) -> str | None:
        """Send what happened in *window* to *location*; returns the file's name, None where nothing can be in it.

        Kept once this returns a name; it takes the place of an upload on its way. Raises `StorageError`.
        """
        now = self._timebase.clock.now()
        if self._timebase.clock.trusted and window.is_empty(now):
            return None
        reachable = self._machine.can_reach(location)
        upload = Upload(
            location=location,
            file_name=self._machine.file_name(),
            window=window,
            due_at=now,
            # One attempt tells the operator what is wrong with the address; more would tell the same.
            retries=min(max(retries, 0), MAX_RETRIES) if reachable else 0,
            retry_interval_s=max(retry_interval_s, MIN_RETRY_INTERVAL_S),
        )
        async with self._changing:
            await self._store.commit(lambda repositories: repositories.diagnostics.put(upload))
            self._upload = upload
        log.info("diagnostics are asked for file=%s retries=%d", upload.file_name, upload.retries)
        self._asked.fire()
        return upload.file_name

    def look(self) -> None:
        """The wall clock stepped: look again whether it is time."""
        self._asked.fire()

    async def run(self) -> None:
        """Send what is asked for, for ever. An attempt that a restart met goes on without another word."""
        while True:
            upload = self._upload
            if upload is None:
                await self._asked.wait()
            elif upload.uploading:
                await self._move(upload, await self._attempt(upload))
            else:
                await self._wait_until(upload)

    async def _wait_until(self, upload: Upload) -> None:
        # A clock that was set back must not make an attempt wait for longer than its interval.
        ahead_s = (upload.due_at - self._timebase.clock.now()).total_seconds()
        ahead_s = min(ahead_s, upload.retry_interval_s)
        if ahead_s <= 0:
            await self._move(upload, begin_upload(upload))
            return
        try:
            async with asyncio.timeout(ahead_s):
                await self._asked.wait()
        except TimeoutError:
            await self._move(upload, begin_upload(upload))

    async def _attempt(self, upload: Upload) -> Step:
        try:
            await self._machine.upload(upload.location, upload.file_name, upload.window)
        except UploadFailure as error:
            log.warning("diagnostics are not uploaded retries=%d: %s", upload.retries, error)
            return upload_failed(upload, self._timebase.clock.now())
        return uploaded()

    async def _move(self, before: Upload, step: Step) -> None:
        """Keep a step, and what is told of it, until the store takes it; nothing where another request came."""
        while True:
            try:
                async with self._changing:
                    if self._upload is before:
                        await self._keep(step)
                    return
            except StorageError as error:
                log.error("diagnostics wait for the store: %s", error)
            await self._timebase.clock.sleep(RETRY_S)

    async def _keep(self, step: Step) -> None:
        def work(repositories: Repositories) -> UntoldStatus:
            if step.upload is None:
                repositories.diagnostics.remove()
            else:
                repositories.diagnostics.put(step.upload)
            return repositories.file_statuses.tell(step.told)

        untold = await self._store.commit(work)
        log.info("diagnostics %s", untold.status)
        self._statuses.add(untold)
        self._upload = step.upload
