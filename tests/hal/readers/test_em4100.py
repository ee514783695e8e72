import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.readers.em4100 import Em4100Frames
from tests.hal.simulators.rdm6300 import ID12, NOISE, RDM6300

CARD = "3000E2F442"
NEAR_FRAMES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([*RDM6300.values(), *ID12.values(), *NOISE]),
        st.text(alphabet="\x02\x03\r\n0123456789ABCDEFabcdef", max_size=18).map(str.encode),
        st.sampled_from(list(RDM6300.values())).flatmap(lambda whole: st.just(whole[: len(whole) // 2])),
    ),
    max_size=12,
).map(b"".join)


def heard(*pieces: bytes) -> list[str]:
    frames = Em4100Frames()
    return [card.hex().upper() for piece in pieces for card in frames.feed(piece)]


def sent_rightly(stream: bytes) -> set[str]:
    """Every card of which a whole frame with the right checksum is in *stream*, looked for without a parser."""
    found = set()
    for at in range(len(stream)):
        for end in (b"\x03", b"\r\n\x03"):
            digits = stream[at + 1 : at + 13]
            if stream[at : at + 1] != b"\x02" or not re.fullmatch(rb"[0-9A-F]{12}", digits):
                continue
            one, two, three, four, five, check = bytes.fromhex(digits.decode())
            if stream[at + 13 : at + 13 + len(end)] == end and one ^ two ^ three ^ four ^ five == check:
                found.add(digits[:10].decode())
    return found


@pytest.mark.parametrize("frame", [RDM6300[CARD], ID12[CARD]])
def test_a_card_is_heard_in_one_piece_and_in_single_bytes(frame: bytes) -> None:
    assert heard(frame) == [CARD]
    assert heard(*(bytes([byte]) for byte in frame)) == [CARD]


def test_a_card_is_heard_as_often_as_it_is_told() -> None:
    assert heard(RDM6300[CARD] * 3) == [CARD] * 3


@pytest.mark.parametrize("noise", NOISE)
def test_a_card_is_heard_behind_noise(noise: bytes) -> None:
    assert heard(noise) == []
    assert heard(noise, RDM6300[CARD]) == [CARD]


def test_broken_frames_are_counted_until_a_whole_one_comes() -> None:
    frames = Em4100Frames()
    frames.feed(NOISE[1] + NOISE[3])
    assert frames.garbled == 2
    frames.feed(RDM6300[CARD])
    assert frames.garbled == 0


@given(NEAR_FRAMES, st.integers(1, 30))
def test_no_stream_makes_a_card_that_was_not_sent_with_its_checksum(stream: bytes, size: int) -> None:
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert set(heard(*pieces)) <= sent_rightly(stream)
    assert heard(*pieces) == heard(stream)


@given(NEAR_FRAMES)
def test_a_card_is_heard_behind_any_stream(stream: bytes) -> None:
    assert heard(stream, RDM6300[CARD]) == [*heard(stream), CARD]
