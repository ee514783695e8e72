"""What is said about a mistake in the configuration file: where it is, what is written, what may be.

Texts are for the terminal of a telephone: lines of at most 40 columns, longer only where one word is longer.
"""

import json
import tomllib
from collections.abc import Collection, Iterable
from textwrap import fill
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and, in arrays, indexes from 0: ``("connector", 1, "phases")``."""

WIDTH = 40


class Mistake(Exception):
    """A mistake at *path*; *problem* and *remedy* are sentences. *show* is False where the value may be a secret."""

    def __init__(self, path: KeyPath, problem: str, remedy: str, *, show: bool = True) -> None:
        super().__init__(path, problem, remedy)
        self.path = path
        self.problem = problem
        self.remedy = remedy
        self.show = show


def described(
    mistake: Mistake, *, file: str, text: str, document: dict[str, Any], secret_keys: Collection[str]
) -> str:
    """The whole text about *mistake* in *file*, whose content is *text* and, parsed, *document*.

    Values below *secret_keys* (casefolded) are not in it.
    """
    line = line_of(text, mistake.path)
    place = file if line is None else f"{file} line {line}:"
    key = _dotted(mistake.path)
    if has(document, mistake.path):
        show = mistake.show and not any(str(step).casefold() in secret_keys for step in mistake.path)
        key = f"{key} = {toml(at(document, mistake.path)) if show else '(not shown)'}"
    return _wrapped(place, key, mistake.problem, mistake.remedy)


def described_syntax(error: tomllib.TOMLDecodeError, *, file: str) -> str:
    """The whole text about a file that is not TOML; the parser tells the line."""
    return _wrapped(f"{file}:", f"This is not TOML: {error}.", "Correct that line; see https://toml.io.")


def described_file(problem: str, *, file: str) -> str:
    """The whole text about a file that cannot be read."""
    return _wrapped(f"{file}:", problem, "Name the file with --config or CPD_CONFIG.")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of *known* that *word* may have been meant to be."""
    # Most configurations have no mistakes.
    from difflib import get_close_matches

    spellings = {name.casefold(): name for name in known}
    matches = get_close_matches(word.casefold(), spellings, n=1)
    return spellings[matches[0]] if matches else None


def line_of(text: str, path: KeyPath) -> int | None:
    """The line, from 1, of the statement that brings the longest part of *path* that *text* has; None for none.

    `tomllib` tells no lines, so it is asked instead: a file cut off after a whole statement is valid TOML, one cut
    off within a statement is not. The first prefix that has the path ends with its statement, which begins where
    the prefix before it ended. That needs no second TOML grammar, and its cost only matters when a start fails.
    """
    length = next(size for size in range(len(path), -1, -1) if has(tomllib.loads(text), path[:size]))
    if length == 0:
        return None
    lines = text.split("\n")
    begin = 1
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if has(document, path[:length]):
            return begin
        begin = end + 1
    return None


def at(document: Any, path: KeyPath) -> Any:
    """The value at *path*; raises what its steps raise where there is none."""
    for step in path:
        document = document[step]
    return document


def has(document: Any, path: KeyPath) -> bool:
    """Whether *document* has something at *path*."""
    try:
        at(document, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def toml(value: Any) -> str:
    """*value* as it is written in the file, shortened."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value if len(value) <= 60 else f"{value[:59]}…", ensure_ascii=False)
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(value)


def _dotted(path: KeyPath) -> str:
    # Installers count from 1, and connectors are numbered so.
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(
        "."
    )


def _wrapped(*paragraphs: str) -> str:
    return "\n".join(
        fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False) for paragraph in paragraphs
    )
