"""A small mapped file that survives the kill of its process: what was written is there, without any fsync."""

import mmap
import os
import struct
import zlib
from pathlib import Path

from hal.errors import HalStateError

_SEQUENCE = struct.Struct("<Q")
_CHECK_BYTES = 4


class SlotFile:
    """One content of a fixed size, in two slots written in turn, each with a checksum against a torn write."""

    def __init__(self, path: Path, content_bytes: int) -> None:
        """Open or create the file; raises `HalStateError`."""
        self._slot_bytes = _SEQUENCE.size + content_bytes + _CHECK_BYTES
        file_bytes = 2 * self._slot_bytes
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                file.truncate(file_bytes)
                # A write to a mapped hole of a full disk would be a SIGBUS.
                os.posix_fallocate(file.fileno(), 0, file_bytes)
                self._map = mmap.mmap(file.fileno(), file_bytes)
        except OSError as error:
            raise HalStateError(f"{path}: {error.strerror}; the mock keeps its state there") from error
        whole = [slot for slot in map(self._slot, (0, 1)) if slot is not None]
        self._sequence = 0
        self.content: bytes | None = None
        if whole:
            self._sequence, self.content = max(whole)

    def write(self, content: bytes) -> None:
        """Replace the older of the two slots."""
        self._sequence += 1
        slot = _SEQUENCE.pack(self._sequence) + content
        start = self._sequence % 2 * self._slot_bytes
        self._map[start : start + self._slot_bytes] = slot + zlib.crc32(slot).to_bytes(_CHECK_BYTES, "little")
        self.content = content

    def close(self) -> None:
        """Unmap the file; it keeps what was written."""
        self._map.close()

    def _slot(self, number: int) -> tuple[int, bytes] | None:
        data = self._map[number * self._slot_bytes : (number + 1) * self._slot_bytes]
        slot, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
        if zlib.crc32(slot).to_bytes(_CHECK_BYTES, "little") != check:
            return None
        (sequence,) = _SEQUENCE.unpack_from(slot)
        return sequence, slot[_SEQUENCE.size :]
