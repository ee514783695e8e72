"""Frames in files: bounded in size and age, and read as far as they can be."""

import gzip
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cpd.diagnostics.frame_files import FrameArchive, KeptFrame, LatestFrames

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=60)


def kept(number: int, at: datetime = NOON, text: str = "") -> KeptFrame:
    return KeptFrame(boot="b", at_s=float(number), at=at, sent=True, text=text or f"frame {number}")


def numbers(frames: list[KeptFrame]) -> list[int]:
    return [int(frame.at_s) for frame in frames]


def test_what_several_lives_have_kept_is_read_in_order(tmp_path: Path) -> None:
    for life in range(3):
        archive = FrameArchive(tmp_path / "frames")
        archive.append([kept(2 * life)], NOON)
        archive.append([kept(2 * life + 1)], NOON)
    assert numbers(FrameArchive(tmp_path / "frames").read(LONG_AGO)) == [0, 1, 2, 3, 4, 5]
    assert len(list((tmp_path / "frames").iterdir())) == 3


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    for hour in range(6):
        at = NOON + timedelta(hours=hour)
        half_past = at + timedelta(minutes=30)
        FrameArchive(tmp_path).append([kept(10 * hour, at), kept(10 * hour + 1, half_past)], half_past)
    since = NOON + timedelta(hours=3, minutes=10)
    assert numbers(FrameArchive(tmp_path).read(since)) == [31, 40, 41, 50, 51]


def test_a_week_is_kept_and_a_file_takes_no_more_than_a_day(tmp_path: Path) -> None:
    archive = FrameArchive(tmp_path)
    for hour in range(24 * 20):
        archive.append([kept(hour, NOON + timedelta(hours=hour))], NOON + timedelta(hours=hour))
    found = numbers(archive.read(LONG_AGO))
    assert 24 * 7 <= len(found) <= 24 * 8 + 2
    assert found[-1] == 24 * 20 - 1


def test_however_much_is_said_the_disk_has_no_more_than_its_bound(tmp_path: Path) -> None:
    archive = FrameArchive(tmp_path, max_bytes=20_000, max_file_bytes=2_000)
    for number in range(400):
        archive.append([kept(number, text=f"{number * number * 7_919:050x}" * 3)], NOON)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 20_000
    assert numbers(archive.read(LONG_AGO))[-1] == 399


def test_no_more_is_decoded_than_is_asked_for_however_much_is_kept(tmp_path: Path) -> None:
    """A week of frames would keep the other threads from their work for seconds."""
    for life in range(10):
        FrameArchive(tmp_path).append([kept(100 * life + number) for number in range(100)], NOON)
    looked_at: list[int] = []

    def wanted(frame: KeptFrame) -> bool:
        looked_at.append(int(frame.at_s))
        return frame.at_s < 995

    archive = FrameArchive(tmp_path)
    assert numbers(archive.read(LONG_AGO, wanted=wanted, most=50)) == list(range(945, 995))
    assert len(looked_at) == 55
    found = archive.read(LONG_AGO, most_characters=2_000)
    assert [int(frame.at_s) for frame in found] == list(range(1_000 - len(found), 1_000))
    assert sum(len(frame.text) for frame in found) <= 2_000 + len("frame 999")


def test_what_was_kept_while_the_clock_was_unset_neither_hides_what_is_older_nor_goes_before_it(
    tmp_path: Path,
) -> None:
    FrameArchive(tmp_path).append([kept(1)], NOON)
    FrameArchive(tmp_path).append([kept(2, LONG_AGO)], LONG_AGO)
    assert numbers(FrameArchive(tmp_path).read(NOON - timedelta(days=1))) == [1]
    later = NOON + timedelta(hours=1)
    FrameArchive(tmp_path).append([kept(3, later)], later)
    assert numbers(FrameArchive(tmp_path).read(LONG_AGO)) == [1, 2, 3]


def test_what_was_kept_before_the_clock_was_set_for_the_first_time_stays(tmp_path: Path) -> None:
    archive = FrameArchive(tmp_path)
    archive.append([kept(1, LONG_AGO)], LONG_AGO)
    archive.append([kept(2)], NOON)
    assert numbers(archive.read(LONG_AGO)) == [1, 2]


@pytest.mark.parametrize("damage", ["cut", "zeroes", "flipped", "other"])
def test_a_damaged_file_is_read_as_far_as_it_goes_and_the_others_whole(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for life in range(3):
        archive = FrameArchive(tmp_path)
        for number in range(40):
            archive.append([kept(100 * life + number)], NOON)
    _, file, _ = sorted(tmp_path.iterdir())
    content = file.read_bytes()
    half = len(content) // 2 + 40
    file.write_bytes(
        {
            "cut": content[:half],
            "zeroes": content[:half] + bytes(100),
            "flipped": content[:half] + bytes([content[half] ^ 0xFF]) + content[half + 1 :],
            "other": b"not a frame\n" * 50,
        }[damage]
    )
    with caplog.at_level(logging.WARNING):
        found = numbers(FrameArchive(tmp_path).read(LONG_AGO))
    assert found[:40] == list(range(40))
    assert found[-40:] == list(range(200, 240))
    assert found == sorted(set(found))
    assert "damaged" in caplog.text


def test_lines_that_are_no_frames_are_left_out(tmp_path: Path) -> None:
    archive = FrameArchive(tmp_path)
    archive.append([kept(1)], NOON)
    (file,) = tmp_path.iterdir()
    with file.open("ab") as damaged:
        damaged.write(gzip.compress(b'{"boot": 7}\n\xff\n'))
    archive.append([kept(2)], NOON)
    assert numbers(archive.read(LONG_AGO)) == [1, 2]


def test_where_the_disk_is_nearly_full_the_room_is_left_to_the_store(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="bytes are free"):
        FrameArchive(tmp_path, min_free_bytes=1 << 60).append([kept(1)], NOON)
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_read_and_what_is_archived_is_forgotten(tmp_path: Path) -> None:
    LatestFrames(tmp_path).append([kept(1)])
    LatestFrames(tmp_path).append([kept(2)])
    (file,) = tmp_path.iterdir()
    with file.open("ab") as cut:
        cut.write(b'{"boot":"b","at_s')
    latest = LatestFrames(tmp_path)
    assert numbers(latest.read()) == [1, 2]
    latest.clear()
    assert latest.read() == []


def test_the_runtime_directory_is_bounded_too(tmp_path: Path) -> None:
    latest = LatestFrames(tmp_path, max_bytes=1_000)
    for number in range(200):
        latest.append([kept(number)])
        (file,) = tmp_path.iterdir()
        assert file.stat().st_size < 1_200
    assert numbers(latest.read())[-1] == 199
