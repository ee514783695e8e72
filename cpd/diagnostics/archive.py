"""The archive itself: named parts in one tar.gz in memory, so that a full disk does not keep it from being made."""

import gzip
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_BYTES: Final = 5 * 1_000_000
"""No archive is larger, however badly its parts can be compressed."""

MAX_PART_BYTES: Final = 1_300_000
MAX_PARTS_BYTES: Final = 4_800_000
"""What the parts hold before they are compressed; the rest is for the archive's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the archive. Where it is too long its beginning is left out, which is what happened first."""

    name: str
    text: str

    def content(self, at_most: int) -> bytes:
        """The end of the text in at most so many bytes, from the beginning of a line on."""
        whole = self.text.encode("utf-8", errors="replace")
        if len(whole) <= at_most:
            return whole
        kept = whole[len(whole) - at_most :]
        _, _, lines = kept.partition(b"\n")
        return (lines or kept).decode("utf-8", errors="ignore").encode()


def pack(folder: str, parts: Sequence[Part], made_at: datetime) -> bytes:
    """A tar.gz of *parts* in *folder*, of at most `MAX_BYTES`; later parts give way where there is no room."""
    packed = io.BytesIO()
    room = MAX_PARTS_BYTES
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=int(made_at.timestamp())) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for part in parts:
            content = part.content(min(room, MAX_PART_BYTES))
            room -= len(content)
            member = tarfile.TarInfo(f"{folder}/{part.name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(made_at.timestamp())
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
