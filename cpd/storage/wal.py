"""How far SQLite's write-ahead log goes by its own marks, so that a cut in its middle is not overlooked.

SQLite reads the log up to the first frame whose checksum is wrong, and takes the rest for what a power cut left
half written. A damaged block looks the same to it, but behind one there are commits (SQLite, fileformat.html §4).
"""

import struct
from pathlib import Path

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682


def committed_frames(log: Path, page_bytes: int) -> int:
    """The place of the last frame of *log* that ends a transaction, from 1; 0 where none does or there is no log.

    What an earlier round of the log left behind is not counted, as far as the log's own header can be read.
    Raises OSError.
    """
    try:
        content = log.read_bytes()
    except FileNotFoundError:
        return 0
    if len(content) < _HEADER.size:
        return 0
    *_, salt_1, salt_2, _, _ = _HEADER.unpack_from(content)
    salts = {(salt_1, salt_2)}
    frame_bytes = _FRAME.size + page_bytes
    last = 0
    for place in range(1, (len(content) - _HEADER.size) // frame_bytes + 1):
        _, pages, *frame_salts, _, _ = _FRAME.unpack_from(content, _HEADER.size + (place - 1) * frame_bytes)
        if place == 1 and not _is_sound(content):
            salts.add((frame_salts[0], frame_salts[1]))
        if pages and tuple(frame_salts) in salts:
            last = place
    return last


def _is_sound(content: bytes) -> bool:
    magic, *_ = words = _HEADER.unpack_from(content)
    if magic & ~1 != _MAGIC:
        return False
    summed = words[:6] if magic & 1 else struct.unpack_from("<6I", content)
    first = second = 0
    for even, odd in zip(summed[::2], summed[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return (first, second) == words[6:]
