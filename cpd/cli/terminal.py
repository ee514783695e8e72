"""What the terminal can show, and lines that fit it: width, glyphs, colour. Knows nothing of what is shown."""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TextIO

TABLE_WIDTH = 100
"""From this width on lists are tables."""

DEFAULT_WIDTH = 80
NARROWEST = 32
_LEAST_ROOM = 2
"""The widest characters take so many columns."""

_ASCII = {
    "●": "[ok]",
    "✓": "[ok]",
    "✗": "[!!]",
    "!": "[! ]",
    "○": "[--]",
    "⚡": "[>>]",
    "←": "<-",
    "→": "->",
    "…": "..",
    "·": "-",
    "█": "#",
    "░": ".",
    "–": "-",
    "’": "'",
    "≤": "<=",
    "▸": ">",
}
_UNITS = frozenset({"A", "mA", "W", "kW", "Wh", "kWh", "V", "s", "ms", "min", "m", "h", "d", "%"})
_COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}


class Terminal(NamedTuple):
    """A terminal of *width* columns. Colour decorates only: words and glyphs carry the meaning.

    A tuple, because each dataclass adds a millisecond to every start of a client.
    """

    width: int = DEFAULT_WIDTH
    unicode: bool = True
    colour: bool = False

    @property
    def has_tables(self) -> bool:
        return self.width >= TABLE_WIDTH

    def glyph(self, character: str) -> str:
        """One of the characters that the command line draws with, or what stands for it in ASCII."""
        return character if self.unicode else _ASCII[character]

    def text(self, words: str) -> str:
        """*words* as it is safe to print: one line, no control characters, nothing the locale lacks."""
        printable = "".join(character if character.isprintable() else "?" for character in words)
        if self.unicode or printable.isascii():
            return printable
        spelt = "".join(_ASCII.get(character, character) for character in printable)
        return spelt.encode("ascii", "replace").decode()

    def paint(self, colour: str, words: str) -> str:
        """*words* in a colour, where there is colour."""
        return f"\x1b[{_COLOURS[colour]}m{words}\x1b[0m" if self.colour else words

    def cut(self, words: str, columns: int) -> str:
        """*words* in at most *columns*, with an ellipsis where something was left out."""
        words = self.text(words)
        if columns_of(words) <= columns:
            return words
        ellipsis = self.glyph("…")
        kept = ""
        for character in words:
            if columns_of(kept + character + ellipsis) > columns:
                break
            kept += character
        return (kept.rstrip() + ellipsis)[:columns]

    def wrap(self, words: str, indent: int = 0) -> list[str]:
        """*words* in lines after *indent* spaces; a word longer than a line is broken.

        An *indent* that leaves no room makes the lines too long rather than endless.
        """
        room = max(_LEAST_ROOM, self.width - indent)
        lines: list[str] = []
        line = ""
        for word in _words(self.text(words)):
            if line and columns_of(line) + 1 + columns_of(word) <= room:
                line = f"{line} {word}"
                continue
            if line:
                lines.append(line)
            while columns_of(word) > room:
                piece = _piece(word, room)
                lines.append(piece)
                word = word[len(piece) :]
            line = word
        if line:
            lines.append(line)
        return [" " * indent + one for one in lines]

    def flow(self, items: Iterable[str], indent: int = 0, gap: int = 3) -> list[str]:
        """*items* side by side, *gap* apart, as many to a line as fit; none is broken unless it must be."""
        lines: list[str] = []
        line = ""
        for item in items:
            item = self.text(item)
            if line and indent + columns_of(line) + gap + columns_of(item) <= self.width:
                line += " " * gap + item
                continue
            if line:
                lines.append(line)
            line = item
        if line:
            lines.append(line)
        return [wrapped for line in lines for wrapped in self._unless_too_long(line, indent)]

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
        """Aligned columns; a line that is too long is cut."""
        cells = [[self.text(cell) for cell in row] for row in (heads, *rows)]
        widths = [max(columns_of(row[column]) for row in cells) for column in range(len(heads))]
        lines = []
        for row in cells:
            padded = (pad(cell, width) for cell, width in zip(row, widths, strict=True))
            lines.append(self.cut("  ".join(padded).rstrip(), self.width))
        lines[0] = self.paint("dim", lines[0])
        return lines

    def _unless_too_long(self, line: str, indent: int) -> list[str]:
        if indent + columns_of(line) <= self.width:
            return [" " * indent + line]
        return self.wrap(line, indent)


def terminal_for(stream: TextIO, colour: str, environment: Mapping[str, str]) -> Terminal:
    """The terminal behind *stream*; *colour* is auto, always or never (NO_COLOR and TERM=dumb mean no)."""
    tty = stream.isatty()
    plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return Terminal(
        width=max(NARROWEST, _width(stream, environment, tty)),
        unicode=_speaks_unicode(stream, environment),
        colour=colour == "always" or (colour == "auto" and tty and not plain),
    )


def labelled(label: str, lines: Sequence[str]) -> list[str]:
    """*lines*, indented to make room for it, with *label* in front of the first."""
    if not lines:
        return [label.rstrip()]
    return [label + lines[0].lstrip(), *lines[1:]]


def columns_of(words: str) -> int:
    """How many columns *words* take."""
    if words.isascii():
        return len(words)
    return sum(_columns(character) for character in words)


def pad(words: str, columns: int) -> str:
    """*words* with spaces up to *columns*."""
    return words + " " * (columns - columns_of(words))


def _words(text: str) -> list[str]:
    """The words of a line; a unit stays with its number."""
    words: list[str] = []
    for word in text.split():
        if words and word.strip(".,;:)") in _UNITS and words[-1].lstrip("(")[:1].isdecimal():
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _piece(word: str, room: int) -> str:
    piece = ""
    for character in word:
        if columns_of(piece + character) > room:
            break
        piece += character
    return piece


def _width(stream: TextIO, environment: Mapping[str, str], tty: bool) -> int:
    given = environment.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if not tty:
        return DEFAULT_WIDTH
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
    except OSError:
        return DEFAULT_WIDTH


def _speaks_unicode(stream: TextIO, environment: Mapping[str, str]) -> bool:
    if (stream.encoding or "").lower().replace("-", "") != "utf8":
        return False
    # Python answers the C locale with UTF-8, and sets LC_CTYPE to say so (PEP 538); the terminal did not say it.
    coerced = environment.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8")
    language = environment.get("LANG", "")
    if coerced and not environment.get("LC_ALL") and language in ("", "C", "POSIX"):
        return False
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or language
    return "utf8" in locale.lower().replace("-", "")
