import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.domain.spellings import other_spellings


def spelt(id_tag: str) -> dict[str, str]:
    return {one.id_tag: one.kind.value for one in other_spellings(id_tag)}


@pytest.mark.parametrize(
    ("id_tag", "other", "kind"),
    [
        ("04A31F02B16180", "8061B1021FA304", "bytes reversed"),
        ("04a31f02", "021FA304", "bytes reversed"),
        ("04:A3:1F:02:B1:61:80", "04A31F02B16180", "without separators"),
        ("04:A3:1F:02:B1:61:80", "8061B1021FA304", "bytes reversed"),
        ("4A31F02B16180", "04A31F02B16180", "with a leading zero"),
        ("04A31F02B16180", "4A31F02B16180", "without leading zeros"),
        ("00BC614E", "0012345678", "as a decimal number"),
        ("0012345678", "00BC614E", "as hexadecimal bytes"),
        ("0012345678", "4E61BC00", "as hexadecimal bytes"),
    ],
)
def test_the_same_card_as_another_reader_would_write_it(id_tag: str, other: str, kind: str) -> None:
    assert spelt(id_tag)[other] == kind


@pytest.mark.parametrize("id_tag", ["VISITOR", "Ünal", "x"])
def test_a_name_has_no_other_spelling(id_tag: str) -> None:
    assert spelt(id_tag) == {}


@given(st.text(alphabet="0123456789abcdefABCDEF:-. xyz", min_size=1, max_size=20))
def test_every_other_spelling_is_an_id_tag_and_another_one(id_tag: str) -> None:
    others = [one.id_tag for one in other_spellings(id_tag)]
    assert all(1 <= len(one) <= 20 and one.casefold() != id_tag.casefold() for one in others)
    assert len({one.casefold() for one in others}) == len(others)
