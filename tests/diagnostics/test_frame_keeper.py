"""Frames on their way to the disk: rarely, in one go, and all of what came before the end."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from cpd.diagnostics.frame_files import FrameArchive, LatestFrames
from cpd.diagnostics.frame_keeper import FrameKeeper
from cpd.diagnostics.redaction import Redaction
from cpd.ocpp.frame_ring import MAX_FRAMES, FrameRing
from tests.hal.bench import virtual
from tests.virtual_time import VirtualClock

MEMBER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
"""How each batch begins in a file (RFC 1952 §2.3), without a time."""
HOUR_S = 3_600
SECOND = '["two with (secret)"]'


@asynccontextmanager
async def life(folder: Path, clock: VirtualClock) -> AsyncIterator[FrameRing]:
    """A ring whose frames are kept, until an end in order."""
    ring = FrameRing()
    (folder / "run").mkdir(parents=True, exist_ok=True)
    keeper = FrameKeeper(
        ring,
        clock,
        folder=folder / "frames",
        runtime=folder / "run",
        at_zero=lambda: clock.now() - timedelta(seconds=clock.monotonic_s()),
        redaction=lambda: Redaction(["hunter2"]),
    )
    async with keeper.kept(), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(keeper.run(), name="frames")
        yield ring
        running.cancel()


def crashed(folder: Path) -> Path:
    """What is left of a life that ends now, without another word."""
    return Path(shutil.copytree(folder, folder.with_name(f"{folder.name}-crashed")))


def say(ring: FrameRing, clock: VirtualClock, *words: str) -> None:
    for word in words:
        ring.record(clock.monotonic_s(), ">", word)


def batches(folder: Path) -> int:
    return sum(file.read_bytes().count(MEMBER) for file in (folder / "frames").glob("*"))


def archived(folder: Path, clock: VirtualClock) -> list[str]:
    return [one.text for one in FrameArchive(folder / "frames").read(clock.now() - timedelta(days=7))]


@virtual
async def test_the_disk_is_written_once_an_hour_and_at_the_end_however_much_is_said(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with life(tmp_path, clock) as ring:
        await clock.sleep(10 * HOUR_S)
        assert not (tmp_path / "frames").exists()
        for second in range(0, 3 * HOUR_S + 60, 5):
            say(ring, clock, f"frame {second}")
            await clock.sleep(5)
        assert batches(tmp_path) == 3
    assert batches(tmp_path) == 4
    assert archived(tmp_path, clock) == [f"frame {second}" for second in range(0, 3 * HOUR_S + 60, 5)]


@virtual
async def test_what_a_crash_has_left_goes_on_waiting_for_its_hour(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with life(tmp_path / "one", clock) as ring:
        say(ring, clock, '["one"]', '["two with hunter2"]')
        await clock.sleep(2)
        say(ring, clock, '["too late"]')
        left = crashed(tmp_path / "one")
    async with life(left, clock) as ring:
        assert [(one.seq, one.text) for one in ring.frames()] == [(-1, '["one"]'), (0, SECOND)]
        say(ring, clock, '["three"]')
        await clock.sleep(HOUR_S / 2)
        assert not (left / "frames").exists()
        left = crashed(left)
    async with life(left, clock):
        await clock.sleep(HOUR_S / 2 + 60)
        assert archived(left, clock) == ['["one"]', SECOND, '["three"]']
        assert LatestFrames(left / "run").read() == []


@virtual
async def test_frames_of_another_boot_have_no_place_in_memory(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with life(tmp_path / "one", clock) as ring:
        say(ring, clock, "before")
        await clock.sleep(2)
        left = crashed(tmp_path / "one")
    clock.forget(clock.now())
    async with life(left, clock) as ring:
        assert ring.frames() == []


@virtual
async def test_a_frame_that_is_no_text_is_kept_as_far_as_it_is(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with life(tmp_path, clock) as ring:
        say(ring, clock, '["\\ud800 half"]', '["whole"]', "\ud800")
        await clock.sleep(2)
        assert len(LatestFrames(tmp_path / "run").read()) == 3
    assert archived(tmp_path, clock) == ['["? half"]', '["whole"]', "?"]


@virtual
async def test_of_a_flood_the_newest_are_kept(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with life(tmp_path, clock) as ring:
        for _ in range(5):
            say(ring, clock, *map(str, range(MAX_FRAMES)))
            await clock.sleep(HOUR_S / 4)
        await clock.sleep(HOUR_S)
        assert batches(tmp_path) <= 2
    assert archived(tmp_path, clock)[-MAX_FRAMES:] == list(map(str, range(MAX_FRAMES)))
