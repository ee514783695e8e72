"""OCPP frames in files, without secrets: the last days on the disk, and what is fresh in the runtime directory.

The runtime directory is memory: what is there outlives a crash of the daemon and costs the SD card nothing. A file
that a power cut has damaged is read as far as it goes. Everything here blocks, and is for a thread.
"""

import gzip
import logging
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final

import msgspec

log = logging.getLogger(__name__)

KEEP: Final = timedelta(days=7)
MAX_BYTES: Final = 4_000_000
"""What all files on the disk hold at most; the oldest give way."""

MAX_FILE_BYTES: Final = 400_000
FILE_AGE: Final = timedelta(days=1)
"""A file takes nothing more once it is so large or so old: they are dropped whole."""

MAX_FILES: Final = 200
MIN_FREE_BYTES: Final = 8_000_000
"""With less room on the disk nothing is kept: the store needs it."""

MAX_LATEST_BYTES: Final = 2_000_000
"""What the runtime directory holds at most; it is begun anew then."""

_READ_BYTES: Final = 1 << 16


class KeptFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame at *at_s* on the monotonic clock of *boot*, which was *at* as far as was known when it was kept."""

    boot: str
    at_s: float
    at: datetime
    sent: bool
    text: str


class FrameArchive:
    """Compressed files in *folder*, which is made; each has what one life of the daemon appends."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = MAX_BYTES,
        max_file_bytes: int = MAX_FILE_BYTES,
        min_free_bytes: int = MIN_FREE_BYTES,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_file_bytes = max_file_bytes
        self._min_free_bytes = min_free_bytes
        self._file: Path | None = None
        self._begun: datetime | None = None

    def append(self, frames: Iterable[KeptFrame], now: datetime) -> None:
        """Keep *frames*, and drop what is too old at *now* or too much. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes < self._min_free_bytes:
            raise OSError(f"only {free_bytes} bytes are free on its disk")
        file = self._file
        if file is None or self._begun is None or self._is_done(file, now - self._begun):
            if file is not None and self._begun is not None and now - self._begun > KEEP and file.exists():
                # The clock was set meanwhile, and what was kept before that is not a week old.
                os.utime(file, (now.timestamp(), now.timestamp()))
            file, self._begun = self._folder / f"frames-{self._last_number() + 1:06d}.gz", now
        # A half-written end would hide whatever is appended behind it.
        self._file = None
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb"
        ) as out:
            out.write(gzip.compress(_lines(frames), compresslevel=6, mtime=0))
        # The system's clock may be unset, and a file must not seem old for that.
        os.utime(file, (now.timestamp(), now.timestamp()))
        self._file = file
        self._prune(now)

    def read(
        self,
        since: datetime,
        *,
        wanted: Callable[[KeptFrame], bool] = lambda _frame: True,
        most: int = sys.maxsize,
        most_characters: int = sys.maxsize,
    ) -> list[KeptFrame]:
        """What is kept of *since* and later, and *wanted*, oldest first.

        Only the newest *most* and *most_characters* of it, and no more is decoded than that. What cannot be read is
        left out, and the log says so.
        """
        found: list[KeptFrame] = []
        characters = 0
        for file in reversed(self._files()):
            # Files are in order, dates are not: the clock may have been unset for a while.
            if file.stat().st_mtime < since.timestamp():
                continue
            for frame in _decoded_backwards(file, _unpacked(file)):
                if len(found) >= most or characters >= most_characters:
                    return found[::-1]
                if frame.at >= since and wanted(frame):
                    found.append(frame)
                    characters += len(frame.text)
        return found[::-1]

    def _is_done(self, file: Path, age: timedelta) -> bool:
        return not file.exists() or file.stat().st_size > self._max_file_bytes or abs(age) > FILE_AGE

    def _prune(self, now: datetime) -> None:
        files = self._files()
        # None is older than the one before it, though the clock may have been unset while it was written.
        latest = accumulate((file.stat().st_mtime for file in files), max)
        size = 0
        for place, (file, at) in enumerate(reversed([*zip(files, latest, strict=True)])):
            size += file.stat().st_size
            if size > self._max_bytes or place >= MAX_FILES or at < (now - KEEP).timestamp():
                file.unlink()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("frames-*.gz"))

    def _last_number(self) -> int:
        numbers = [file.stem.removeprefix("frames-") for file in self._files()]
        return max((int(number) for number in numbers if number.isdecimal()), default=0)


class LatestFrames:
    """One file in the runtime directory *folder*: what is not in the archive yet."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_LATEST_BYTES) -> None:
        self._file = folder / "frames.jsonl"
        self._max_bytes = max_bytes

    def append(self, frames: Sequence[KeptFrame]) -> None:
        """Keep *frames*. Raises OSError."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(self._file, flags, 0o600), "ab") as out:
            if out.tell() > self._max_bytes:
                out.truncate(0)
            out.write(_lines(frames))

    def read(self) -> list[KeptFrame]:
        """What is kept, oldest first; nothing where there is no file or none that can be read."""
        try:
            return list(_decoded_backwards(self._file, self._file.read_bytes()))[::-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("frames of before cannot be read: %s", error)
            return []

    def clear(self) -> None:
        """All of it is in the archive. Raises OSError."""
        self._file.unlink(missing_ok=True)


def _lines(frames: Iterable[KeptFrame]) -> bytes:
    return b"".join(msgspec.json.encode(frame) + b"\n" for frame in frames)


def _decoded_backwards(file: Path, content: bytes) -> Iterator[KeptFrame]:
    decoder = msgspec.json.Decoder(KeptFrame)
    damaged = 0
    for line in reversed(content.splitlines()):
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError:
            damaged += 1
    if damaged:
        log.warning("frames file=%s has damaged lines=%d, they are left out", file.name, damaged)


def _unpacked(file: Path) -> bytes:
    """What can be read of a compressed file up to the first damage."""
    parts = []
    try:
        with gzip.open(file) as packed:
            while part := packed.read1(_READ_BYTES):
                parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        log.warning("frames file=%s is damaged: %s", file.name, error)
        content = b"".join(parts)
        return content[: content.rfind(b"\n") + 1]
    return b"".join(parts)
