"""Reservations decided: what can be promised, to whom a connector is open, when a promise ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.domain.present import Present
from cpd.domain.reservations import (
    Driver,
    Place,
    Reservation,
    ReservationOutcome,
    expires_at_s,
    honourable,
    kept_for,
    open_places,
    reserve,
    used_by,
)
from cpd.domain.transactions import Moment

MADE_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOLDER, STRANGER = Driver(id_tag="HOLDER"), Driver(id_tag="STRANGER")
FREE = Place(operative=True, faulted=False, free=True, driver=None, plugged_at_s=None)
BUSY = replace(FREE, free=False)
FAULTED = replace(BUSY, faulted=True)
OFF = replace(BUSY, operative=False)


def plugged(at_s: float) -> Place:
    return replace(FREE, plugged_at_s=at_s)


def taken_by(driver: Driver) -> Place:
    return replace(BUSY, driver=driver)


def reservation(
    connector: int = 0, number: int = 1, tag: str = "HOLDER", group: str | None = None
) -> Reservation:
    """For half an hour, made 100 s into the boot ``first``."""
    return Reservation(
        id=number,
        connector=connector,
        id_tag=tag,
        parent_id_tag=group,
        expires_at=MADE_AT + timedelta(minutes=30),
        made=Moment(boot="first", monotonic_s=100.0, at=MADE_AT),
    )


@pytest.mark.parametrize(
    ("tag", "group", "holds"),
    [
        ("holder", None, True),
        ("STRANGER", None, False),
        ("STRANGER", "fleet", True),
        ("STRANGER", "OTHERS", False),
        ("FLEET", None, False),
    ],
)
def test_the_card_and_its_group_hold_a_reservation(tag: str, group: str | None, holds: bool) -> None:
    driver = Driver(id_tag=tag, parent_id_tag=group)
    assert reservation(group="FLEET").is_for(driver) is holds


def test_nobody_of_no_group_holds_a_reservation_without_one() -> None:
    assert not reservation().is_for(STRANGER)


@pytest.mark.parametrize(
    ("boot", "monotonic_s", "passed_s", "trusted", "left_s"),
    [
        ("first", 700.0, 600, True, 1_200),
        ("second", 5.0, 60, True, 1_740),
        ("second", 5.0, 86_400, True, -84_600),
        # Without the time: by the monotonic clock within its boot, else for the whole time again from the start.
        ("first", 700.0, -(10**9), False, 1_200),
        ("second", 5.0, -(10**9), False, 1_795),
    ],
)
def test_a_reservation_ends_when_it_is_to_end_as_well_as_can_be_known(
    boot: str, monotonic_s: float, passed_s: int, trusted: bool, left_s: int
) -> None:
    present = Present(
        boot=boot,
        began_s=0.0,
        monotonic_s=monotonic_s,
        now=MADE_AT + timedelta(seconds=passed_s),
        trusted=trusted,
    )
    assert expires_at_s(reservation(), present) - monotonic_s == left_s


@pytest.mark.parametrize(
    ("connector", "places", "expected"),
    [
        (1, (FREE,), True),
        (1, (BUSY,), True),
        (1, (FAULTED,), False),
        (1, (OFF, FREE), False),
        (0, (OFF, BUSY), True),
        (0, (OFF, FAULTED), False),
        (3, (FREE, FREE), False),
    ],
)
def test_a_reservation_can_be_honoured_while_its_connector_may_come_free(
    connector: int, places: tuple[Place, ...], expected: bool
) -> None:
    assert honourable(reservation(connector), dict(enumerate(places, 1))) is expected


@pytest.mark.parametrize(
    ("connector", "places", "answer"),
    [
        (0, (FREE, FREE), "Accepted"),
        (0, (BUSY, FREE), "Accepted"),
        (0, (BUSY, BUSY), "Occupied"),
        (0, (BUSY, plugged(5)), "Occupied"),
        (0, (FAULTED, BUSY), "Occupied"),
        (0, (FAULTED, FAULTED), "Faulted"),
        (0, (FAULTED, OFF), "Unavailable"),
        (1, (FREE, FAULTED), "Accepted"),
        (1, (plugged(5), FREE), "Occupied"),
        (1, (FAULTED, FREE), "Faulted"),
        (1, (OFF, FREE), "Unavailable"),
        (1, (replace(FAULTED, operative=False), FREE), "Faulted"),
    ],
)
def test_what_is_asked_for_is_promised_where_it_can_be_kept(
    connector: int, places: tuple[Place, ...], answer: str
) -> None:
    assert reserve(reservation(connector), (), dict(enumerate(places, 1)), promised=()) == answer


def test_who_was_promised_a_place_before_has_it() -> None:
    places = {1: FREE, 2: FREE}
    asked = reservation(0, 9)
    assert reserve(asked, [reservation(1, 1)], places, promised=()) is ReservationOutcome.ACCEPTED
    assert reserve(asked, [reservation(1, 1)], places, promised=[STRANGER]) is ReservationOutcome.OCCUPIED
    assert reserve(asked, [reservation(0, 1)], places, promised=[HOLDER]) is ReservationOutcome.ACCEPTED
    assert reserve(asked, [reservation(0, 1)], places, promised=[STRANGER]) is ReservationOutcome.OCCUPIED


def opened(places: tuple[Place, ...], *reservations: Reservation) -> set[int]:
    """The free connectors that are open to everybody."""
    numbered = dict(enumerate(places, 1))
    return {n for n, place in numbered.items() if place.free and not kept_for(n, reservations, numbered)}


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ((FREE, FREE), {1, 2}),
        ((FREE, BUSY), set()),
        ((FREE, FAULTED), set()),
        # Who plugged in first found an open connector; who plugs into the last one does not.
        ((plugged(5), FREE), {1}),
        ((plugged(5), plugged(9)), {1}),
        ((plugged(9), plugged(5)), {2}),
        ((plugged(5), FREE, FREE), {1, 2, 3}),
        # The holder stands at one of them already.
        ((taken_by(HOLDER), FREE), {2}),
        ((taken_by(STRANGER), FREE), set()),
    ],
)
def test_a_reservation_of_the_station_closes_what_it_cannot_do_without(
    places: tuple[Place, ...], expected: set[int]
) -> None:
    assert opened(places, reservation(0)) == expected


def test_the_connector_at_which_the_holder_stands_is_theirs() -> None:
    assert kept_for(1, [reservation(0)], {1: taken_by(HOLDER)}) == (reservation(0),)
    assert kept_for(1, [reservation(1)], {1: taken_by(HOLDER)}) == (reservation(1),)


def test_a_reservation_of_a_connector_closes_it_and_no_other() -> None:
    assert opened((FREE, FREE), reservation(2)) == {1}
    assert opened((FREE, FREE), reservation(2), reservation(0, 2)) == set()


PLACES = st.lists(
    st.sampled_from([FREE, BUSY, FAULTED, *map(plugged, range(3))]), min_size=1, max_size=4
).map(lambda some: dict(enumerate(some, 1)))


@given(places=PLACES, asked=st.lists(st.integers(0, 4), max_size=4))
def test_strangers_never_take_what_was_promised(places: dict[int, Place], asked: list[int]) -> None:
    """Whatever was accepted, and however many strangers start wherever it is open: every holder finds a place."""
    held: list[Reservation] = []
    for number, connector in enumerate(asked):
        one = reservation(connector if connector in places else 0, number, tag=f"H{number}")
        if reserve(one, held, places, promised=()) is ReservationOutcome.ACCEPTED:
            held.append(one)
    while True:
        left = opened(tuple(places.values()), *held)
        if not left:
            break
        assert open_places(STRANGER, held, places) > 0
        places = {**places, min(left): BUSY}
    assert open_places(STRANGER, held, places) <= 0
    assert sum(place.free for place in places.values()) >= len(held)
    assert all(places[one.connector].free for one in held if one.connector)


def test_the_connectors_own_reservation_is_used_before_one_of_the_station() -> None:
    held = [reservation(0, 1), reservation(2, 2), reservation(0, 3, tag="OTHER")]
    found = {
        (driver.id_tag, connector): used_by(driver, connector, held)
        for driver, connector in product((HOLDER, STRANGER), (1, 2))
    }
    assert {key: None if one is None else one.id for key, one in found.items()} == {
        ("HOLDER", 1): 1,
        ("HOLDER", 2): 2,
        ("STRANGER", 1): None,
        ("STRANGER", 2): None,
    }
