"""Quick answers to "does this payload pass its schema": a yes is certain, a no is to be looked into.

A schema becomes a type of msgspec, which converts a payload of a thousand periods in a quarter of a millisecond;
a JSON Schema library takes a millisecond and more. What is wrong with a payload is not known here.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from cpd.ocpp.schemas import Schema, resolved

Judge = Callable[[object], bool]


def judge_of(schema: Schema, formats: Mapping[str, Callable[[str], bool]]) -> Judge:
    """A judge of payloads made of dict, list, str, int, Decimal, bool and None, as JSON is read into.

    Raises ValueError for a schema that says more than is understood here.
    """
    shape = _type_of(schema, schema, formats)

    def passes(payload: object) -> bool:
        try:
            msgspec.convert(payload, shape, dec_hook=_checked)
        except msgspec.ValidationError:
            return False
        return True

    return passes


class _Checked:
    """A type of values that a function takes; its one instance stands for whatever was taken."""

    takes: ClassVar[Callable[[object], bool]]
    taken: ClassVar["_Checked"]


_KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "additionalItems"},
    "string": {"enum", "maxLength", "format", "additionalProperties"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "multipleOf"},
    "boolean": set[str](),
}
_REMARKS = {"$schema", "$id", "title", "description", "javaType", "definitions", "type", "comment"}


def _type_of(schema: Schema, root: Schema, formats: Mapping[str, Callable[[str], bool]]) -> Any:
    schema = resolved(schema, root)
    kind = schema["type"]
    unknown = schema.keys() - _REMARKS - _KEYWORDS[kind]
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} of a JSON schema of type {kind} is not understood")
    match kind:
        case "object":
            return _object_type(schema, root, formats)
        case "array":
            items: Any = _type_of(schema["items"], root, formats)
            return Annotated[list[items], msgspec.Meta(min_length=schema.get("minItems"))]
        case "string":
            return _string_type(schema, formats)
        case "integer":
            bounds = msgspec.Meta(ge=schema.get("minimum"), le=schema.get("maximum"))
            return Annotated[int, bounds]
        case "number":
            return _number_type(schema.get("minimum"), schema.get("multipleOf"))
    return bool


def _object_type(schema: Schema, root: Schema, formats: Mapping[str, Callable[[str], bool]]) -> Any:
    required = schema.get("required", ())
    fields: list[Any] = []
    for name, member in schema.get("properties", {}).items():
        shape = _type_of(member, root, formats)
        fields.append((name, shape) if name in required else (name, shape, None))
    closed = schema.get("additionalProperties") is False
    return msgspec.defstruct("Payload", fields, kw_only=True, forbid_unknown_fields=closed, gc=False)


def _string_type(schema: Schema, formats: Mapping[str, Callable[[str], bool]]) -> Any:
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    longest = schema.get("maxLength")
    if "format" not in schema:
        return Annotated[str, msgspec.Meta(max_length=longest)]
    matches = formats[schema["format"]]
    return _checked_type(
        lambda value: isinstance(value, str) and (longest is None or len(value) <= longest) and matches(value)
    )


def _number_type(minimum: int | None, multiple_of: float | None) -> type[_Checked]:
    step = None if multiple_of is None else Decimal(str(multiple_of))
    if step is not None and step.as_tuple().digits != (1,):
        raise ValueError(f"multipleOf {multiple_of} of a JSON schema is no power of ten")

    def takes(value: Any) -> bool:
        # Compared by type, since a boolean is no number, and tenths cannot be told of a binary float.
        kind = type(value)
        if kind is not int and kind is not Decimal:
            return False
        try:
            if minimum is not None and value < minimum:
                return False
            # As many decimals as a power of ten has make a multiple of it: quicker to see than to compute.
            return step is None or (kind is Decimal and value.same_quantum(step)) or bool(value % step == 0)
        except ArithmeticError:
            return False

    return _checked_type(takes)


def _checked_type(takes: Callable[[Any], bool]) -> type[_Checked]:
    class Checked(_Checked):
        pass

    Checked.takes = staticmethod(takes)
    Checked.taken = Checked()
    return Checked


def _checked(shape: type[_Checked], value: object) -> _Checked:
    """A hook of msgspec: an instance of *shape*, or ValueError."""
    if shape.takes(value):
        return shape.taken
    raise ValueError
