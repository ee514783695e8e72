"""What outlives the guard: written whole, written again where the disk refused, and never guessed at."""

import asyncio
import logging
from pathlib import Path

import pytest

from hal.errors import HalStateError
from hal.latches import RETRY_S, Latches, OutletLatch
from hal.values import FaultKind
from tests.hal.bench import virtual

WELDED = OutletLatch(faults=(FaultKind.CONTACTOR_WELDED,), contactor_cycles=7)
CLOSED_ONCE = OutletLatch(contactor_cycles=1)


def refuse(state_dir: Path) -> Path:
    """What stands in the way of every write, until it is removed."""
    obstacle = state_dir / "latches.new"
    obstacle.mkdir()
    return obstacle


@virtual
async def test_what_the_disk_refused_is_written_with_the_next_change(tmp_path: Path) -> None:
    latches = Latches.load(tmp_path)
    obstacle = refuse(tmp_path)
    latches.keep(1, WELDED)
    await latches.flush()
    assert not latches.path.exists() and latches.kept(1) == WELDED
    obstacle.rmdir()
    latches.keep(2, CLOSED_ONCE)
    await latches.flush()
    again = Latches.load(tmp_path)
    assert (again.kept(1), again.kept(2)) == (WELDED, CLOSED_ONCE)


@virtual
async def test_what_the_disk_refused_is_written_once_it_takes_it_and_told_once_until_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    latches = Latches.load(tmp_path)
    obstacle = refuse(tmp_path)
    with caplog.at_level(logging.INFO, "hal.latches"):
        latches.keep(1, WELDED)
        await asyncio.sleep(3.5 * RETRY_S)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        obstacle.rmdir()
        await asyncio.sleep(RETRY_S)
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert Latches.load(tmp_path).kept(1) == WELDED
    await latches.flush()


@virtual
async def test_the_end_of_the_guard_is_the_last_attempt_to_write(tmp_path: Path) -> None:
    latches = Latches.load(tmp_path)
    obstacle = refuse(tmp_path)
    latches.keep(1, WELDED)
    await asyncio.sleep(1)
    obstacle.rmdir()
    await latches.flush()
    assert Latches.load(tmp_path).kept(1) == WELDED


@pytest.mark.parametrize(
    "content",
    [
        b'{"schema": "\xff"}',
        b"",
        b"[]",
        b'{"schema": "hal.latches/1"}',
        b'{"schema": "hal.latches/2", "outlets": {}}',
        b'{"schema": "hal.latches/1", "outlets": {"1": {"faults": ["gremlin"], "contactor_cycles": 1}}}',
        b'{"schema": "hal.latches/1", "outlets": {"1": {"faults": ["ground_fault"], "contactor_cycles": 1}}}',
        b'{"schema": "hal.latches/1", "outlets": {"1": {"faults": [], "contactor_cycles": "1"}}}',
        b'{"schema": "hal.latches/1", "outlets": {"one": {"faults": [], "contactor_cycles": 1}}}',
    ],
)
def test_a_file_that_cannot_be_understood_stops_the_start_and_stays_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "latches.json"
    file.write_bytes(content)
    with pytest.raises(HalStateError, match=r"latches\.json: not readable as .*check the contactors"):
        Latches.load(tmp_path)
    assert file.read_bytes() == content
