"""Frozen dataclasses as JSON and back, by their annotations alone.

A coder is made once for each type. What it cannot make sense of it refuses: nothing is guessed, nothing left over.
One of several dataclasses goes as a pair of its class name and its fields.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import isnan
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hal.errors import HalError

T = TypeVar("T")


class WireError(HalError):
    """What came over the wire is none of its messages."""


@dataclass(frozen=True, slots=True)
class Coder:
    """Turns a value of one type into what JSON can hold, and back; *decode* raises `WireError`."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def encode_line(kind: Any, value: object) -> bytes:
    """*value*, of type *kind*, as one line."""
    return json.dumps(coder(kind).encode(value), separators=(",", ":")).encode() + b"\n"


def decode_line(kind: Any, line: bytes) -> Any:
    """The value of type *kind* in *line*. Raises `WireError`."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {line[:40]!r}") from error
    return coder(kind).decode(document)


@cache
def coder(kind: Any) -> Coder:
    """The coder of *kind*: a dataclass, an enumeration, a plain type, a homogeneous tuple, or a choice of these."""
    if isinstance(kind, UnionType):
        return _choice(get_args(kind))
    if get_origin(kind) is tuple:
        return _sequence(coder(get_args(kind)[0]))
    if kind in _PLAIN:
        return _plain(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enumeration(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _record(kind)
    raise TypeError(f"{kind!r} has no form on the wire")


_PLAIN: dict[Any, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    NoneType: (NoneType,),
}


def _plain(kind: type) -> Coder:
    accepted = _PLAIN[kind]

    def decode(document: Any) -> Any:
        if type(document) not in accepted:
            raise WireError(f"{document!r:.40} is no {kind.__name__}")
        if kind is not float:
            return document
        try:
            value = float(document)
        except OverflowError as error:
            raise WireError(f"{document!r:.40} is too large") from error
        if isnan(value):
            raise WireError("a number that is none")
        return value

    return Coder(lambda value: value, decode)


def _enumeration(kind: type[StrEnum]) -> Coder:
    def decode(document: Any) -> StrEnum:
        if not isinstance(document, str):
            raise WireError(f"{document!r:.40} is no {kind.__name__}")
        try:
            return kind(document)
        except ValueError as error:
            raise WireError(f"{document!r:.40} is no {kind.__name__}") from error

    return Coder(lambda value: value.value, decode)


def _sequence(entries: Coder) -> Coder:
    def decode(document: Any) -> tuple[Any, ...]:
        if not isinstance(document, list):
            raise WireError(f"{document!r:.40} is no list")
        return tuple(entries.decode(entry) for entry in document)

    return Coder(lambda values: [entries.encode(value) for value in values], decode)


def _record(kind: type) -> Coder:
    hints = get_type_hints(kind)
    fields = {field.name: coder(hints[field.name]) for field in dataclasses.fields(kind)}

    def encode(value: Any) -> dict[str, Any]:
        return {name: field.encode(getattr(value, name)) for name, field in fields.items()}

    def decode(document: Any) -> Any:
        if not isinstance(document, dict) or document.keys() != fields.keys():
            raise WireError(f"{kind.__name__} has the fields {', '.join(fields)}, not {document!r:.80}")
        values = {name: field.decode(document[name]) for name, field in fields.items()}
        try:
            return kind(**values)
        except ValueError as error:
            raise WireError(f"{kind.__name__}: {error}") from error

    return Coder(encode, decode)


def _choice(kinds: tuple[Any, ...]) -> Coder:
    """One of *kinds*: dataclasses by name, where there are several; at most one other kind, and None."""
    records: dict[str, Any] = {
        kind.__name__: kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    }
    others = [kind for kind in kinds if kind is not NoneType and kind not in records.values()]
    named = len(records) > 1
    if not named:
        others += records.values()
    if len(others) > (0 if named else 1):
        raise TypeError(f"{kinds!r} cannot be told from each other on the wire")
    is_optional = NoneType in kinds

    def encode(value: Any) -> Any:
        if value is None and is_optional:
            return None
        if named:
            name = type(value).__name__
            return [name, coder(records[name]).encode(value)]
        return coder(others[0]).encode(value)

    def decode(document: Any) -> Any:
        if document is None and is_optional:
            return None
        if not named:
            return coder(others[0]).decode(document)
        match document:
            case [str(name), fields] if name in records:
                return coder(records[name]).decode(fields)
        raise WireError(f"{document!r:.80} is none of {', '.join(records)}")

    return Coder(encode, decode)
