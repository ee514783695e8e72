"""The configured readers on real ptys, in real time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.errors import DeviceUnavailable
from hal.evse import CardRead
from hal.readers.id_format import ByteOrder, IdFormat
from hal.readers.opening import ReaderConfig, ReaderKind, open_readers, reader_for
from tests.hal.simulators.plugged import plugged
from tests.hal.simulators.pn532 import Chip
from tests.hal.simulators.rdm6300 import RDM6300

LSB = IdFormat(byte_order=ByteOrder.LSB)


class Cards:
    """What was presented."""

    def __init__(self) -> None:
        self.read: list[CardRead] = []
        self._more = asyncio.Event()

    def present(self, card: CardRead) -> None:
        self.read.append(card)
        self._more.set()

    async def until(self, met: Callable[[list[CardRead]], bool]) -> None:
        async with asyncio.timeout(20):
            while not met(self.read):
                self._more.clear()
                await self._more.wait()


async def test_each_reader_spells_its_cards_as_it_is_configured(tmp_path: Path) -> None:
    cards = Cards()
    chip = Chip(lambda data: far.send(data))
    chip.card = bytes.fromhex("04A31F02B16180")
    with plugged(tmp_path / "rdm") as device, plugged(tmp_path / "pn532", chip.receive) as far:
        configs = (
            ReaderConfig(kind=ReaderKind.RDM6300, port=str(device.port), connector=2),
            ReaderConfig(kind=ReaderKind.PN532, port=str(far.port), id_format=LSB),
        )
        async with open_readers(configs, cards.present) as readers:
            device.send(RDM6300["3000E2F442"] * 3)
            await cards.until(lambda read: len(read) == 2)
            assert set(cards.read) == {
                CardRead(id_tag="3000E2F442", connector=2, uid="3000E2F442"),
                CardRead(id_tag="8061B1021FA304", uid="04A31F02B16180"),
            }
            assert [reader.online() for reader in readers] == [True, True]
            assert reader_for(readers, 1) is readers[1]
            assert reader_for(readers, 2) is readers[0]
        assert [reader.online() for reader in readers] == [False, False]


async def test_a_reader_that_cannot_be_opened_stops_the_start_and_leaves_none_open(tmp_path: Path) -> None:
    with plugged(tmp_path / "rdm") as device:
        there = ReaderConfig(kind=ReaderKind.RDM6300, port=str(device.port))
        missing = ReaderConfig(kind=ReaderKind.PN532, port=str(tmp_path / "missing"))
        with pytest.raises(DeviceUnavailable, match="missing: no such device"):
            async with open_readers((there, missing), Cards().present):
                pass
        async with open_readers((there,), Cards().present):
            pass


async def test_what_ends_the_user_of_the_readers_comes_out_as_it_is(tmp_path: Path) -> None:
    with plugged(tmp_path / "rdm") as device, pytest.raises(ZeroDivisionError):
        async with open_readers(
            (ReaderConfig(kind=ReaderKind.RDM6300, port=str(device.port)),), Cards().present
        ):
            _ = 1 // 0


def test_without_readers_no_connector_has_one() -> None:
    assert reader_for((), 1) is None
