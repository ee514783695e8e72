"""What an inbox has room for."""

import pytest

from cpd.ocpp.inbox import Inbox


@pytest.mark.parametrize(("waiting", "taken"), [([4, 4], True), ([4, 4, 1], False), ([4, 5], False)])
def test_an_item_is_taken_while_neither_number_nor_size_is_full(waiting: list[int], taken: bool) -> None:
    inbox: Inbox[str] = Inbox(max_items=3, max_size=10)
    for size in waiting:
        assert inbox.offer("earlier", size)
    assert inbox.offer("new", 2) is taken


async def test_an_empty_inbox_takes_an_item_of_any_size() -> None:
    inbox: Inbox[str] = Inbox(max_items=3, max_size=10)
    assert inbox.offer("large", 1_000)
    assert await inbox.take() == "large"
    assert inbox.offer("larger", 2_000)
