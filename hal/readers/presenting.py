"""From what a reader reads to the card that is presented: its idTag, and each swipe once."""

import asyncio
from collections.abc import Callable

from hal.card_sights import CardSights
from hal.evse import CardRead
from hal.readers.id_format import MAX_ID_TAG_CHARACTERS, IdFormat


class CardPresenter:
    """Tells *presented* of the swipes at one reader, which belongs to *connector* or (None) to all.

    Its reader tells it of each sight of a card, however many there are while the card is held.
    """

    def __init__(
        self, presented: Callable[[CardRead], None], *, id_format: IdFormat, connector: int | None
    ) -> None:
        self.connector = connector
        self._presented = presented
        self._id_format = id_format
        self._sights = CardSights()
        self._last_seen: tuple[asyncio.AbstractEventLoop, float] | None = None

    @property
    def seen_ago(self) -> str:
        """When there was a card last, in words; may be asked from any thread."""
        if self._last_seen is None:
            return "no card yet"
        loop, seen_s = self._last_seen
        return f"last card {loop.time() - seen_s:.0f} s ago"

    def see(self, uid: bytes) -> None:
        """The card whose bytes are *uid* (1 … 10, as read) is at the reader."""
        id_tag = self._id_format.id_tag_of(uid)
        self._see(CardRead(id_tag=id_tag, connector=self.connector, uid=uid.hex().upper()))

    def see_name(self, name: str) -> None:
        """A card is at the reader of which it tells no bytes, but *name*; one too long for an idTag is no card."""
        if 1 <= len(name) <= MAX_ID_TAG_CHARACTERS:
            self._see(CardRead(id_tag=name.upper(), connector=self.connector))

    def _see(self, card: CardRead) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._last_seen = (loop, now_s)
        if self._sights.is_swipe(card, now_s):
            self._presented(card)
