"""Connectors kept for somebody (OCPP 1.6 §3.11, §5.1, §5.13): what can be promised, and to whom a connector is open.

A reservation of one connector closes it to everybody else. One of the station keeps as many connectors for its
holders as they are, whichever those are: a connector is closed to others only where too few were left without it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cpd.domain.authorization import same_id_tag
from cpd.domain.present import Present
from cpd.domain.profiles import STATION
from cpd.domain.transactions import Moment


class ReservationOutcome(StrEnum):
    """Answer to ReserveNow (OCPP 1.6 §7.41 ReservationStatus)."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """Somebody with a card; *parent_id_tag* is None where their group is not known."""

    id_tag: str
    parent_id_tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Connector 1 … n, or 0 for whichever is free, kept for an idTag and its group until *expires_at* (aware UTC).

    *made* is dated: without a trusted clock nobody could tell how long it is for.
    """

    id: int
    connector: int
    id_tag: str
    parent_id_tag: str | None
    expires_at: datetime
    made: Moment

    def is_for(self, driver: Driver) -> bool:
        """True where *driver*, or the group that *driver* is known to be of, holds it."""
        return same_id_tag(self.id_tag, driver.id_tag) or same_id_tag(
            self.parent_id_tag, driver.parent_id_tag
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One connector, as far as reservations go.

    *driver* is authorised here and has not begun; *free*: nothing runs any more, nobody is authorised, and nothing
    forbids a start. *plugged_at_s* (monotonic) is None while no vehicle shows.
    """

    operative: bool
    faulted: bool
    free: bool
    driver: Driver | None
    plugged_at_s: float | None

    @property
    def lost(self) -> bool:
        """True where no reservation of it can be honoured."""
        return self.faulted or not self.operative


def expires_at_s(reservation: Reservation, present: Present) -> float:
    """When *reservation* ends, on the monotonic clock of this boot.

    While the wall clock is not trusted, it lasts as long as it was made for, from this start of the daemon where
    that is another boot of the machine: rather too long than lost.
    """
    if present.trusted:
        return present.monotonic_s + (reservation.expires_at - present.now).total_seconds()
    made = reservation.made
    assert made.at is not None
    for_s = (reservation.expires_at - made.at).total_seconds()
    return (made.monotonic_s if made.boot == present.boot else present.began_s) + for_s


def honourable(reservation: Reservation, places: Mapping[int, Place]) -> bool:
    """False once its connector, or every connector for one of the station, is Faulted or Unavailable."""
    if reservation.connector == STATION:
        return not all(place.lost for place in places.values())
    # The installer may have taken a connector out of the configuration.
    place = places.get(reservation.connector)
    return place is not None and not place.lost


def reserve(
    asked: Reservation,
    others: Collection[Reservation],
    places: Mapping[int, Place],
    *,
    promised: Collection[Driver],
) -> ReservationOutcome:
    """Whether *asked* can be promised beside the *others*.

    *promised*: drivers who were authorised for whichever connector is plugged in first. A connector with a vehicle
    on it is in use (OCPP 1.6 §5.13: Occupied).
    """
    named = list(places.values()) if asked.connector == STATION else [places[asked.connector]]
    if all(place.lost for place in named):
        faulted = all(place.faulted for place in named)
        return ReservationOutcome.FAULTED if faulted else ReservationOutcome.UNAVAILABLE
    taken = {one.connector for one in others}
    left = {
        number
        for number, place in places.items()
        if place.free and place.plugged_at_s is None and number not in taken
    }
    waiting = _unserved(others, places)
    floating = [one for one in promised if not any(other.is_for(one) for other in waiting)]
    if asked.connector != STATION and asked.connector not in left:
        return ReservationOutcome.OCCUPIED
    enough = len(left) > len(waiting) + len(floating)
    return ReservationOutcome.ACCEPTED if enough else ReservationOutcome.OCCUPIED


def kept_for(
    connector: int, reservations: Collection[Reservation], places: Mapping[int, Place]
) -> tuple[Reservation, ...]:
    """The reservations that close *connector* to everybody who holds none of them; empty while it is open.

    Of the connectors that are left for holders of the station's, those that were plugged in first are given away
    first: who came earlier found a connector that was open.
    """
    own = tuple(one for one in reservations if one.connector == connector)
    if own:
        return own
    driver = places[connector].driver
    if driver is not None and (held := [one for one in reservations if one.is_for(driver)]):
        return tuple(one for one in held if one.connector == STATION)
    waiting = _unserved(reservations, places)
    named = {one.connector for one in reservations}
    here = _plugged_at_s(places[connector])
    behind = [
        number
        for number, place in places.items()
        if number not in named and number != connector and place.free and _plugged_at_s(place) >= here
    ]
    return waiting if len(behind) < len(waiting) else ()


def open_places(driver: Driver, reservations: Collection[Reservation], places: Mapping[int, Place]) -> int:
    """How many free connectors are left for *driver* beyond what is reserved for others."""
    others = [one for one in reservations if not one.is_for(driver)]
    named = {one.connector for one in others}
    free = sum(place.free for number, place in places.items() if number not in named)
    return free - len(_unserved(others, places))


def used_by(driver: Driver, connector: int, reservations: Sequence[Reservation]) -> Reservation | None:
    """The reservation that *driver* uses by starting on *connector*: the connector's own, else one of the station."""
    own = [one for one in reservations if one.is_for(driver) and one.connector in (connector, STATION)]
    return max(own, key=lambda one: (one.connector, same_id_tag(one.id_tag, driver.id_tag)), default=None)


def _unserved(reservations: Collection[Reservation], places: Mapping[int, Place]) -> tuple[Reservation, ...]:
    """Reservations of the station whose holder does not stand authorised at a connector already."""
    drivers = [place.driver for place in places.values() if place.driver is not None]
    waiting = []
    for one in reservations:
        if one.connector != STATION:
            continue
        holder = next((driver for driver in drivers if one.is_for(driver)), None)
        if holder is None:
            waiting.append(one)
        else:
            drivers.remove(holder)
    return tuple(waiting)


def _plugged_at_s(place: Place) -> float:
    return float("inf") if place.plugged_at_s is None else place.plugged_at_s
