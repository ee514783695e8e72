"""How the idTag of a card is written from the bytes that a reader reads.

Central systems and the people who type their lists have the same card in other orders of bytes, as hexadecimal
digits or as a decimal number, whole or cut. Nothing else is known here: no reader, no list.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_ID_TAG_CHARACTERS = 20
"""No central system takes a longer one."""

_EM4100_BYTES = 5
_EM4100_NUMBER_BYTES = 4
"""A 125 kHz card has a byte of its maker before its number; the number alone is printed on the card."""

_DECIMAL_BYTES = 8
"""The most bytes whose number has no more digits than an idTag."""


class ByteOrder(StrEnum):
    """Which byte is written first: that which the reader reads first (MSB), or last (LSB)."""

    MSB = "msb"
    LSB = "lsb"


class Notation(StrEnum):
    """Two upper-case digits for each byte, or one decimal number of as many digits as the bytes can need."""

    HEX = "hex"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdFormat:
    """How idTags are written.

    *id_bytes* 4, 7 or 10 keeps no more than the first bytes, as readers do that know shorter cards only, and of the
    5 bytes of a 125 kHz card the last ones, its number; 0 keeps all. Of what has too many digits as a decimal number
    the first 8 bytes are kept.
    """

    byte_order: ByteOrder = ByteOrder.MSB
    notation: Notation = Notation.HEX
    id_bytes: int = 0

    def __post_init__(self) -> None:
        if self.id_bytes not in (0, 4, 7, 10):
            raise ValueError(f"id_bytes {self.id_bytes} is none of 0, 4, 7, 10")

    def id_tag_of(self, uid: bytes) -> str:
        """The idTag of the card whose bytes are *uid* (1 … 10, as read); zeros at the front are kept."""
        if not 1 <= len(uid) <= 10:
            raise ValueError(f"a card has 1 … 10 bytes, not {len(uid)}")
        kept = _cut(uid, self.id_bytes or len(uid))
        if self.notation is Notation.DECIMAL:
            kept = kept[:_DECIMAL_BYTES]
        ordered = kept if self.byte_order is ByteOrder.MSB else kept[::-1]
        if self.notation is Notation.HEX:
            return ordered.hex().upper()
        digits = len(str(256 ** len(ordered) - 1))
        return str(int.from_bytes(ordered)).zfill(digits)


AS_READ = IdFormat()
"""All bytes, as upper-case digits in the reader's own order: what most central systems have."""


def candidates_of(uid: bytes) -> tuple[tuple[IdFormat, str], ...]:
    """The four ways in which a system may have the card: both orders of bytes, hexadecimal and decimal.

    A decimal number of a 125 kHz card is that which is printed on it.
    """
    formats = (
        IdFormat(byte_order=order, notation=notation, id_bytes=_printed_bytes(uid, notation))
        for notation in Notation
        for order in ByteOrder
    )
    return tuple((one, one.id_tag_of(uid)) for one in formats)


def _cut(uid: bytes, count: int) -> bytes:
    return uid[-count:] if len(uid) == _EM4100_BYTES else uid[:count]


def _printed_bytes(uid: bytes, notation: Notation) -> int:
    is_em4100 = len(uid) == _EM4100_BYTES
    return _EM4100_NUMBER_BYTES if is_em4100 and notation is Notation.DECIMAL else 0
