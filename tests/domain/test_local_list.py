import pytest

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.local_list import HIGHEST_VERSION, ListedTag, ListUpdate, refusal_of

GOOD = IdTagInfo(status=AuthorizationStatus.ACCEPTED)


def update(version: int, *id_tags: str, full: bool = True, info: IdTagInfo | None = GOOD) -> ListUpdate:
    tags = tuple(ListedTag(id_tag=id_tag, info=info) for id_tag in id_tags)
    return ListUpdate(version=version, full=full, tags=tags)


def outcome(asked: ListUpdate, version: int = 5, most_tags: int = 3) -> str:
    refusal = refusal_of(asked, version=version, most_tags=most_tags)
    return "Accepted" if refusal is None else refusal.outcome


@pytest.mark.parametrize(
    ("version", "full", "differential"),
    [
        (-1, "Failed", "Failed"),
        (0, "Failed", "Failed"),
        (1, "Accepted", "VersionMismatch"),
        (5, "Accepted", "VersionMismatch"),
        (6, "Accepted", "Accepted"),
        (HIGHEST_VERSION, "Accepted", "Accepted"),
        (HIGHEST_VERSION + 1, "Failed", "Failed"),
    ],
)
def test_a_full_list_has_any_version_from_1_and_a_change_a_higher_one(
    version: int, full: str, differential: str
) -> None:
    assert outcome(update(version, "A")) == full
    assert outcome(update(version, "A", full=False)) == differential


def test_a_change_may_be_the_first_that_a_list_gets() -> None:
    assert outcome(update(1, "A", full=False), version=0) == "Accepted"


def test_as_many_id_tags_are_taken_as_are_allowed_and_none_of_more() -> None:
    assert outcome(update(6, "A", "B", "C")) == "Accepted"
    assert outcome(update(6, "A", "B", "C", "D")) == "Failed"


def test_an_id_tag_that_is_there_twice_fails_whatever_its_case() -> None:
    assert outcome(update(6, "Ab", "aB")) == "Failed"
    assert outcome(update(6, "Ab", "aB", full=False)) == "Failed"


@pytest.mark.parametrize(
    ("id_tag", "expected"), [("", "Failed"), ("X" * 20, "Accepted"), ("X" * 21, "Failed")]
)
def test_an_id_tag_has_1_to_20_characters(id_tag: str, expected: str) -> None:
    assert outcome(update(6, id_tag)) == expected


def test_only_a_change_takes_id_tags_off() -> None:
    assert outcome(update(6, "A", info=None)) == "Failed"
    assert outcome(update(6, "A", info=None, full=False)) == "Accepted"


def test_an_empty_full_list_and_an_empty_change_are_taken() -> None:
    assert outcome(update(6)) == "Accepted"
    assert outcome(update(6, full=False)) == "Accepted"
