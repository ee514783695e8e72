"""The digits and letters that a reader types which says that it is a keyboard; Enter ends each card.

Numbers of keys are those of the kernel (linux/input-event-codes.h), and mean what they do on a US keyboard.
"""

from types import MappingProxyType

PAUSE_S = 0.5
"""A reader types a card within 0.2 s: what was begun before such a pause is none."""

_LONGEST = 64
"""Characters; what is longer is no card."""

_ENTERS = frozenset((28, 96))
_PRESSED = 1
_ROWS = ((2, "1234567890"), (16, "QWERTYUIOP"), (30, "ASDFGHJKL"), (44, "ZXCVBNM"))
_KEYPAD = ((71, "789"), (75, "456"), (79, "1230"))
_CHARACTERS = MappingProxyType(
    {first + place: key for first, keys in (*_ROWS, *_KEYPAD) for place, key in enumerate(keys)}
)


class TypedCards:
    """Finds the cards in key events."""

    def __init__(self) -> None:
        self._typed = ""
        self._at_s = 0.0
        self._spoilt = False

    def lose(self) -> None:
        """Some events were lost: what is typed now is no card, up to its end."""
        self._spoilt = True

    def feed(self, key: int, value: int, at_s: float) -> str | None:
        """Key number *key* goes down (*value* 1), repeats (2) or comes up (0); the text where that ends a card."""
        if value != _PRESSED:
            return None
        if at_s - self._at_s > PAUSE_S:
            self._typed, self._spoilt = "", False
        self._at_s = at_s
        if key not in _ENTERS:
            self._typed = (self._typed + _CHARACTERS.get(key, ""))[: _LONGEST + 1]
            return None
        typed, whole = self._typed, not self._spoilt
        self._typed, self._spoilt = "", False
        return typed if whole and 1 <= len(typed) <= _LONGEST else None
