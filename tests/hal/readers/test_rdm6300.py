import asyncio
from pathlib import Path

import pytest

from hal.errors import DeviceUnavailable
from hal.examination import Health
from tests.hal.bench import virtual
from tests.hal.simulators.rdm6300 import NOISE, RDM6300, reader_rig
from tests.hal.simulators.virtual_device import PORT

FRAME = RDM6300["3000E2F442"]


@virtual
async def test_halves_of_two_frames_are_no_card(tmp_path: Path) -> None:
    async with reader_rig(tmp_path) as rig:
        rig.device.send(FRAME[:7])
        await asyncio.sleep(5)
        rig.device.send(FRAME[7:])
        await asyncio.sleep(1)
        assert rig.presented == []


@virtual
async def test_a_port_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    async with reader_rig(tmp_path) as rig:
        rig.reader.close()
        rig.plugged(False)
        with pytest.raises(DeviceUnavailable, match=f"{PORT}: no such device"):
            await rig.reader.open()


@virtual
async def test_a_line_with_nothing_but_broken_frames_is_told(tmp_path: Path) -> None:
    async with reader_rig(tmp_path) as rig:
        for _ in range(30):
            rig.device.send(NOISE[1])
            await asyncio.sleep(0.05)
        (finding,) = rig.examine()
        assert finding.health is Health.WARNING
        assert finding.evidence == "30 broken frames, no card yet"


@virtual
async def test_the_last_card_is_told_without_its_number(tmp_path: Path) -> None:
    async with reader_rig(tmp_path) as rig:
        rig.device.send(FRAME)
        await asyncio.sleep(12)
        (finding,) = rig.examine()
        assert (finding.health, finding.evidence) == (Health.OK, "listening, last card 12 s ago")
