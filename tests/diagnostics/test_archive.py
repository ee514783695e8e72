"""The archive's bounds: never above 5 MB, and of what is too long the end."""

import io
import logging
import random
import tarfile
from datetime import UTC, datetime

from cpd.diagnostics.archive import MAX_BYTES, MAX_PART_BYTES, Part, pack
from cpd.diagnostics.log_ring import MAX_CHARACTERS, MAX_LINES, recorded_log
from cpd.ocpp import frame_ring
from cpd.ocpp.frame_ring import FrameRing

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_an_archive_is_never_above_its_bound_however_badly_it_is_compressed() -> None:
    noise = random.Random(7)
    parts = [
        Part(name=f"{number}.txt", text=noise.randbytes(1_000_000).decode("latin-1")) for number in range(6)
    ]
    assert 2_500_000 < len(pack("bundle", parts, NOON)) < MAX_BYTES


def test_of_a_part_that_is_too_long_the_last_lines_are_kept() -> None:
    text = "".join(f"line {number:07} ✓\n" for number in range(200_000))
    with tarfile.open(fileobj=io.BytesIO(pack("bundle", [Part(name="log", text=text)], NOON))) as archive:
        file = archive.extractfile("bundle/log")
        assert file is not None
        kept = file.read()
    assert MAX_PART_BYTES - 20 < len(kept) <= MAX_PART_BYTES
    lines = kept.decode().splitlines()
    assert lines[-1] == "line 0199999 ✓"
    assert all(len(line) == 14 for line in lines)


def test_the_log_in_memory_keeps_the_newest_lines_within_its_bounds() -> None:
    log = logging.getLogger("tests.ring")
    with recorded_log(lambda: 7.0) as ring:
        for number in range(MAX_LINES + 10):
            log.warning("number %d", number)
        lines = [line for _, line in ring.lines()]
        assert (len(lines), lines[-1]) == (MAX_LINES, f"WARNING tests.ring: number {MAX_LINES + 9}")
        for _ in range(10):
            log.warning("%s", "x" * (MAX_CHARACTERS // 4))
        assert sum(len(line) for _, line in ring.lines()) <= MAX_CHARACTERS
    log.warning("nobody listens")
    assert "nobody" not in ring.lines()[-1][1]


def test_the_frames_in_memory_are_the_newest_within_their_bounds() -> None:
    ring = FrameRing()
    for number in range(frame_ring.MAX_FRAMES + 5):
        ring.record(float(number), ">", f"[{number}]")
    frames = ring.frames()
    assert (len(frames), frames[0].text, frames[-1].at_s) == (2_000, "[5]", 2_004.0)
    for _ in range(20):
        ring.record(1.0, "<", b"\xff" * 1_000_000)
    kept = ring.frames()
    assert sum(len(frame.text) for frame in kept) <= frame_ring.MAX_CHARACTERS
    assert len(kept[-1].text) == frame_ring.MAX_FRAME_CHARACTERS + 1
