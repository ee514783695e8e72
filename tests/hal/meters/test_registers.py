"""Registers to numbers with units: the bytes here were worked out by hand from the tables of the manuals."""

import struct

import pytest

from hal.meters.family import Block, NumberType, WordOrder, family_of
from hal.meters.registers import Measurement, measurement, number

BIG, LITTLE = WordOrder.BIG, WordOrder.LITTLE


def words(text: str) -> tuple[int, ...]:
    """Registers as they are on the wire, in hexadecimal."""
    data = bytes.fromhex(text)
    return struct.unpack(f">{len(data) // 2}H", data)


@pytest.mark.parametrize(
    ("text", "kind", "order", "value"),
    [
        ("08FD", "u16", BIG, 2301),
        ("FF38", "i16", BIG, -200),
        ("0001 86A0", "u32", BIG, 100_000),
        ("86A0 0001", "u32", LITTLE, 100_000),
        ("FFFF FF38", "i32", BIG, -200),
        ("FF38 FFFF", "i32", LITTLE, -200),
        ("0000 0001 0000 0002", "u64", BIG, 2**32 + 2),
        ("0002 0000 0001 0000", "u64", LITTLE, 2**32 + 2),
        ("FFFF FFFF FFFF FFFE", "i64", BIG, -2),
        ("4366 8000", "f32", BIG, 230.5),
        ("8000 4366", "f32", LITTLE, 230.5),
        ("0000 0000", "f32", BIG, 0.0),
    ],
)
def test_a_number_is_read_from_its_registers(text: str, kind: str, order: WordOrder, value: float) -> None:
    assert number(words(text), NumberType(kind), order) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FFFF", "u16"),
        ("7FFF", "i16"),
        ("8000", "i16"),
        ("FFFF FFFF", "u32"),
        ("7FFF FFFF", "i32"),
        ("8000 0000", "i32"),
        ("FFFF FFFF FFFF FFFF", "u64"),
        ("7FFF FFFF FFFF FFFF", "i64"),
        ("8000 0000 0000 0000", "i64"),
        ("7FC0 0000", "f32"),
        ("FFC0 0000", "f32"),
        ("7F80 0000", "f32"),
        ("FF80 0000", "f32"),
    ],
)
def test_what_is_not_available_is_none_and_not_zero(text: str, kind: str) -> None:
    assert number(words(text), NumberType(kind), BIG) is None


def sdm630(**overwritten: str) -> Measurement:
    """230.5, 231, 229.5 V; 16, 15.5, 6 A; 3688, 3580.5, 1377 W; 8645.5 W, -120 var, 0.998, 50 Hz, 12345.678 kWh."""
    first = "43668000 43670000 43658000 41800000 41780000 40C00000 45668000 455FC800 44AC2000"
    second = (
        "46071600 00000000 00000000 00000000 C2F00000 BF7F7CEE 00000000 00000000 00000000 42480000 4640E6B6"
    )
    replies = {
        Block(address=0x00, count=18): words(overwritten.get("first", first)),
        Block(address=0x34, count=22): words(overwritten.get("second", second)),
    }
    return measurement(family_of("sdm630"), replies, 3)


def test_floats_have_their_units_and_energy_is_rounded_down() -> None:
    assert sdm630() == Measurement(
        energy_wh=12_345_677,
        power_w=8_646,
        current_ma=(16_000, 15_500, 6_000),
        voltage_mv=(230_500, 231_000, 229_500),
        phase_power_w=(3_688, 3_580, 1_377),
        reactive_var=-120,
        power_factor_permille=998,
        frequency_mhz=50_000,
    )


def test_one_phase_that_is_not_available_leaves_no_half_tuple() -> None:
    dead = "43668000 43670000 7FC00000 41800000 41780000 40C00000 45668000 455FC800 44AC2000"
    assert sdm630(first=dead).voltage_mv is None
    assert sdm630(first=dead).current_ma == (16_000, 15_500, 6_000)


