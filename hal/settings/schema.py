"""What the types of the tables say about a value that does not fit them, in an installer's words."""

import re
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from hal.settings.mistakes import KeyPath, Mistake, at, closest, toml

_NOTHING: Final = object()


class Schema:
    """The tables of *document*, a msgspec type, as what may be written at each place of the file."""

    def __init__(self, document: type[msgspec.Struct]) -> None:
        self._document = document

    def mistake_of(self, error: msgspec.ValidationError, document: dict[str, Any]) -> Mistake:
        """The mistake that made the conversion of *document* fail, in the installer's words."""
        message, _, place = str(error).partition(" - at `$")
        path: KeyPath = tuple(
            int(index) if index else key for key, index in re.findall(r"\.([^.\[`]+)|\[(\d+)\]", place)
        )
        if found := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
            return self._unknown_key((*path, found[1]))
        if found := re.fullmatch(r"Object missing required field `(.*)`", message):
            key = found[1]
            allowed = _allowed(self._type_at((*path, key)))
            return Mistake((*path, key), "This key is required.", f"Add it: {allowed}.")
        return self._wrong_value(path, at(document, path))

    def mended(self, document: dict[str, Any], path: KeyPath) -> dict[str, Any] | None:
        """*document* with something allowed at *path*, so that the rest of it can be judged.

        Nothing is allowed where a default holds; a key that is required gets a value of its type. None where no
        such value is known.
        """
        if isinstance(self._type_at(path[:-1]), inspect.TupleType):
            return self.mended(document, path[:-1])
        if isinstance(path[-1], int):
            return None
        value = _value_of(self._type_at(path)) if self._is_required(path) else _NOTHING
        mended: dict[str, Any] | None = None if value is None else _put(document, path, value)
        return mended

    def allowed_at(self, path: KeyPath) -> str:
        """What may be written at *path*, in an installer's words."""
        return _allowed(self._type_at(path))

    def default_at(self, path: KeyPath) -> str | None:
        """What holds where nothing is written at *path*, as it would be written; None where that is no value."""
        table = self._type_at(path[:-1])
        assert isinstance(table, inspect.StructType)
        default = next(field.default for field in table.fields if field.encode_name == path[-1])
        is_none = default is None or default is msgspec.NODEFAULT
        return None if is_none else toml(str(default) if isinstance(default, Path) else default)

    def keys_at(self, path: KeyPath) -> tuple[str, ...]:
        """The keys of the table at *path*, tables of its own among them."""
        table = self._type_at(path)
        assert isinstance(table, inspect.StructType)
        return tuple(field.encode_name for field in table.fields)

    def _is_required(self, path: KeyPath) -> bool:
        table = self._type_at(path[:-1])
        if not isinstance(table, inspect.StructType):
            return False
        return any(field.encode_name == path[-1] and field.required for field in table.fields)

    def _unknown_key(self, path: KeyPath) -> Mistake:
        table = self._type_at(path[:-1])
        known = [field.encode_name for field in table.fields] if isinstance(table, inspect.StructType) else []
        meant = closest(str(path[-1]), known)
        remedy = f'Did you mean "{meant}"?' if meant else f"Known here: {', '.join(known)}."
        return Mistake(path, "This key is unknown.", remedy, show=False)

    def _wrong_value(self, path: KeyPath, value: object) -> Mistake:
        wanted = self._type_at(path)
        names = [str(one) for one in wanted.values] if isinstance(wanted, inspect.LiteralType) else []
        meant = closest(value, names) if isinstance(value, str) else None
        hint = f' Did you mean "{meant}"?' if meant else ""
        return Mistake(path, "This value is not allowed.", f"Allowed: {_allowed(wanted)}.{hint}")

    def _type_at(self, path: KeyPath) -> inspect.Type:
        here: inspect.Type = inspect.type_info(self._document)
        for step in path:
            here = _without_none(here)
            if isinstance(here, inspect.StructType):
                here = next(field.type for field in here.fields if field.encode_name == step)
            elif isinstance(here, inspect.VarTupleType):
                here = here.item_type
            elif isinstance(here, inspect.TupleType):
                here = here.item_types[int(step)]
        return _without_none(here)


def _value_of(wanted: inspect.Type) -> object:
    """Some value of this type; None where none is known."""
    match wanted:
        case inspect.IntType(ge=least):
            return least
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.StrType():
            return "x"
        case inspect.VarTupleType():
            return []
        case _:
            return None


def _put(document: Any, path: KeyPath, value: object) -> Any:
    """A copy of *document* with *value* at *path*."""
    step, rest = path[0], path[1:]
    if isinstance(document, list):
        return [_put(item, rest, value) if place == step else item for place, item in enumerate(document)]
    filled = {**document, step: _put(document[step], rest, value) if rest else value}
    return {key: one for key, one in filled.items() if one is not _NOTHING}


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
            return " or ".join(toml(value) for value in values)
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return "tables of their own, each under a heading in [[ ]]"
        case inspect.VarTupleType():
            return "a list of texts, not empty"
        case inspect.TupleType(item_types=items):
            return f"a list: {', then '.join(_allowed(item) for item in items)}"
        case inspect.StructType() | inspect.DictType():
            return "a table, under a heading in [ ]"
        case _:
            return "the path of a file, as text"
