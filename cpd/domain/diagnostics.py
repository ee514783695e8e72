"""A file of diagnostics on its way to the operator (OCPP 1.6 §4.4, §5.9, §6.17), and what the CSMS is told of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

MAX_RETRIES: Final = 100
"""More attempts than these would not reach a server that is not there."""

MIN_RETRY_INTERVAL_S: Final = 1


class DiagnosticsStatus(StrEnum):
    """How far an upload is (OCPP 1.6 §7.24)."""

    IDLE = "Idle"
    UPLOADED = "Uploaded"
    UPLOAD_FAILED = "UploadFailed"
    UPLOADING = "Uploading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is asked for: what happened from *start_at* to *stop_at*; None is open."""

    start_at: datetime | None = None
    stop_at: datetime | None = None

    def is_empty(self, now: datetime) -> bool:
        """True where nothing can have happened in it yet."""
        last = now if self.stop_at is None else min(now, self.stop_at)
        return self.start_at is not None and self.start_at > last

    def has(self, at: datetime | None) -> bool:
        """True for an instant in it, and for one that nobody knows."""
        if at is None:
            return True
        return (self.start_at is None or self.start_at <= at) and (self.stop_at is None or at <= self.stop_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file *file_name* to be sent to *location* (which may hold a password) from *due_at* on.

    *retries*: attempts that are left besides the present one, *retry_interval_s* after each other. *uploading*: the
    attempt was begun, and its beginning told.
    """

    location: str
    file_name: str
    window: Window
    due_at: datetime
    retries: int
    retry_interval_s: int
    uploading: bool = False

    @property
    def status(self) -> DiagnosticsStatus:
        """What it is doing now; Idle between two attempts."""
        return DiagnosticsStatus.UPLOADING if self.uploading else DiagnosticsStatus.IDLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an upload becomes (None: it is over), and what the CSMS is told of it."""

    upload: Upload | None
    told: DiagnosticsStatus


def begin_upload(upload: Upload) -> Step:
    """It is time for an attempt."""
    return Step(upload=replace(upload, uploading=True), told=DiagnosticsStatus.UPLOADING)


def uploaded() -> Step:
    """The file is where it was wanted."""
    return Step(upload=None, told=DiagnosticsStatus.UPLOADED)


def upload_failed(upload: Upload, now: datetime) -> Step:
    """One attempt was in vain; after the last one nothing follows."""
    again = replace(
        upload,
        uploading=False,
        retries=upload.retries - 1,
        due_at=now + timedelta(seconds=upload.retry_interval_s),
    )
    return Step(upload=again if upload.retries > 0 else None, told=DiagnosticsStatus.UPLOAD_FAILED)
