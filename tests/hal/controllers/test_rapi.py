"""RAPI lines: the examples of its documentation, byte for byte, and everything that is no line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.controllers.rapi import LINE_MAX, Lines, Notice, Reply, decimal, decode, encode, hexadecimal

COMMANDS = {
    "GS": b"$GS^30\r",
    "GC": b"$GC^20\r",
    "GE": b"$GE^26\r",
    "GG": b"$GG^24\r",
    "GU": b"$GU^36\r",
    "GP": b"$GP^33\r",
    "GV": b"$GV^35\r",
    "FE": b"$FE^27\r",
    "FS": b"$FS^31\r",
    "FD": b"$FD^26\r",
    "SC 16 V": b"$SC 16 V^65\r",
    "S4 1": b"$S4 1^52\r",
    "SB": b"$SB^35\r",
    "SY": b"$SY^2E\r",
    "SY 10 6": b"$SY 10 6^19\r",
    "SY 165": b"$SY 165^3C\r",
}


@pytest.mark.parametrize(("command", "expected"), COMMANDS.items())
def test_a_command_has_the_checksum_of_all_that_is_before_it(command: str, expected: bytes):
    assert encode(command) == expected


def test_a_sequence_id_stands_before_the_checksum_and_is_in_it():
    assert encode("GS", 5) == b"$GS :05^2F\r"
    assert encode("SC 16 V", 255) == b"$SC 16 V :FF^7F\r"


@pytest.mark.parametrize("command", ["", "SC " + "1" * 30, "A B C D E F G H I J K", "SC 16 Ä"])
def test_what_is_no_command_is_not_sent(command: str):
    if command == "":
        assert encode(command) == b"$^24\r"
        return
    with pytest.raises(ValueError, match="no command"):
        encode(command)


@pytest.mark.parametrize("sequence", [0, 256, -1])
def test_a_sequence_id_is_1_to_255(sequence: int):
    with pytest.raises(ValueError, match="outside 1"):
        encode("GS", sequence)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"$OK 03 120 03 0140^16", Reply(accepted=True, params=("03", "120", "03", "0140"))),
        (b"$AT 03 03 16 0140^33", Notice(kind="AT", params=("03", "03", "16", "0140"))),
        (b"$OK^20", Reply(accepted=True)),
        (b"$NK^21", Reply(accepted=False)),
        (b"$OK :05^3F", Reply(accepted=True, sequence=5)),
        (b"$NK 6 :FF^2D", Reply(accepted=False, params=("6",), sequence=255)),
        (b"$OK*BE", Reply(accepted=True)),
    ],
)
def test_what_the_controller_says_is_read(line: bytes, message: Reply | Notice):
    assert decode(line) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"$",
        b"$OK",
        b"$OK^",
        b"$OK^21",
        b"$OK^2",
        b"$OK^2G",
        b"OK^04",
        b"$ok^20",
        b"$OK 03 120 03 014^16",
        b"$GS^30",
        b"$SC 16 V^65",
        b"$OK 1  2^03",
        b"$OK :00^3A",
        b"$OK :5^0F",
        b"$OK \xff^20",
        b"$OK 1 2 3 4 5 6 7 8 9 10^10",
    ],
)
def test_everything_else_is_no_message(line: bytes):
    assert decode(line) is None


def test_a_dollar_begins_a_line_whatever_came_before():
    lines = Lines()
    assert list(lines.feed(b"\x00\xfe30^16\r$OK 03 1$OK^20\r\n$O")) == [b"$OK^20"]
    assert list(lines.feed(b"K^20\r")) == [b"$OK^20"]


def test_a_line_without_an_end_is_dropped():
    lines = Lines()
    assert list(lines.feed(b"$" + b"A" * 10_000)) == []
    assert list(lines.feed(b"\r$OK^20\r")) == [b"$OK^20"]


def test_half_a_line_is_forgotten_with_the_connection():
    lines = Lines()
    assert list(lines.feed(b"$OK 03 120 ")) == []
    lines.forget()
    assert list(lines.feed(b"03 0140^16\r")) == []


@given(pieces=st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_end_as_short_lines_however_they_are_cut(pieces: list[bytes]):
    one, many = Lines(), Lines()
    whole = list(one.feed(b"".join(pieces)))
    assert whole == [line for piece in pieces for line in many.feed(piece)]
    assert all(line.startswith(b"$") and len(line) < LINE_MAX for line in whole)
    for line in whole:
        decode(line)


@given(
    body=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    place=st.integers(0, 30),
    bit=st.integers(0, 7),
)
def test_one_wrong_bit_is_always_seen(body: str, place: int, bit: int):
    line = bytearray(encode(f"OK {body}")[:-1]) if len(body.split(" ")) < 9 else bytearray(b"$OK^20")
    before = decode(bytes(line))
    line[place % len(line)] ^= 1 << bit
    assert decode(bytes(line)) in (None, before)


@pytest.mark.parametrize(("text", "digits", "number"), [("0140", 4, 0x140), ("fe", 2, 254)])
def test_a_hexadecimal_number_has_its_digits(text: str, digits: int, number: int):
    assert hexadecimal(text, digits=digits) == number


@pytest.mark.parametrize("text", ["", "1", "+1", " 1", "0x", "١٢", "1_0"])
def test_what_only_python_takes_for_a_number_is_none(text: str):
    assert hexadecimal(text, digits=2) is None
    if text != "1":
        assert decimal(text) is None


def test_a_decimal_number_may_be_negative():
    assert (decimal("-2560"), decimal("0"), decimal("--1"), decimal("-")) == (-2560, 0, None, None)
