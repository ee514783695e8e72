import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.readers.id_format import ByteOrder, IdFormat, Notation, candidates_of

FOUR = bytes.fromhex("00BC614E")
FIVE = bytes.fromhex("3000E2F442")
SEVEN = bytes.fromhex("04A31F02B16180")
TEN = bytes.fromhex("04A31F02B16180FFEEDD")
UIDS = st.binary(min_size=1, max_size=10)
FORMATS = st.builds(
    IdFormat,
    byte_order=st.sampled_from(ByteOrder),
    notation=st.sampled_from(Notation),
    id_bytes=st.sampled_from((0, 4, 7, 10)),
)


@pytest.mark.parametrize(
    ("uid", "byte_order", "notation", "id_bytes", "id_tag"),
    [
        (FOUR, "msb", "hex", 0, "00BC614E"),
        (FOUR, "lsb", "hex", 0, "4E61BC00"),
        (FOUR, "msb", "decimal", 0, "0012345678"),
        (FOUR, "lsb", "decimal", 0, "1315027968"),
        (FOUR, "msb", "hex", 7, "00BC614E"),
        (FIVE, "msb", "hex", 0, "3000E2F442"),
        (FIVE, "lsb", "hex", 0, "42F4E20030"),
        (FIVE, "msb", "decimal", 0, "0206173303874"),
        (FIVE, "msb", "hex", 4, "00E2F442"),
        (FIVE, "msb", "decimal", 4, "0014873666"),
        (SEVEN, "msb", "hex", 0, "04A31F02B16180"),
        (SEVEN, "lsb", "hex", 0, "8061B1021FA304"),
        (SEVEN, "msb", "hex", 4, "04A31F02"),
        (SEVEN, "lsb", "hex", 4, "021FA304"),
        (SEVEN, "msb", "decimal", 0, "01305253491335552"),
        (TEN, "msb", "hex", 0, "04A31F02B16180FFEEDD"),
        (TEN, "lsb", "hex", 10, "DDEEFF8061B1021FA304"),
        (TEN, "msb", "hex", 7, "04A31F02B16180"),
        (TEN, "msb", "decimal", 0, "00334144893781901567"),
    ],
)
def test_an_id_tag_is_written_as_the_format_says(
    uid: bytes, byte_order: str, notation: str, id_bytes: int, id_tag: str
) -> None:
    written = IdFormat(byte_order=ByteOrder(byte_order), notation=Notation(notation), id_bytes=id_bytes)
    assert written.id_tag_of(uid) == id_tag


def test_a_cut_to_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="id_bytes 5 is none of 0, 4, 7, 10"):
        IdFormat(id_bytes=5)


def test_the_four_candidates_of_a_card() -> None:
    assert [id_tag for _, id_tag in candidates_of(FOUR)] == [
        "00BC614E",
        "4E61BC00",
        "0012345678",
        "1315027968",
    ]


def test_the_decimal_candidate_of_a_125_khz_card_is_the_number_on_it() -> None:
    assert [id_tag for _, id_tag in candidates_of(FIVE)] == [
        "3000E2F442",
        "42F4E20030",
        "0014873666",
        "1123344896",
    ]


@given(UIDS, FORMATS)
def test_every_id_tag_is_one_of_ocpp(uid: bytes, written: IdFormat) -> None:
    id_tag = written.id_tag_of(uid)
    assert 1 <= len(id_tag) <= 20
    assert id_tag == id_tag.upper() and id_tag.isalnum() and id_tag.isascii()


@given(st.binary(min_size=1, max_size=8), st.integers(0, 7), st.integers(1, 255), FORMATS)
def test_two_cards_that_are_not_cut_never_share_an_id_tag(
    uid: bytes, at: int, other_bits: int, written: IdFormat
) -> None:
    whole = IdFormat(byte_order=written.byte_order, notation=written.notation)
    other = bytearray(uid)
    other[at % len(uid)] ^= other_bits
    assert whole.id_tag_of(uid) != whole.id_tag_of(bytes(other))
