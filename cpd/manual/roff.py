"""Manual pages as roff with the macros of man(7). Knows how a page is set, and nothing of what it says."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

_SPELT = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    '"': r"\(dq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
}
_LINE = 100
"""How wide the source is; what a person reads is filled anew for the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page. *name* without its section, *lines* all that stands below its name, in roff."""

    name: str
    section: int
    summary: str
    lines: Sequence[str]

    @property
    def file(self) -> str:
        """Where it is in a directory of pages: ``man1/cpd-why.1``."""
        return f"man{self.section}/{self.name}.{self.section}"

    def source(self, version: str, released: datetime) -> str:
        """The whole file, ASCII."""
        title = f'.TH "{text(self.name.upper())}" "{self.section}" "{text(f"{released:%Y-%m-%d}")}"'
        head = [f'{title} "cpd {text(version)}" "cpd"', ".nh", ".ad l", *heading("NAME")]
        head.append(rf"{text(self.name)} \- {text(self.summary)}")
        return "\n".join([*head, *self.lines]) + "\n"


def link(page: Page) -> str:
    """The source of a page that is *page* under another name."""
    return f".so {page.file}\n"


def text(words: str) -> str:
    """*words* as they are to be read, whatever roff would make of them; a list may be broken at each comma."""
    spelt = "".join(_SPELT.get(one, one if one.isascii() else rf"\[u{ord(one):04X}]") for one in words)
    spelt = re.sub(r",(?=\S)", r",\:", spelt)
    return rf"\&{spelt}" if spelt.startswith(".") else spelt


def bold(words: str) -> str:
    """*words* as they are typed."""
    return rf"\fB{text(words)}\fR"


def heading(words: str) -> list[str]:
    """The head of a section."""
    return [f'.SH "{text(words)}"']


def subheading(words: str) -> list[str]:
    """The head of a part of a section."""
    return [f'.SS "{text(words)}"']


def paragraph(words: str) -> list[str]:
    """Filled lines."""
    return [".PP", *_filled(words)]


def item(tag: str, *words: str) -> list[str]:
    """*tag*, which is roff, with *words* indented below or beside it, each on a line of its own."""
    lines = [line for one in words if one for line in (".br", *_filled(one))]
    return [".TP", tag, *lines[1:]]


def verbatim(lines: Iterable[str]) -> list[str]:
    """*lines* as they are, indented."""
    return [".PP", ".RS 4", ".nf", *(text(line) or r"\&" for line in lines), ".fi", ".RE"]


def _filled(words: str) -> list[str]:
    lines = textwrap.wrap(words, _LINE, break_long_words=False, break_on_hyphens=False)
    return [text(line) for line in lines]
