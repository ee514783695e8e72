"""What is said about a mistake in the configuration file: where it is, what is written, what may be.

Texts are for the terminal of a telephone: lines of at most 40 columns, longer only where one word is longer.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from textwrap import fill
from typing import Any, Final

import msgspec
from msgspec import inspect

from cpd.settings.tables import SECRET_KEYS, Document

KeyPath = tuple[str | int, ...]
"""Keys and, in arrays, indexes from 0: ``("connector", 1, "phases")``."""

WIDTH = 40

_NOTHING: Final = object()


class Mistake(Exception):
    """A mistake at *path*; *problem* and *remedy* are sentences. *show* is False where the value may be a secret."""

    def __init__(self, path: KeyPath, problem: str, remedy: str, *, show: bool = True) -> None:
        super().__init__(path, problem, remedy)
        self.path = path
        self.problem = problem
        self.remedy = remedy
        self.show = show and not SECRET_KEYS.intersection(str(step).casefold() for step in path)


def described(mistake: Mistake, *, file: str, text: str, document: dict[str, Any]) -> str:
    """The whole text about *mistake* in *file*, whose content is *text* and, parsed, *document*."""
    line = line_of(text, mistake.path)
    place = file if line is None else f"{file} line {line}:"
    key = _dotted(mistake.path)
    if _has(document, mistake.path):
        key = f"{key} = {_toml(_at(document, mistake.path)) if mistake.show else '(not shown)'}"
    return _wrapped(place, key, mistake.problem, mistake.remedy)


def described_syntax(error: tomllib.TOMLDecodeError, *, file: str) -> str:
    """The whole text about a file that is not TOML; the parser tells the line."""
    return _wrapped(f"{file}:", f"This is not TOML: {error}.", "Correct that line; see https://toml.io.")


def described_file(problem: str, *, file: str) -> str:
    """The whole text about a file that cannot be read."""
    return _wrapped(f"{file}:", problem, "Name the file with --config or CPD_CONFIG.")


def mistake_of(error: msgspec.ValidationError, document: dict[str, Any]) -> Mistake:
    """The mistake that made the conversion of *document* to `Document` fail, in the installer's words."""
    message, _, place = str(error).partition(" - at `$")
    path: KeyPath = tuple(
        int(index) if index else key for key, index in re.findall(r"\.([^.\[`]+)|\[(\d+)\]", place)
    )
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
        return _unknown_key((*path, found[1]))
    if found := re.fullmatch(r"Object missing required field `(.*)`", message):
        key = found[1]
        allowed = _allowed(_type_at((*path, key)))
        return Mistake((*path, key), "This key is required.", f"Add it: {allowed}.")
    return _wrong_value(path, _at(document, path))


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
    length = next(size for size in range(len(path), -1, -1) if _has(tomllib.loads(text), path[:size]))
    if length == 0:
        return None
    lines = text.split("\n")
    begin = 1
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(document, path[:length]):
            return begin
        begin = end + 1
    return None


def mended(document: dict[str, Any], path: KeyPath) -> dict[str, Any] | None:
    """*document* with something allowed at *path*, so that the rest of it can be judged; None where nothing is known.

    Nothing is allowed where a default holds; a key that is required gets a value of its type.
    """
    if isinstance(path[-1], int):
        return None
    value = _value_of(_type_at(path)) if _is_required(path) else _NOTHING
    mended: dict[str, Any] | None = None if value is None else _put(document, path, value)
    return mended


def _value_of(wanted: inspect.Type) -> object:
    """Some value of this type; None where none is known."""
    match wanted:
        case inspect.IntType(ge=least):
            return least
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.StrType():
            return "x"
        case _:
            return None


def _put(document: Any, path: KeyPath, value: object) -> Any:
    """A copy of *document* with *value* at *path*."""
    step, rest = path[0], path[1:]
    if isinstance(document, list):
        return [_put(item, rest, value) if place == step else item for place, item in enumerate(document)]
    filled = {**document, step: _put(document[step], rest, value) if rest else value}
    return {key: one for key, one in filled.items() if one is not _NOTHING}


def _is_required(path: KeyPath) -> bool:
    table = _type_at(path[:-1])
    if not isinstance(table, inspect.StructType):
        return False
    return any(field.encode_name == path[-1] and field.required for field in table.fields)


def _at(document: Any, path: KeyPath) -> Any:
    for step in path:
        document = document[step]
    return document


def _has(document: Any, path: KeyPath) -> bool:
    try:
        _at(document, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _unknown_key(path: KeyPath) -> Mistake:
    table = _type_at(path[:-1])
    known = [field.encode_name for field in table.fields] if isinstance(table, inspect.StructType) else []
    meant = closest(str(path[-1]), known)
    remedy = f'Did you mean "{meant}"?' if meant else f"Known here: {', '.join(known)}."
    return Mistake(path, "This key is unknown.", remedy, show=False)


def _wrong_value(path: KeyPath, value: object) -> Mistake:
    wanted = _type_at(path)
    names = [str(one) for one in wanted.values] if isinstance(wanted, inspect.LiteralType) else []
    meant = closest(value, names) if isinstance(value, str) else None
    hint = f' Did you mean "{meant}"?' if meant else ""
    return Mistake(path, "This value is not allowed.", f"Allowed: {_allowed(wanted)}.{hint}")


def _type_at(path: KeyPath) -> inspect.Type:
    here: inspect.Type = inspect.type_info(Document)
    for step in path:
        here = _without_none(here)
        if isinstance(here, inspect.StructType):
            here = next(field.type for field in here.fields if field.encode_name == step)
        elif isinstance(here, inspect.VarTupleType):
            here = here.item_type
    return _without_none(here)


def _without_none(here: inspect.Type) -> inspect.Type:
    if isinstance(here, inspect.UnionType):
        return next(one for one in here.types if not isinstance(one, inspect.NoneType))
    return here


def _allowed(here: inspect.Type) -> str:
    match here:
        case inspect.IntType(ge=least, le=most):
            return f"a whole number, {least} … {most}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number, {least} … {most}"
        case inspect.StrType(min_length=None, max_length=int(most)):
            return f"text of at most {most} characters"
        case inspect.StrType(max_length=int(most)):
            return f"text of 1 … {most} characters"
        case inspect.StrType():
            return "text of at least 1 character"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return " or ".join(_toml(value) for value in values)
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return "tables of their own, each under a heading in [[ ]]"
        case inspect.VarTupleType():
            return "a list of texts, not empty"
        case inspect.StructType() | inspect.DictType():
            return "a table, under a heading in [ ]"
        case _:
            return "the path of a file, as text"


def _dotted(path: KeyPath) -> str:
    # Installers count from 1, and connectors are numbered so.
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(
        "."
    )


def _toml(value: Any) -> str:
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


def _wrapped(*paragraphs: str) -> str:
    return "\n".join(
        fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False) for paragraph in paragraphs
    )
