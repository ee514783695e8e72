"""What every card reader does: a card counts once while it is held, noise is no card, a lost reader comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.hal.contract.discovery import readers, simulator
from tests.hal.contract.rig import ReaderRig, until
from tests.hal.contract.test_evse import all_are_told_well

every_reader = pytest.mark.parametrize("device", readers())


def on(device: str, tmp_path: Path, test: Callable[[ReaderRig], Awaitable[None]]) -> None:
    """Run *test* on the reader of *device*."""
    simulated = simulator(device)

    async def opened() -> None:
        async with simulated.reader_rig(tmp_path) as rig:
            await until(rig.reader.online, within_s=10)
            await test(rig)

    simulated.run(opened())


def tags(rig: ReaderRig) -> list[str]:
    return [card.id_tag for card in rig.presented]


async def held(rig: ReaderRig, card: int) -> None:
    """Hold *card* to the reader, and return once it was told."""
    told = len(rig.presented)
    rig.hold(card)
    await until(lambda: len(rig.presented) > told, within_s=rig.seen_within_s + 1.0)


@every_reader
def test_a_card_that_is_held_counts_once(device: str, tmp_path: Path) -> None:
    async def holding(rig: ReaderRig) -> None:
        await held(rig, 0)
        await asyncio.sleep(2.0)
        assert tags(rig) == [rig.tags[0]]

    on(device, tmp_path, holding)


@every_reader
def test_a_card_counts_again_once_it_was_away(device: str, tmp_path: Path) -> None:
    async def again(rig: ReaderRig) -> None:
        await held(rig, 0)
        rig.take_away()
        await asyncio.sleep(1.5 + rig.seen_within_s)
        await held(rig, 0)
        assert tags(rig) == [rig.tags[0], rig.tags[0]]

    on(device, tmp_path, again)


@every_reader
def test_another_card_counts_at_once(device: str, tmp_path: Path) -> None:
    async def two(rig: ReaderRig) -> None:
        await held(rig, 0)
        await held(rig, 1)
        assert tags(rig) == list(rig.tags)

    on(device, tmp_path, two)


@every_reader
def test_noise_is_no_card_and_the_next_card_is_read(device: str, tmp_path: Path) -> None:
    async def noisy(rig: ReaderRig) -> None:
        rig.babble()
        await asyncio.sleep(1.0)
        assert tags(rig) == []
        await until(rig.reader.online, within_s=10)
        await held(rig, 0)
        assert tags(rig) == [rig.tags[0]]

    on(device, tmp_path, noisy)


@every_reader
def test_a_reader_that_vanishes_is_told_and_comes_back_by_itself(device: str, tmp_path: Path) -> None:
    async def unplugged(rig: ReaderRig) -> None:
        rig.plugged(False)
        await until(lambda: not rig.reader.online(), within_s=10)
        assert all_are_told_well(rig.examine())
        rig.plugged(True)
        await until(rig.reader.online, within_s=15)
        await held(rig, 0)

    on(device, tmp_path, unplugged)


@every_reader
def test_whoever_looks_is_told_of_the_reader(device: str, tmp_path: Path) -> None:
    async def examined(rig: ReaderRig) -> None:
        assert all_are_told_well(rig.examine())

    on(device, tmp_path, examined)
