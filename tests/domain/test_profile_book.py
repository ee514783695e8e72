"""What replaces what, and what goes when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd.domain.profile_book import BookChange, InstalledProfile, ProfileBook, ProfileFilter
from cpd.domain.profiles import (
    STATION,
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    Refusal,
    SchedulePeriod,
)
from cpd.domain.sessions import Session
from tests.domain.strategies import profiles

DAY_S = 86_400
SCHEDULE = ChargingSchedule(unit=RateUnit.A, periods=(SchedulePeriod(start_s=0, limit_tenths=100),))
DEFAULT = ChargingProfile(
    id=1, stack_level=0, purpose=Purpose.TX_DEFAULT, kind=Kind.ABSOLUTE, schedule=SCHEDULE
)
TX = replace(DEFAULT, id=50, purpose=Purpose.TX)
SESSION = Session(connector=1, key="a", transaction_id=71, started_at_s=0)
OTHER = Session(connector=2, key="b", transaction_id=72, started_at_s=0)


def put(
    book: ProfileBook,
    profile: ChargingProfile,
    connector: int = 1,
    *,
    session: Session | None = None,
    max_installed: int = 100,
) -> BookChange:
    outcome = book.install(
        profile, connector=connector, received_at_s=0, max_installed=max_installed, session=session
    )
    assert isinstance(outcome, BookChange)
    return outcome


def ids(book: ProfileBook) -> list[tuple[int, int]]:
    return [(one.connector, one.profile.id) for one in book.profiles]


def test_same_id_is_replaced_wherever_it_sits() -> None:
    book, removed = put(put(ProfileBook(), DEFAULT, 1).book, replace(DEFAULT, stack_level=3), 2)
    assert ids(book) == [(2, 1)]
    assert [one.connector for one in removed] == [1]


def test_slot_is_keyed_by_connector() -> None:
    book, removed = put(put(ProfileBook(), DEFAULT, 1).book, replace(DEFAULT, id=2), 2)
    assert ids(book) == [(1, 1), (2, 2)]
    assert removed == ()


def test_one_profile_can_take_the_place_of_two() -> None:
    book = put(put(ProfileBook(), DEFAULT).book, replace(DEFAULT, id=2, stack_level=1)).book
    book, removed = put(book, replace(DEFAULT, stack_level=1))
    assert ids(book) == [(1, 1)]
    assert {one.profile.id for one in removed} == {1, 2}


def test_full_book_takes_a_replacement_and_nothing_more() -> None:
    book = put(ProfileBook(), DEFAULT).book
    refused = book.install(replace(DEFAULT, id=2), connector=2, received_at_s=0, max_installed=1)
    assert refused is Refusal.TOO_MANY_PROFILES
    assert ids(put(book, replace(DEFAULT, id=2), max_installed=1).book) == [(1, 2)]


@settings(max_examples=50)
@given(profiles(purpose=Purpose.TX_DEFAULT))
def test_installing_twice_is_installing_once(profile: ChargingProfile) -> None:
    once = put(ProfileBook(), profile).book
    assert put(once, profile).book == once


@pytest.mark.parametrize(
    ("which", "left"),
    [
        (ProfileFilter(profile_id=3, connector=9, stack_level=9), [1, 2, 4]),
        (ProfileFilter(connector=STATION), [2, 3, 4]),
        (ProfileFilter(connector=1), [1, 4]),
        (ProfileFilter(stack_level=0), [3]),
        (ProfileFilter(purpose=Purpose.TX_DEFAULT, connector=1), [1, 3, 4]),
        (ProfileFilter(connector=7), [1, 2, 3, 4]),
        (ProfileFilter(), []),
    ],
)
def test_clear_takes_what_the_filter_names(which: ProfileFilter, left: list[int]) -> None:
    book = put(ProfileBook(), DEFAULT, STATION).book
    book = put(book, replace(DEFAULT, id=2), 1).book
    book = put(book, replace(TX, id=3, stack_level=1), 1, session=SESSION).book
    book = put(book, replace(DEFAULT, id=4), 2).book
    cleared, removed = book.clear(which)
    assert [one.profile.id for one in cleared.profiles] == left
    assert len(removed) == 4 - len(left)


def test_end_of_a_transaction_takes_its_profiles_only() -> None:
    book = put(put(ProfileBook(), DEFAULT).book, TX, session=SESSION).book
    book = put(book, replace(TX, id=51), 2, session=OTHER).book
    assert ids(book.end_transaction("a").book) == [(1, 1), (2, 51)]


def test_tx_profile_does_not_outlive_its_transaction_on_the_connector() -> None:
    book = put(ProfileBook(), TX, session=SESSION).book
    later = replace(SESSION, key="c")
    assert len(book.stack_for(1, SESSION)) == 1
    assert book.stack_for(1, later) == ()
    assert book.stack_for(1, None) == ()


def test_profile_of_a_remote_start_is_seen_once_its_transaction_runs() -> None:
    held = hold(ProfileBook(), TX, connector=1)
    assert held.profiles == ()
    assert held.clear(ProfileFilter()).removed == ()
    book = held.bind_pending(SESSION).book
    assert ids(book) == [(1, 50)]
    assert book.profiles[0].transaction_key == "a"
    assert book.pending == ()


def test_profile_held_for_any_connector_goes_to_the_one_that_starts() -> None:
    book = hold(hold(ProfileBook(), TX, connector=None), replace(TX, id=51), connector=1)
    assert ids(book.bind_pending(SESSION).book) == [(1, 51)]
    assert ids(book.bind_pending(OTHER).book) == [(2, 50)]


def test_pending_profile_counts_and_can_be_dropped() -> None:
    book = hold(ProfileBook(), TX, connector=1)
    assert book.install(DEFAULT, connector=1, received_at_s=0, max_installed=1) is Refusal.TOO_MANY_PROFILES
    assert book.hold(replace(TX, id=51), connector=2, received_at_s=0, max_installed=1) is (
        Refusal.TOO_MANY_PROFILES
    )
    assert book.drop_pending(2) == book
    assert book.drop_pending(1) == ProfileBook()


def test_pending_profile_replaces_its_id_when_it_is_bound() -> None:
    book = hold(put(ProfileBook(), DEFAULT, 2).book, replace(TX, id=1), connector=1)
    assert ids(book) == [(2, 1)]
    bound, removed = book.bind_pending(SESSION)
    assert ids(bound) == [(1, 1)]
    assert [one.connector for one in removed] == [2]


def test_newer_profile_with_the_id_of_a_pending_one_drops_it() -> None:
    book = hold(ProfileBook(), TX, connector=1)
    assert put(book, replace(DEFAULT, id=50), 2).book.pending == ()


def test_start_without_a_pending_profile_changes_nothing() -> None:
    book = put(ProfileBook(), DEFAULT).book
    assert book.bind_pending(SESSION) == BookChange(book, ())


def test_restart_keeps_what_was_resumed_and_drops_what_was_pending() -> None:
    book = put(put(ProfileBook(), DEFAULT).book, TX, session=SESSION).book
    book = hold(put(book, replace(TX, id=51), 2, session=OTHER).book, replace(TX, id=52), connector=1)
    after, removed = book.after_restart({"b"})
    assert ids(after) == [(1, 1), (2, 51)]
    assert [one.profile.id for one in removed] == [50]
    assert after.pending == ()


@pytest.mark.parametrize(
    ("profile", "swept"),
    [
        (replace(DEFAULT, valid_to_s=-1), True),
        (replace(DEFAULT, valid_to_s=0), False),
        (replace(DEFAULT, schedule=replace(SCHEDULE, start_at_s=-11, duration_s=10)), True),
        (replace(DEFAULT, schedule=replace(SCHEDULE, start_at_s=-10, duration_s=10)), False),
        (replace(DEFAULT, schedule=replace(SCHEDULE, start_at_s=-11)), False),
        (
            replace(
                DEFAULT,
                kind=Kind.RECURRING,
                recurrency=Recurrency.DAILY,
                schedule=replace(SCHEDULE, start_at_s=-11, duration_s=10),
            ),
            False,
        ),
        (replace(DEFAULT, schedule=replace(SCHEDULE, duration_s=10)), False),
        (
            replace(DEFAULT, kind=Kind.RELATIVE, schedule=replace(SCHEDULE, start_at_s=-11, duration_s=10)),
            False,
        ),
    ],
)
def test_sweep_takes_what_ended_more_than_a_day_ago(profile: ChargingProfile, swept: bool) -> None:
    book = put(ProfileBook(), profile).book
    assert bool(book.sweep(DAY_S).removed) is swept


def test_only_a_tx_profile_is_bound_to_a_transaction() -> None:
    with pytest.raises(ValueError, match="transaction_key"):
        InstalledProfile(connector=1, received_at_s=0, profile=TX)
    with pytest.raises(ValueError, match="transaction_key"):
        InstalledProfile(connector=1, received_at_s=0, profile=DEFAULT, transaction_key="a")


@settings(max_examples=50)
@given(st.permutations([(level, place) for level in range(3) for place in (STATION, 1)]))
def test_higher_level_comes_first_and_the_connectors_own_at_an_equal_one(
    arrivals: list[tuple[int, int]],
) -> None:
    book = ProfileBook()
    for id, (level, place) in enumerate(arrivals):
        book = put(book, replace(DEFAULT, id=id, stack_level=level), place).book
    order = [(one.profile.stack_level, one.constraint.connector) for one in book.stack_for(1, None)]
    assert order == [(2, 1), (2, 0), (1, 1), (1, 0), (0, 1), (0, 0)]
    assert [one.profile.stack_level for one in book.stack_for(2, None)] == [2, 1, 0]


def hold(book: ProfileBook, profile: ChargingProfile, *, connector: int | None) -> ProfileBook:
    held = book.hold(profile, connector=connector, received_at_s=0, max_installed=100)
    assert isinstance(held, ProfileBook)
    return held
