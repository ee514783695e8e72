"""What goes into a bundle: the machine, the file, the log, the frames, and the documents of the control interface.

One function makes it, for GetDiagnostics and for `cpd bundle`.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cpd.clock import RELEASED, Clock
from cpd.control.api import TraceDocument
from cpd.control.method import Caller
from cpd.control.methods import METHODS
from cpd.control.target import ControlRefused, ControlTarget
from cpd.diagnostics.collected import Collected
from cpd.diagnostics.frame_keeper import FrameKeeper
from cpd.diagnostics.log_ring import LogRing
from cpd.domain.diagnostics import Window
from cpd.errors import CpdError
from cpd.ocpp.frame_ring import FrameRing
from cpd.station.diagnostics import Bundle
from cpd.station.repositories import AuditedCall, Store

if TYPE_CHECKING:
    from cpd.diagnostics.redaction import Redaction

_MOST_ROWS: Final = 500
_NOBODY: Final = 65_534
"""The documents are those that anybody may see."""

_DOCUMENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "status": {},
    "doctor": {},
    "profiles.list": {},
    "queue.list": {},
    "transactions.list": {"limit": _MOST_ROWS},
    "configuration.get": {},
}
"""The methods of the control interface whose answers are in a bundle, each with its params."""


def file_name(station_id: str, at: datetime) -> str:
    """A name that any server takes: ``cpd-CP-0042-20260302T100000Z.tar.gz``."""
    station = re.sub(r"[^A-Za-z0-9._-]", "_", station_id)[:48].strip(".") or "station"
    return f"cpd-{station}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.tar.gz"


class Bundler:
    """Makes bundles of the daemon that it is part of."""

    def __init__(
        self,
        target: ControlTarget,
        *,
        station_id: str,
        config: Path,
        store: Store,
        folder: Path,
        log: LogRing,
        frames: FrameRing,
        kept_frames: FrameKeeper,
        clock: Clock,
        at_zero: Callable[[], datetime],
    ) -> None:
        """*folder* is where the store is; *at_zero* tells when the monotonic clock was 0, as well as it is known."""
        self._target = target
        self._station_id = station_id
        self._config = config
        self._store = store
        self._folder = folder
        self._log = log
        self._frames = frames
        self._kept_frames = kept_frames
        self._clock = clock
        self._at_zero = at_zero

    async def bundle(self, window: Window, name: str | None = None) -> Bundle:
        """What happened in *window*, and what holds now; under *name* where it was promised before."""
        # What makes an archive is needed once in months, and slow to import.
        from cpd.diagnostics.archive import MAX_PART_BYTES
        from cpd.diagnostics.assembly import assemble

        at = self._clock.now()
        name = name or file_name(self._station_id, at)
        documents = {method: await self._document(method, params) for method, params in _DOCUMENTS.items()}
        for connector in self._target.snapshot().connectors:
            documents[f"why.{connector.id}"] = await self._document("why", {"connector": connector.id})
        documents["audit"] = await self._audited(window)
        zero = self._at_zero()
        log = [(zero + timedelta(seconds=at_s), line) for at_s, line in self._log.lines()]
        # While nobody knows the time, nothing can be said to be outside.
        told = window if self._clock.trusted else Window()
        earlier = await self._kept_frames.earlier(
            told.start_at or RELEASED, until=told.stop_at, most_characters=MAX_PART_BYTES
        )
        heard = [(zero + timedelta(seconds=frame.at_s), frame) for frame in self._frames.frames()]
        collected = Collected(
            name=name,
            at=at,
            window=told,
            config=self._config,
            folder=self._folder,
            documents=documents,
            log=log,
            frames=[*earlier, *heard],
            secrets=self._keys(),
        )
        return await asyncio.to_thread(assemble, collected)

    async def trace(self, after: int | None, limit: int, since_s: float | None) -> TraceDocument:
        """The newest *limit* frames, without secrets: those behind number *after*, or of the last *since_s* seconds.

        Only the latter are looked for on the disk, too; there they have the number 0.
        """
        from cpd.diagnostics.trace import trace_document

        frames, zero, redaction = self._frames.frames(), self._at_zero(), self.redaction()
        if since_s is None:
            return trace_document(frames, zero, redaction, after=after, limit=limit)
        now = self._clock.now()
        since = now - timedelta(seconds=min(since_s, (now - RELEASED).total_seconds()))
        # As many again, for the calls that the first of the newest answer.
        told = [frame for _, frame in await self._kept_frames.earlier(since, most=2 * limit)]
        told += [frame for frame in frames if zero + timedelta(seconds=frame.at_s) >= since]
        # Days of them are a second's work, which no outlet may wait for.
        return await asyncio.to_thread(trace_document, told, zero, redaction, after=None, limit=limit)

    def redaction(self) -> "Redaction":
        """Knows what is secret in a frame: it stands under its name, other texts of the installer's are in none."""
        from cpd.diagnostics.redaction import Redaction

        return Redaction(self._keys())

    def _keys(self) -> list[str | None]:
        """The AuthorizationKey that holds, and the file's."""
        keys = [key for key in self._target.configuration() if key.key.casefold() == "authorizationkey"]
        return [text for key in keys for text in (key.value, key.file_value)]

    async def _document(self, method: str, params: Mapping[str, object]) -> Any:
        served = METHODS[method]
        try:
            given = msgspec.convert(params, served.params)
            return await served.answer(self._target, given, Caller(_NOBODY))
        except (ControlRefused, CpdError) as error:
            return {"not_available": str(error)}

    async def _audited(self, window: Window) -> Any:
        try:
            calls = await self._store.relaxed(lambda repositories: repositories.audit.recent(_MOST_ROWS))
        except CpdError as error:
            return {"not_available": str(error)}
        return [_audited(call) for call in calls if window.has(call.at)]


def _audited(call: AuditedCall) -> dict[str, Any]:
    return {
        "uid": call.uid,
        "method": call.method,
        "params": msgspec.json.decode(call.params),
        "at": call.at,
    }
