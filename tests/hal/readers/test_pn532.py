"""What a PN532 does wrong, and what becomes of it."""

import asyncio

import pytest

from hal.errors import DeviceUnavailable
from hal.examination import Health
from hal.readers.pn532 import ANSWER_S, MISSES
from hal.serving import serving
from tests.hal.bench import virtual
from tests.hal.contract.rig import until
from tests.hal.simulators.pn532 import UNASKED, Rig, bench, reader_rig


def tags(rig: Rig) -> list[str]:
    return [card.id_tag for card in rig.presented]


@virtual
async def test_a_card_comes_with_its_bytes() -> None:
    async with reader_rig() as rig:
        rig.hold(0)
        await asyncio.sleep(1)
        assert [(card.id_tag, card.uid) for card in rig.presented] == [("04A31F02B16180", "04A31F02B16180")]


@virtual
async def test_a_device_that_says_nothing_stops_the_start() -> None:
    async with bench() as rig:
        rig.chip.silent = True
        with pytest.raises(DeviceUnavailable, match="no PN532 answers; check its wiring, and its switches"):
            await rig.reader.open()
        rig.reader.close()


@virtual
async def test_another_chip_is_refused() -> None:
    async with bench() as rig:
        rig.chip.version = bytes.fromhex("07010607")
        with pytest.raises(DeviceUnavailable, match="no PN532 answers"):
            await rig.reader.open()
        rig.reader.close()


@virtual
async def test_one_answer_that_is_lost_is_no_loss_of_the_reader() -> None:
    async with bench() as rig:
        rig.chip.garbles = True
        asyncio.get_running_loop().call_later(ANSWER_S, setattr, rig.chip, "garbles", False)
        await rig.reader.open()
        assert rig.reader.online()
        rig.reader.close()


@virtual
async def test_a_chip_that_falls_silent_is_lost_and_found() -> None:
    async with reader_rig() as rig:
        rig.chip.silent = True
        await until(lambda: not rig.reader.online(), within_s=(MISSES + 1) * (ANSWER_S + 0.2))
        (finding,) = rig.examine()
        assert finding.health is Health.FAILED and "no PN532 answers" in finding.evidence
        rig.chip.silent = False
        await until(rig.reader.online, within_s=6)
        rig.hold(0)
        await asyncio.sleep(1)
        assert tags(rig) == ["04A31F02B16180"]


@virtual
async def test_a_chip_that_lost_its_power_is_set_up_again() -> None:
    async with reader_rig() as rig:
        rig.chip.lose_power()
        await until(lambda: not rig.reader.online(), within_s=5)
        await until(rig.reader.online, within_s=5)
        rig.hold(1)
        await asyncio.sleep(1)
        assert tags(rig) == ["DEADBEEF"]


@virtual
async def test_a_reader_without_a_card_stays_there() -> None:
    async with reader_rig() as rig:
        for _ in range(60):
            await asyncio.sleep(1)
            assert rig.reader.online()


@virtual
async def test_wrong_checksums_make_no_card() -> None:
    async with reader_rig() as rig:
        rig.chip.garbles = True
        rig.hold(0)
        await asyncio.sleep(10)
        assert tags(rig) == []
        assert not rig.reader.online()


@virtual
async def test_an_answer_that_nobody_waits_for_is_no_card() -> None:
    async with bench() as rig:
        await rig.reader.open()
        rig.device.send(UNASKED)
        async with serving(rig.reader.run()):
            await asyncio.sleep(1)
        assert tags(rig) == []


@virtual
async def test_the_chip_says_what_it_is() -> None:
    async with reader_rig() as rig:
        (finding,) = rig.examine()
        assert (finding.health, finding.evidence) == (Health.OK, "PN532 1.6, no card yet")
