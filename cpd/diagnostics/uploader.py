"""Bundles on their way to the operator's server."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from cpd.clock import Clock
from cpd.diagnostics.bundle import file_name
from cpd.domain.diagnostics import Window
from cpd.station.diagnostics import Bundle, UploadFailure
from cpd.transfers.location import TransferFailed, parse
from cpd.transfers.transfer import send

log = logging.getLogger(__name__)

Make = Callable[[Window, str], Awaitable[Bundle]]
"""Makes the bundle of a window, under a name."""


class DiagnosticsUploader:
    """A `cpd.station.diagnostics.DiagnosticsMachine`; *make* makes a bundle, *ca_file* adds to who is trusted."""

    def __init__(self, make: Make, *, station_id: str, clock: Clock, ca_file: Path | None) -> None:
        self._make = make
        self._station_id = station_id
        self._clock = clock
        self.ca_file = ca_file

    def can_reach(self, location: str) -> bool:
        try:
            parse(location)
        except TransferFailed:
            return False
        return True

    def file_name(self) -> str:
        return file_name(self._station_id, self._clock.now())

    async def upload(self, location: str, file_name: str, window: Window) -> None:
        try:
            bundle = await self._make(window, file_name)
        except Exception as error:
            # The boundary: a bug in what helps to find bugs must not end the charging of a car.
            log.exception("bundle failed file=%s", file_name)
            raise UploadFailure("the bundle cannot be made") from error
        try:
            await send(location, file_name, bundle.content, ca_file=self.ca_file)
        except TransferFailed as failure:
            raise UploadFailure(str(failure)) from failure
