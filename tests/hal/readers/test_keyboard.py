import asyncio

import pytest

from hal.errors import DeviceUnavailable
from hal.readers.id_format import AS_READ
from hal.readers.keyboard import Keyboard
from hal.readers.presenting import CardPresenter
from tests.hal.bench import virtual
from tests.hal.contract.rig import until
from tests.hal.simulators.keyboard import KEYPAD, PORT, Rig, reader_rig


def told(rig: Rig) -> list[tuple[str, str | None]]:
    return [(card.id_tag, card.uid) for card in rig.presented]


@virtual
async def test_a_typed_card_keeps_its_zeros_and_has_its_bytes() -> None:
    async with reader_rig() as rig:
        rig.type("00A31F02B16180\n")
        await asyncio.sleep(1)
        assert told(rig) == [("00A31F02B16180", "00A31F02B16180")]


@virtual
async def test_the_keypad_types_as_well() -> None:
    async with reader_rig() as rig:
        rig.type("1071\n", KEYPAD)
        await asyncio.sleep(1)
        assert told(rig) == [("1071", "1071")]


@virtual
async def test_what_has_no_bytes_is_sent_as_it_is_typed() -> None:
    async with reader_rig() as rig:
        rig.type("123\n")
        await asyncio.sleep(1)
        assert told(rig) == [("123", None)]


@pytest.mark.parametrize("typed", ["\n", "1" * 21 + "\n", "1" * 300 + "\n", "12345"])
def test_nothing_too_much_and_nothing_unended_is_a_card(typed: str) -> None:
    @virtual
    async def typing() -> None:
        async with reader_rig() as rig:
            rig.type(typed)
            await asyncio.sleep(1)
            assert told(rig) == []
            rig.type("04AF\n")
            await asyncio.sleep(1)
            assert told(rig) == [("04AF", "04AF")]

    typing()


@virtual
async def test_a_card_of_which_keys_were_lost_is_none_and_the_next_is_read() -> None:
    async with reader_rig() as rig:
        assert rig.device is not None
        rig.type("04A3")
        rig.device.drop()
        rig.type("6180\n04AF\n")
        await asyncio.sleep(1)
        assert told(rig) == [("04AF", "04AF")]


@virtual
async def test_halves_that_were_typed_before_and_after_the_loss_of_the_device_are_no_card() -> None:
    async with reader_rig() as rig:
        rig.type("04A3")
        await asyncio.sleep(0.01)
        rig.plugged(False)
        rig.plugged(True)
        await until(lambda: not rig.reader.online(), within_s=0.1)
        await until(rig.reader.online, within_s=0.2)
        rig.type("6180\n")
        await asyncio.sleep(1)
        assert told(rig) == [("6180", "6180")]


@virtual
async def test_the_keys_are_nobody_elses() -> None:
    async with reader_rig() as rig:
        assert rig.device is not None and rig.device.grabbed


@virtual
async def test_a_device_that_somebody_else_has_grabbed_stops_the_start() -> None:
    rig = Rig()
    rig.taken = True
    with pytest.raises(DeviceUnavailable, match="used by another program; find and stop it: sudo fuser"):
        await rig.reader.open()


@virtual
async def test_a_device_that_is_not_there_stops_the_start() -> None:
    rig = Rig()
    rig.there = False
    with pytest.raises(DeviceUnavailable, match="no such device; see what is there: ls /dev/input/by-id"):
        await rig.reader.open()


@pytest.mark.skipif(
    "__import__('importlib.util').util.find_spec('evdev') is not None", reason="evdev is there"
)
@virtual
async def test_without_evdev_the_start_stops_with_the_way_to_it() -> None:
    presenter = CardPresenter(lambda card: None, id_format=AS_READ, connector=None)
    with pytest.raises(
        DeviceUnavailable, match=r"evdev is missing; install it: pip install 'cpd\[keyboard\]'"
    ):
        await Keyboard(PORT, presenter).open()
