"""What a reader sees of a card, told from what a person does with it."""

from hal.evse import CardRead

SAME_SWIPE_S = 1.0
"""A card that was out of sight for less than this was never taken away."""


class CardSights:
    """Remembers each card while it is held to a reader, which may see it ten times a second."""

    def __init__(self) -> None:
        self._seen_s: dict[CardRead, float] = {}

    def is_swipe(self, card: CardRead, now_s: float) -> bool:
        """Take in that *card* is seen at *now_s* (monotonic); False while it is still the last swipe of that card."""
        held = {one: seen_s for one, seen_s in self._seen_s.items() if now_s < seen_s + SAME_SWIPE_S}
        self._seen_s = {**held, card: now_s}
        return card not in held
