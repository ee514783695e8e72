"""Finding a personality by the name that somebody typed."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


class UnknownName(ValueError):
    """There is nothing of that name; the text says so, and what was perhaps meant."""


def find(name: str, table: Mapping[str, T], *, prefixes: tuple[str, ...], what: str) -> T:
    """The entry of *table* called *name*, with one of its *prefixes* or without, in any case.

    Raises UnknownName, in which *what* says what was looked for.
    """
    wanted = name.casefold()
    for spelt in (wanted, *(prefix + wanted for prefix in prefixes)):
        if spelt in table:
            return table[spelt]
    without = {
        key.removeprefix(prefix): key for key in table for prefix in prefixes if key.startswith(prefix)
    }
    near = difflib.get_close_matches(wanted, [*table, *without], n=1, cutoff=0.5)
    hint = f"did you mean {without.get(near[0], near[0])!r}?" if near else "cpd demo --list names all"
    raise UnknownName(f"there is no {what} {name!r}; {hint}")
