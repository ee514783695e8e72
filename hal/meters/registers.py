"""From the registers of a meter to numbers with units: pure, and exact until the last rounding.

What a meter does not know is None, never 0.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from hal.meters.family import Block, Family, Field, NumberType, Quantity, WordOrder

_FORMATS: Mapping[NumberType, str] = MappingProxyType(
    {
        NumberType.U16: ">H",
        NumberType.I16: ">h",
        NumberType.U32: ">I",
        NumberType.I32: ">i",
        NumberType.U64: ">Q",
        NumberType.I64: ">q",
        NumberType.F32: ">f",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the registers of one moment say, in the units of `hal.values.MeterReading`."""

    energy_wh: int | None
    power_w: int | None
    current_ma: tuple[int, ...] | None
    voltage_mv: tuple[int, ...] | None
    phase_power_w: tuple[int, ...] | None
    reactive_var: int | None
    power_factor_permille: int | None
    frequency_mhz: int | None


def number(words: Sequence[int], kind: NumberType, order: WordOrder) -> int | float | None:
    """The number that stands in *words*; None where it means "not available".

    That is NaN or infinite, all ones without a sign, and the highest or lowest number with one (0x7F…, 0x80…).
    """
    highest_first = words if order is WordOrder.BIG else tuple(reversed(words))
    value: int | float
    (value,) = struct.unpack(_FORMATS[kind], struct.pack(f">{len(words)}H", *highest_first))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    bits = 16 * len(words)
    if kind.value.startswith("u"):
        return None if value == 2**bits - 1 else value
    return None if value in (2 ** (bits - 1) - 1, -(2 ** (bits - 1))) else value


def measurement(family: Family, replies: Mapping[Block, Sequence[int]], phases: int) -> Measurement:
    """What *replies*, the registers of each of the family's blocks, say of the first *phases* phases.

    Energy is rounded down, the rest to the nearest. Current has no direction. Where there is no total power,
    it is the sum of these phases.
    """

    def values(quantity: Quantity) -> tuple[Fraction, ...] | None:
        field = family.fields.get(quantity)
        if field is None:
            return None
        return _values(replace(field, addresses=field.addresses[:phases]), family.word_order, replies)

    def by_phase(quantity: Quantity) -> tuple[int, ...] | None:
        found = values(quantity)
        return None if found is None else tuple(round(value) for value in found)

    def single(quantity: Quantity) -> int | None:
        found = values(quantity)
        return None if found is None else round(found[0])

    energy = values(Quantity.ENERGY)
    power = values(Quantity.POWER if Quantity.POWER in family.fields else Quantity.PHASE_POWER)
    current_ma = by_phase(Quantity.CURRENT)
    factor = single(Quantity.POWER_FACTOR)
    return Measurement(
        energy_wh=None if energy is None else math.floor(energy[0]),
        power_w=None if power is None else round(sum(power)),
        current_ma=None if current_ma is None else tuple(abs(one) for one in current_ma),
        voltage_mv=by_phase(Quantity.VOLTAGE),
        phase_power_w=by_phase(Quantity.PHASE_POWER),
        reactive_var=single(Quantity.REACTIVE),
        power_factor_permille=None if factor is None else abs(factor),
        frequency_mhz=single(Quantity.FREQUENCY),
    )


def _values(
    field: Field, order: WordOrder, replies: Mapping[Block, Sequence[int]]
) -> tuple[Fraction, ...] | None:
    found = []
    for address in field.addresses:
        raw = number(_words(address, field.type.registers, replies), field.type, order)
        if raw is None:
            return None
        found.append(Fraction(raw) * field.factor / field.divisor)
    return tuple(found)


def _words(address: int, registers: int, replies: Mapping[Block, Sequence[int]]) -> Sequence[int]:
    block = next(block for block in replies if block.holds(address, registers))
    start = address - block.address
    return replies[block][start : start + registers]
