"""What the meters of one family say, and in which registers: read from the data files beside this module.

A new meter is one more file, or one more row in one. Its numbers are facts of the meter; how they are asked for and
whether they are believed is not decided here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hal.errors import DeviceUnavailable

FILES = Path(__file__).parent / "families"

MAX_REGISTERS = 125
"""What one request can ask for, Modbus application protocol §6.3, §6.4."""


class FamilyWrong(Exception):
    """A data file is not what this module reads; a mistake of whoever wrote it."""


class Quantity(StrEnum):
    """What a meter measures; those of a phase have one address for each."""

    VOLTAGE = "voltage"
    CURRENT = "current"
    PHASE_POWER = "phase_power"
    POWER = "power"
    REACTIVE = "reactive"
    POWER_FACTOR = "power_factor"
    FREQUENCY = "frequency"
    ENERGY = "energy"

    @property
    def by_phase(self) -> bool:
        """True for what is measured in each phase."""
        return self in (Quantity.VOLTAGE, Quantity.CURRENT, Quantity.PHASE_POWER)


class NumberType(StrEnum):
    """How a number lies in registers of 16 bits."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"

    @property
    def registers(self) -> int:
        """How many registers it fills."""
        return int(self.value[1:]) // 16


class WordOrder(StrEnum):
    """Which of a number's registers comes first: the one with its highest bits (BIG), or with its lowest."""

    BIG = "big"
    LITTLE = "little"


UNITS: Mapping[Quantity, Mapping[str, int]] = MappingProxyType(
    {
        Quantity.VOLTAGE: {"V": 1_000},
        Quantity.CURRENT: {"A": 1_000},
        Quantity.PHASE_POWER: {"W": 1, "kW": 1_000},
        Quantity.POWER: {"W": 1, "kW": 1_000},
        Quantity.REACTIVE: {"var": 1, "kvar": 1_000},
        Quantity.POWER_FACTOR: {"1": 1_000},
        Quantity.FREQUENCY: {"Hz": 1_000},
        Quantity.ENERGY: {"Wh": 1, "kWh": 1_000},
    }
)
"""How many mV, mA, W, var, permille, mHz and Wh the units of a data file are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where a quantity is. What stands there is *factor* / *divisor* of the unit of `hal.values.MeterReading`."""

    addresses: tuple[int, ...]
    type: NumberType
    factor: int
    divisor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """*count* registers from *address* on, which the meter gives in one reply."""

    address: int
    count: int

    def holds(self, address: int, registers: int) -> bool:
        """True where the *registers* from *address* on are all in it."""
        return self.address <= address and address + registers <= self.address + self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One product of a family; *baudrate* is what it leaves the factory with."""

    name: str
    title: str
    baudrate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Meters that answer alike.

    *function* 3 reads holding registers, 4 input registers. No two of the *blocks* are of one length, so that the
    late reply to another request is told by its own. *alternative* is the model to try where this one's registers
    are refused.
    """

    function: int
    word_order: WordOrder
    phases: int
    fields: Mapping[Quantity, Field]
    blocks: tuple[Block, ...]
    alternative: str | None
    models: tuple[Model, ...]

    def model(self, name: str) -> Model:
        """The product of that name."""
        return next(model for model in self.models if model.name == name)


def models() -> tuple[str, ...]:
    """The names of all meters that can be configured."""
    return tuple(sorted(_families()))


def family_of(model: str) -> Family:
    """The family of *model*, upper or lower case. Raises DeviceUnavailable, which names the nearest."""
    known = _families()
    if model.lower() in known:
        return known[model.lower()]
    near = get_close_matches(model.lower(), known, n=1)
    step = f'Did you mean "{near[0]}"? Known: ' if near else "Known: "
    raise DeviceUnavailable(f"meter model {model!r}", "no such meter is known", step + ", ".join(models()))


def read_family(text: str, name: str) -> Family:
    """The family that the data file *text* describes. Raises FamilyWrong, which says *name* and what is wrong."""
    try:
        return _family(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise FamilyWrong(f"{name}: {error!r}") from error


@cache
def _families() -> Mapping[str, Family]:
    found: dict[str, Family] = {}
    for file in sorted(FILES.glob("*.toml")):
        family = read_family(file.read_text(encoding="utf-8"), file.name)
        for model in family.models:
            if model.name in found:
                raise FamilyWrong(f"{file.name}: {model.name} is in another file already")
            found[model.name] = family
    return MappingProxyType(found)


def _family(document: dict[str, Any]) -> Family:
    quantities = {Quantity(key) for key in document if key in set(Quantity)}
    unknown = (
        document.keys() - quantities - {"function", "word_order", "phases", "reads", "models", "alternative"}
    )
    if unknown:
        raise ValueError(f"unknown keys: {sorted(unknown)}")
    family = Family(
        function=document["function"],
        word_order=WordOrder(document["word_order"]),
        phases=document["phases"],
        fields=MappingProxyType({key: _field(key, document[key]) for key in Quantity if key in quantities}),
        blocks=tuple(Block(address=address, count=count) for address, count in document["reads"]),
        alternative=document.get("alternative"),
        models=tuple(Model(name=name, **facts) for name, facts in document["models"].items()),
    )
    _check(family)
    return family


def _field(quantity: Quantity, row: dict[str, Any]) -> Field:
    unknown = row.keys() - {"addresses", "type", "unit", "divisor"}
    if unknown:
        raise ValueError(f"unknown keys in {quantity}: {sorted(unknown)}")
    return Field(
        addresses=tuple(row["addresses"]),
        type=NumberType(row["type"]),
        factor=UNITS[quantity][row["unit"]],
        divisor=row.get("divisor", 1),
    )


def _check(family: Family) -> None:
    if family.function not in (3, 4):
        raise ValueError(f"function {family.function} is neither 3 nor 4")
    if family.phases not in (1, 3):
        raise ValueError(f"phases {family.phases} is neither 1 nor 3")
    if Quantity.ENERGY not in family.fields or not family.models:
        raise ValueError("a meter without energy, or without a name")
    if not {Quantity.POWER, Quantity.PHASE_POWER} & family.fields.keys():
        raise ValueError("a meter without power")
    counts = [block.count for block in family.blocks]
    if len(set(counts)) < len(counts):
        raise ValueError(f"two reads of one length: {counts}")
    if not all(1 <= count <= MAX_REGISTERS for count in counts):
        raise ValueError(f"a read of more than {MAX_REGISTERS} registers: {counts}")
    for quantity, field in family.fields.items():
        if len(field.addresses) != (family.phases if quantity.by_phase else 1):
            raise ValueError(f"{quantity} has {len(field.addresses)} addresses")
        if field.divisor < 1:
            raise ValueError(f"{quantity} has the divisor {field.divisor}")
        for address in field.addresses:
            if not any(block.holds(address, field.type.registers) for block in family.blocks):
                raise ValueError(f"{quantity} at {address:#06x} is not within one read")
