import asyncio
from pathlib import Path

from hal.card_sights import CardSights
from hal.evse import CardRead
from tests.hal.bench import Bench, bench, virtual

CARD = CardRead(id_tag="04A31F02")


async def swipes(b: Bench, id_tags: tuple[str, ...], *, pause_s: float) -> list[str]:
    """What comes of cards that are presented so far apart."""
    cards, seen = b.guard.cards(), []

    async def read() -> None:
        async for card in cards:
            seen.append(card.id_tag)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        for id_tag in id_tags:
            b.world.swipe(id_tag, 1)
            await asyncio.sleep(pause_s)
        await asyncio.sleep(5)
        reading.cancel()
    return seen


def test_a_card_that_stays_in_sight_is_one_swipe() -> None:
    sights = CardSights()
    assert [sights.is_swipe(CARD, 100 + sight / 10) for sight in range(20)] == [True] + [False] * 19


def test_a_card_that_was_away_for_a_second_is_swiped_again() -> None:
    sights = CardSights()
    assert [sights.is_swipe(CARD, at_s) for at_s in (100.0, 100.9, 101.9)] == [True, False, True]


def test_two_cards_in_turn_are_two_swipes() -> None:
    sights = CardSights()
    other = CardRead(id_tag="04FF")
    assert [sights.is_swipe(card, 100.0) for card in (CARD, other, CARD)] == [True, True, False]


def test_the_same_card_at_another_outlet_is_a_swipe_of_its_own() -> None:
    sights = CardSights()
    assert sights.is_swipe(CardRead(id_tag="04A31F02", connector=1), 100.0)
    assert sights.is_swipe(CardRead(id_tag="04A31F02", connector=2), 100.0)


@virtual
async def test_a_reader_that_bounces_tells_one_swipe(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.deceive(1, "reader_bounces", True)
        assert await swipes(b, ("04A31F02",), pause_s=0) == ["04A31F02"]


@virtual
async def test_swipes_on_purpose_count_each(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert await swipes(b, ("04A31F02", "04A31F02"), pause_s=0) == ["04A31F02"] * 2
