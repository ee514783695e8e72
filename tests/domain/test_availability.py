"""Who keeps which connector out of service: the CSMS and people at the charger, the station before its connectors."""

import itertools

import pytest

from cpd.domain.availability import Availability, AvailabilityOutcome, Origin, outcome_of

CONNECTORS = (1, 2)
WORDS = (None, True, False)


def said(*words: tuple[Origin, int, bool]) -> Availability:
    """What holds after *words*, in their order."""
    availability = Availability({})
    for origin, connector, operative in words:
        availability = availability.changed(availability.changes(origin, connector, operative, CONNECTORS))
    return availability


def test_whatever_was_never_spoken_of_is_in_service() -> None:
    assert [Availability({}).withdrawn_by(connector) for connector in (0, 1, 2)] == [None] * 3


@pytest.mark.parametrize(("station", "connector"), list(itertools.product(WORDS, WORDS)))
def test_a_connector_is_in_service_where_neither_it_nor_the_station_is_inoperative(
    station: bool | None, connector: bool | None
) -> None:
    words = [(Origin.CSMS, 0, station), (Origin.CSMS, 1, connector)]
    availability = said(*((origin, place, word) for origin, place, word in words if word is not None))
    expected = Origin.CSMS if False in (station, connector) else None
    assert availability.withdrawn_by(1) is expected
    assert availability.withdrawn_by(0) is (Origin.CSMS if station is False else None)


@pytest.mark.parametrize("operative", [True, False])
def test_what_is_said_of_the_station_is_said_of_every_connector(operative: bool) -> None:
    availability = said((Origin.CSMS, 1, not operative), (Origin.CSMS, 0, operative))
    assert [availability.withdrawn_by(one) is None for one in (0, 1, 2)] == [operative] * 3


def test_the_station_comes_back_with_every_connector_whatever_was_said_of_them_meanwhile() -> None:
    availability = said((Origin.CSMS, 0, False), (Origin.CSMS, 1, True))
    assert availability.withdrawn_by(1) is Origin.CSMS, "the station dominates"
    availability = said((Origin.CSMS, 0, False), (Origin.CSMS, 1, True), (Origin.CSMS, 0, True))
    assert availability.withdrawn_by(1) is None


@pytest.mark.parametrize(("csms", "local"), list(itertools.product((True, False), repeat=2)))
def test_both_must_have_it_in_service_and_the_csms_is_named_first(csms: bool, local: bool) -> None:
    availability = said((Origin.LOCAL, 1, local), (Origin.CSMS, 1, csms))
    expected = Origin.CSMS if not csms else Origin.LOCAL if not local else None
    assert availability.withdrawn_by(1) is expected


@pytest.mark.parametrize(
    ("operative", "connector", "busy", "outcome"),
    [
        (False, 1, (), AvailabilityOutcome.ACCEPTED),
        (False, 1, (2,), AvailabilityOutcome.ACCEPTED),
        (False, 1, (1,), AvailabilityOutcome.SCHEDULED),
        (False, 0, (2,), AvailabilityOutcome.SCHEDULED),
        (False, 0, (), AvailabilityOutcome.ACCEPTED),
        (True, 1, (1,), AvailabilityOutcome.ACCEPTED),
        (True, 0, (1,), AvailabilityOutcome.ACCEPTED),
    ],
)
def test_only_taking_out_of_service_waits_for_what_runs(
    operative: bool, connector: int, busy: tuple[int, ...], outcome: AvailabilityOutcome
) -> None:
    assert outcome_of(operative, connector, busy) is outcome
