"""How another reader, or the people who typed a list, would have written the same card's idTag.

Readers differ in the order of the bytes, in separators, in zeros at the front, and some write a decimal number.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from cpd.domain.authorization import MAX_ID_TAG_CHARACTERS

_SEPARATORS = re.compile(r"[-:. ]")
_HEX = re.compile(r"[0-9A-Fa-f]+\Z", re.ASCII)
_LONGEST_NUMBER = 10
"""Digits of the largest number that four bytes hold."""


class SpellingKind(StrEnum):
    """What another spelling does otherwise."""

    REVERSED = "bytes reversed"
    WITHOUT_SEPARATORS = "without separators"
    ZERO_ADDED = "with a leading zero"
    ZEROS_DROPPED = "without leading zeros"
    DECIMAL = "as a decimal number"
    HEXADECIMAL = "as hexadecimal bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Another spelling of an idTag."""

    id_tag: str
    kind: SpellingKind


def other_spellings(id_tag: str) -> tuple[Spelling, ...]:
    """The idTags that may be the same card as *id_tag*, each once and none equal to it, the likeliest first."""
    bare = _SEPARATORS.sub("", id_tag).upper()
    found = {bare: SpellingKind.WITHOUT_SEPARATORS}
    if _HEX.match(bare):
        for spelt, kind in _of_hex(bare):
            found.setdefault(spelt, kind)
    return tuple(
        Spelling(id_tag=spelt, kind=kind)
        for spelt, kind in found.items()
        if spelt != id_tag.upper() and 1 <= len(spelt) <= MAX_ID_TAG_CHARACTERS
    )


def _of_hex(bare: str) -> list[tuple[str, SpellingKind]]:
    whole = bare if len(bare) % 2 == 0 else f"0{bare}"
    found = [(_reversed(whole), SpellingKind.REVERSED)]
    if whole != bare:
        found.append((whole, SpellingKind.ZERO_ADDED))
    if bare.startswith("0"):
        found.append((bare.lstrip("0"), SpellingKind.ZEROS_DROPPED))
    if bare.isdigit() and len(bare) <= _LONGEST_NUMBER and int(bare) < 2**32:
        number = f"{int(bare):08X}"
        found += [(number, SpellingKind.HEXADECIMAL), (_reversed(number), SpellingKind.HEXADECIMAL)]
    if len(whole) == 8:
        number = str(int(whole, 16))
        found += [
            (number.zfill(_LONGEST_NUMBER), SpellingKind.DECIMAL),
            (number, SpellingKind.DECIMAL),
        ]
    return found


def _reversed(digits: str) -> str:
    return bytes.fromhex(digits)[::-1].hex().upper()
