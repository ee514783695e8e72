"""What a whole daemon costs its disk and its memory over many hours, counted where nothing can be hidden."""

import gc
import sqlite3
import struct
from collections import deque
from pathlib import Path

from tests.scenarios.site import Site

_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24

_NOT_COUNTED = (
    "cpd.lab.",
    "hal.boards.mock.",
    "hal.light",
    "cpd.ocpp.frame_ring",
    "cpd.diagnostics.log_ring",
)
"""What is no part of the charger, and the bounded memories of the last frames, lines and signals."""


def written_bytes() -> int:
    """Bytes that this process has handed to write(2) and its like: the store's, and every other byte, too."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


class Commits:
    """Counts what is committed to a store, by the marks in its write-ahead log; to be looked at now and then.

    A round of the log overwrites the one before from its beginning: what that held at its end can still be read.
    """

    def __init__(self, store: Path) -> None:
        self._log = store.with_name(f"{store.name}-wal")
        self._salts = b""
        self._seen = 0
        self._count()

    def since(self) -> int:
        """How many there were since the last look."""
        return self._count()

    def _count(self) -> int:
        content = self._log.read_bytes()
        (page_bytes,) = struct.unpack_from(">I", content, 8)
        salts = content[16:24]
        frames = range(_WAL_HEADER_BYTES, len(content), _FRAME_HEADER_BYTES + page_bytes)
        now, before = 0, 0
        last = self._seen if salts == self._salts else 0
        seen = last
        for place, at in enumerate(frames):
            commits = content[at + 4 : at + 8] != b"\0\0\0\0"
            mine = content[at + 8 : at + 16]
            if mine == salts:
                seen = place + 1
                now += commits and place >= last
            elif mine == self._salts:
                before += commits and place >= self._seen
        self._salts, self._seen = salts, seen
        return now + before


def remembered() -> int:
    """How many objects of the daemon's own classes live, with all that their containers hold."""
    gc.collect()
    own = [one for one in gc.get_objects() if _is_own(type(one).__module__)]
    parts = [part for one in own for part in gc.get_referents(one)]
    # The attributes of an object may be in a dictionary of its own.
    parts += [value for part in parts if isinstance(part, dict) for value in part.values()]
    return len(own) + sum(len(part) for part in parts if isinstance(part, (list, dict, set, deque)))


def _is_own(module: str) -> bool:
    return module.startswith(("cpd.", "hal.")) and not module.startswith(_NOT_COUNTED)


def kept_pages(here: Site) -> int:
    """How many pages the store has, those that are free among them."""
    connection = sqlite3.connect(here.folder / "cpd.db")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    return int(pages)
