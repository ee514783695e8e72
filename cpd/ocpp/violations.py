"""The first rule of a schema that a payload breaks, and the words for it. Loaded once something is wrong.

What follows from a broken rule is not known here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import fastjsonschema

from cpd.ocpp.schemas import Schema, adapted, resolved

Formats = Mapping[str, Callable[[str], bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """*rule* is the keyword of the schema; *sentence* says what is wrong, where, and what is allowed."""

    rule: str
    sentence: str
    of_payload: bool
    """Whether it is the payload as a whole, and no member of it, that is wrong."""


def finder_of(schema: Schema, formats: Formats) -> Callable[[object], Violation | None]:
    """Finds the first rule of *schema* that a payload breaks, None where it breaks none.

    Takes some milliseconds to make.
    """
    # fastjsonschema fails on a Decimal at multipleOf, which is looked at afterwards.
    validate = fastjsonschema.compile(
        adapted(schema, without={"multipleOf"}), formats=dict(formats), use_default=False
    )
    steps = tuple(_steps_in(schema))

    def first(payload: object) -> Violation | None:
        try:
            validate(payload)
        except fastjsonschema.JsonSchemaValueException as error:
            return Violation(rule=str(error.rule), sentence=_sentence(error), of_payload=error.name == "data")
        for path, step in steps:
            for value in _values_at(path, payload):
                if not _is_multiple(value, step):
                    words = f"{'.'.join(path)} is {value!r}, no multiple of {step}"
                    return Violation(rule="multipleOf", sentence=words, of_payload=False)
        return None

    return first


def unknown_members(schema: Schema, payload: object) -> Iterator[str]:
    """Where *payload* has members that *schema* does not know, as ``list[].member``."""
    yield from _unknown_members(schema, schema, payload, "")


_Path = tuple[str, ...]

_EACH = "[]"


def _sentence(error: fastjsonschema.JsonSchemaValueException) -> str:
    path = str(error.name).removeprefix("data").removeprefix(".")
    rule, allowed, value = error.rule, error.rule_definition, error.value
    if rule in ("required", "additionalProperties"):
        if rule == "required":
            names, complaint = [name for name in allowed if name not in value], "missing"
        else:
            names, complaint = sorted(set(value) - set(error.definition.get("properties", ()))), "unknown"
        return f"{f'{path}.' if path else ''}{names[0]} is {complaint}"
    match rule:
        case "type":
            wanted = f"must be of type {allowed}"
        case "enum":
            wanted = f"must be one of {', '.join(allowed)}"
        case "maxLength":
            wanted = f"has {len(value)} characters, at most {allowed} are allowed"
        case "minItems":
            wanted = f"has {len(value)} entries, at least {allowed} needed"
        case "minimum" | "maximum":
            wanted = f"is {value}, it must be at {'least' if rule == 'minimum' else 'most'} {allowed}"
        case _:
            wanted = f"{str(value)[:40]!r} is no {allowed}"
    return f"{path or 'payload'} {wanted}"


def _unknown_members(root: Schema, schema: Schema, value: object, path: str) -> Iterator[str]:
    schema = resolved(schema, root)
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from _unknown_members(root, schema["items"], item, f"{path}[]")
    elif isinstance(value, dict):
        known = schema.get("properties", {})
        for name, member in value.items():
            member_path = f"{path}.{name}" if path else name
            if name in known:
                yield from _unknown_members(root, known[name], member, member_path)
            elif schema.get("additionalProperties") is False:
                yield member_path


def _steps_in(schema: Schema, path: _Path = ()) -> Iterator[tuple[_Path, Decimal]]:
    """Where *schema* has a multipleOf, and of what; the schemas that have one are without $ref."""
    if "multipleOf" in schema:
        yield path, Decimal(str(schema["multipleOf"]))
    for name, member in schema.get("properties", {}).items():
        yield from _steps_in(member, (*path, name))
    if "items" in schema:
        yield from _steps_in(schema["items"], (*path, _EACH))


def _values_at(path: _Path, value: Any) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] is _EACH:
        for item in value:
            yield from _values_at(path[1:], item)
    elif path[0] in value:
        yield from _values_at(path[1:], value[path[0]])


def _is_multiple(value: object, step: Decimal) -> bool:
    """False for binary floats as well: 8.1 is no multiple of 0.1 to them."""
    try:
        return isinstance(value, int | Decimal) and value % step == 0
    except ArithmeticError:
        return False
