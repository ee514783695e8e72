"""The JSON schemas of OCPP 1.6, read as data from the package `ocpp`, and how they are adapted for reading.

Importing that package would cost 70 ms and a JSON Schema library that nobody here needs.
"""

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["call", "result"]
"""A CALL, or the CALLRESULT that answers it."""

Schema = dict[str, Any]


@cache
def known_actions() -> frozenset[str]:
    """Every action of OCPP 1.6 and its security extension, served or not."""
    return frozenset(_files())


@cache
def schema_of(action: str, kind: Kind) -> Schema:
    """The schema of a message as it is; KeyError for an action that OCPP 1.6 does not have."""
    path = _files()[action]
    if kind == "result":
        path = path.with_stem(f"{action}Response")
    schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema


def inbound_schema(action: str, kind: Kind) -> Schema:
    """The schema of a message for reading one.

    Decimals have any number of digits, charging profiles the ranges of OCPP 1.6 §7.8, §7.13 and §7.14, and integers
    64 bits: the store has no room for more, and JSON has no bound of its own.
    """
    ranges = _PROFILE_RANGES if kind == "call" and action in _ACTIONS_WITH_PROFILE else {}
    return _bounded(adapted(schema_of(action, kind), without={"multipleOf"}, ranges=ranges))


def adapted(schema: Schema, *, without: set[str], ranges: Mapping[str, Schema] | None = None) -> Schema:
    """*schema* without some keywords, and with ranges for the properties of some names."""
    ranges = ranges or {}
    result: Schema = {}
    for keyword, value in schema.items():
        if keyword in without:
            continue
        if keyword in ("properties", "definitions"):
            result[keyword] = {
                name: adapted(member, without=without, ranges=ranges) | ranges.get(name, {})
                for name, member in value.items()
            }
        elif keyword == "items":
            result[keyword] = adapted(value, without=without, ranges=ranges)
        else:
            result[keyword] = value
    return result


def resolved(schema: Schema, root: Schema) -> Schema:
    """What *schema*, a part of *root*, refers to; itself where it is no reference."""
    if "$ref" not in schema:
        return schema
    definition: Schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    return definition


_PROFILE_RANGES: Mapping[str, Schema] = {
    "stackLevel": {"minimum": 0},
    "duration": {"minimum": 1},
    "minChargingRate": {"minimum": 0},
    "chargingSchedulePeriod": {"minItems": 1},
    "startPeriod": {"minimum": 0},
    "limit": {"minimum": 0},
    "numberPhases": {"minimum": 1, "maximum": 3},
}
_ACTIONS_WITH_PROFILE = frozenset({"SetChargingProfile", "RemoteStartTransaction"})


_INTEGERS = {"minimum": -(2**63), "maximum": 2**63 - 1}


def _bounded(schema: Schema) -> Schema:
    """*schema* in which every integer has bounds, its own where it has some."""
    if schema.get("type") == "integer":
        return _INTEGERS | schema
    return {
        keyword: {name: _bounded(member) for name, member in value.items()}
        if keyword in ("properties", "definitions")
        else _bounded(value)
        if keyword == "items"
        else value
        for keyword, value in schema.items()
    }


@cache
def _files() -> Mapping[str, Path]:
    package = importlib.util.find_spec("ocpp")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(
            "the package ocpp with the OCPP 1.6 schemas is not installed: pip install ocpp"
        )
    folder = Path(package.submodule_search_locations[0]) / "v16" / "schemas"
    return {path.stem: path for path in folder.glob("*.json") if not path.stem.endswith("Response")}
