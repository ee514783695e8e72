"""Frames as NXP UM0701-02 prints them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.readers.pn532_frames import ACK, Command, Pn532Frames, encoded, uid_of_target
from tests.hal.simulators.pn532 import NOISE, SYNTAX_ERROR, UNASKED

VERSION = bytes.fromhex("0000FF06FAD50332010607E800")
NO_CARD = bytes.fromhex("0000FF03FDD54B00E000")
STREAMS = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([*NOISE, UNASKED, VERSION, NO_CARD, ACK]),
        st.sampled_from([UNASKED, VERSION]).flatmap(lambda whole: st.just(whole[:9])),
        st.tuples(st.sampled_from([UNASKED, VERSION]), st.integers(5, 11), st.integers(1, 255)).map(
            lambda drawn: (
                drawn[0][: drawn[1]] + bytes([drawn[0][drawn[1]] ^ drawn[2]]) + drawn[0][drawn[1] + 1 :]
            )
        ),
    ),
    max_size=10,
).map(b"".join)


def answers(*pieces: bytes) -> list[bytes]:
    frames = Pn532Frames()
    return [answer for piece in pieces for answer in frames.feed(piece)]


def sent_rightly(stream: bytes) -> set[bytes]:
    """Every answer of which a whole frame with right sums is in *stream*, looked for without a parser."""
    found = set()
    for at in range(len(stream) - 5):
        length = stream[at + 2]
        content, rest = stream[at + 4 : at + 4 + length], stream[at + 4 + length : at + 5 + length]
        if stream[at : at + 2] != b"\x00\xff" or (length + stream[at + 3]) % 256 or not rest:
            continue
        if content[:1] == b"\xd5" and (sum(content) + rest[0]) % 256 == 0:
            found.add(content[1:])
    return found


@pytest.mark.parametrize(
    ("command", "data", "frame"),
    [
        (Command.GET_FIRMWARE_VERSION, "", "0000FF02FED4022A00"),
        (Command.SAM_CONFIGURATION, "010001", "0000FF05FBD4140100011600"),
        (Command.IN_LIST_PASSIVE_TARGET, "0100", "0000FF04FCD44A0100E100"),
    ],
)
def test_a_command_is_framed_as_the_manual_has_it(command: Command, data: str, frame: str) -> None:
    assert encoded(command, bytes.fromhex(data)) == bytes.fromhex(frame)


def test_an_answer_behind_its_ack_is_heard_in_one_piece_and_in_single_bytes() -> None:
    stream = ACK + VERSION
    assert answers(stream) == [bytes.fromhex("0332010607")]
    assert answers(*(bytes([byte]) for byte in stream)) == answers(stream)


@pytest.mark.parametrize("noise", [NOISE[0], *NOISE[2:], SYNTAX_ERROR, b"\x00", b"\x00\xff\x00\xff"])
def test_an_answer_is_heard_behind_noise(noise: bytes) -> None:
    assert answers(noise) == []
    assert answers(noise, VERSION) == [bytes.fromhex("0332010607")]


@given(STREAMS, st.integers(1, 30))
def test_no_stream_makes_an_answer_that_was_not_sent_with_its_sums(stream: bytes, size: int) -> None:
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert set(answers(*pieces)) <= sent_rightly(stream)


@pytest.mark.parametrize(
    ("answer", "uid"),
    [
        ("4B01010004080401020304", "01020304"),
        ("4B010100440007" + "04A31F02B16180" + "067577810280", "04A31F02B16180"),  # with an ATS behind it
        ("4B01010044000A" + "04A31F02B16180FFEEDD", "04A31F02B16180FFEEDD"),
        ("4B010100440008" + "8804A31F02B16180", "04A31F02B16180"),
        ("4B01010044000C" + "8804A31F8802B16180FFEEDD", "04A31F02B16180FFEEDD"),
        ("4B00", None),
        ("4B", None),
        ("4B010100440007" + "04A31F", None),
        ("4B010100440007" + "04A31F02", None),
        ("4D01010044000401020304", None),
        ("4B010100440003" + "04A31F", None),
        ("4B010100440000", None),
        ("0332010607AABBCCDD", None),
    ],
)
def test_a_card_has_4_7_or_10_bytes(answer: str, uid: str | None) -> None:
    found = uid_of_target(bytes.fromhex(answer))
    assert found == (None if uid is None else bytes.fromhex(uid))


@given(
    st.one_of(
        st.binary(max_size=40),
        st.integers(0, 12).flatmap(
            lambda length: st.binary(min_size=length, max_size=length).map(
                lambda uid: bytes((0x4B, 1, 1, 0, 0x44, 0, length)) + uid
            )
        ),
    )
)
def test_whatever_an_answer_holds_is_a_card_or_none(answer: bytes) -> None:
    uid = uid_of_target(answer)
    assert uid is None or (len(uid) in (4, 7, 10) and answer[0] == 0x4B)
