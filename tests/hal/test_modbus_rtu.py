"""Modbus frames: the vectors of the specification's arithmetic, and every answer that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.modbus_rtu import Outcome, Request, with_crc

READ = Request.read(1, 1_000, 7)
WRITE = Request.write(1, 1_000, 16)
READ_ANSWER = with_crc(bytes((1, 3, 14, *[0, 16] * 7)))
WRITE_ANSWER = with_crc(bytes((1, 16, 0x03, 0xE8, 0, 1)))


def test_requests_are_the_known_bytes():
    assert READ.frame == bytes.fromhex("010303e800078478")
    assert WRITE.frame == bytes.fromhex("011003e80001020010 83b4")


def test_an_answer_has_the_registers():
    assert READ.answered_by(READ_ANSWER) == (16,) * 7
    assert WRITE.answered_by(WRITE_ANSWER) is Outcome.WRITTEN


def test_an_echo_of_the_request_is_passed_over_and_confirms_nothing():
    assert READ.answered_by(READ.frame) is Outcome.INCOMPLETE
    assert WRITE.answered_by(WRITE.frame) is Outcome.INCOMPLETE
    assert READ.answered_by(READ.frame + READ_ANSWER) == (16,) * 7
    assert WRITE.answered_by(WRITE.frame + WRITE_ANSWER) is Outcome.WRITTEN


@pytest.mark.parametrize("length", range(len(READ_ANSWER)))
def test_half_an_answer_is_none_yet(length: int):
    assert READ.answered_by(READ_ANSWER[:length]) is Outcome.INCOMPLETE


@pytest.mark.parametrize(
    "data",
    [
        READ_ANSWER[:-1] + b"\x00",
        READ_ANSWER + READ_ANSWER,
        READ_ANSWER + b"\x00",
        b"\x00" + READ_ANSWER,
        with_crc(bytes((2, 3, 14, *[0, 16] * 7))),
        with_crc(bytes((1, 4, 14, *[0, 16] * 7))),
        with_crc(bytes((1, 3, 16, *[0, 16] * 8))),
        with_crc(bytes((1, 3, 12, *[0, 16] * 6))) + b"\x00\x00",
    ],
)
def test_what_is_not_exactly_the_answer_is_none(data: bytes):
    assert READ.answered_by(data) is Outcome.FOREIGN


def test_a_write_to_another_register_confirms_nothing():
    assert WRITE.answered_by(with_crc(bytes((1, 16, 0x03, 0xEC, 0, 1)))) is Outcome.FOREIGN


def test_a_refusal_is_told_from_noise():
    assert READ.answered_by(with_crc(bytes((1, 0x83, 2)))) is Outcome.REFUSED
    assert READ.answered_by(bytes((1, 0x83, 2, 0, 0))) is Outcome.FOREIGN


@given(data=st.binary(max_size=64))
def test_no_noise_is_an_answer(data: bytes):
    answer = READ.answered_by(data)
    assert not isinstance(answer, tuple) or data.endswith(with_crc(data[:-2])[-2:])
    assert WRITE.answered_by(data) in (Outcome.INCOMPLETE, Outcome.FOREIGN, Outcome.REFUSED)