def test_a_single_phase_meter_has_one_entry_for_each() -> None:
    replies = {
        Block(address=0x00, count=14): words(
            "43668000" + "00000000" * 2 + "41800000" + "00000000" * 2 + "45668000"
        ),
        Block(address=0x18, count=8): words("C2F00000" + "00000000" * 2 + "3F800000"),
        Block(address=0x46, count=4): words("42480000 4640E6B6"),
    }
    measured = measurement(family_of("sdm120"), replies, 3)
    assert (measured.voltage_mv, measured.current_ma, measured.power_w) == ((230_500,), (16_000,), 3_688)
    assert (measured.reactive_var, measured.power_factor_permille) == (-120, 1_000)
    assert (measured.frequency_mhz, measured.energy_wh) == (50_000, 12_345_677)
    assert measured.phase_power_w is None


def test_integers_low_word_first_have_their_divisors_and_power_is_the_sum_of_the_phases() -> None:
    replies = {
        Block(address=0x00, count=6): words("08FD0000 09060000 08F70000"),
        Block(address=0x0C, count=10): words("3E800000 3C8C0000 C180FFFF 8F3C0000 8B880000"),
        Block(address=0x16, count=4): words("FF9CFFFF 00000000"),
        Block(address=0x33, count=3): words("01F4 E2400001"),
    }
    assert measurement(family_of("em340"), replies, 3) == Measurement(
        energy_wh=12_345_600,
        power_w=7_229,
        current_ma=(16_000, 15_500, 16_000),
        voltage_mv=(230_100, 231_000, 229_500),
        phase_power_w=(3_667, 3_572, -10),
        reactive_var=None,
        power_factor_permille=None,
        frequency_mhz=50_000,
    )


def test_without_a_total_the_power_is_the_sum_of_the_wired_phases() -> None:
    replies = {
        Block(address=0x00, count=6): words("08FD0000 FFFF7FFF FFFF7FFF"),
        Block(address=0x0C, count=10): words("3E800000 FFFF7FFF FFFF7FFF 8F3C0000 FFFF7FFF"),
        Block(address=0x16, count=4): words("FFFF7FFF FFFF7FFF"),
        Block(address=0x33, count=3): words("01F4 E2400001"),
    }
    measured = measurement(family_of("et340"), replies, 1)
    assert (measured.power_w, measured.phase_power_w) == (3_667, (3_667,))
    assert measurement(family_of("et340"), replies, 3).power_w is None


def abb(registers: dict[int, str]) -> Measurement:
    content = {0x5B00 + offset: 0 for offset in range(45)}
    for address, text in registers.items():
        content.update(enumerate(words(text), start=address))
    replies = {
        Block(address=0x5B00, count=45): tuple(content[0x5B00 + offset] for offset in range(45)),
        Block(address=0x5000, count=4): words("0000 0000 0012 D687"),
    }
    return measurement(family_of("abb_b23"), replies, 3)


def test_hundredths_of_a_kwh_in_64_bits_are_10_wh_each() -> None:
    assert abb({}).energy_wh == 12_345_670


def test_a_phase_that_is_not_connected_is_not_available() -> None:
    measured = abb(
        {0x5B00: "000008FD FFFFFFFF FFFFFFFF", 0x5B16: "00000064 7FFFFFFF 7FFFFFFF", 0x5B2C: "1387"}
    )
    assert (measured.voltage_mv, measured.phase_power_w, measured.frequency_mhz) == (None, None, 49_990)


def test_only_the_wired_phases_are_told() -> None:
    registers = {0x5B00: "000008FD FFFFFFFF FFFFFFFF", 0x5B0C: "00000640 FFFFFFFF FFFFFFFF"}
    replies = {
        Block(address=0x5B00, count=45): words(
            registers[0x5B00] + "0000" * 6 + registers[0x5B0C] + "0000" * 27
        ),
        Block(address=0x5000, count=4): words("0000 0000 0012 D687"),
    }
    measured = measurement(family_of("abb_b24"), replies, 1)
    assert (measured.voltage_mv, measured.current_ma) == ((230_100,), (16_000,))
