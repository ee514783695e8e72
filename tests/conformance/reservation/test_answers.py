"""What ReserveNow and CancelReservation are answered where nobody charges (OCPP 1.6 §5.1, §5.13)."""

import pytest
import pytest_asyncio

from tests.conformance.reservation.reservations import STRANGER, cancel, reserve
from tests.conformance.station import Station
from tests.process.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def idle(site_of_the_file: Site) -> Station:
    """The charger of the file, without the reservations of the test before."""
    before = Station(site_of_the_file, since=len(site_of_the_file.log.entries))
    for number in (7, 8):
        await cancel(before, number)
    await before.charger.until(
        lambda status: all(one["ocpp_status"] == "Available" for one in status["connectors"])
    )
    # Reserved that is over before it was told would never be told.
    await before.ask("TriggerMessage", requestedMessage="StatusNotification")
    for connector in (1, 2):
        await before.status("Available", connector)
    return Station(site_of_the_file, since=len(site_of_the_file.log.entries))


async def test_a_reserved_connector_says_so(idle: Station) -> None:
    assert await reserve(idle) == "Accepted"
    await idle.status("Reserved")


async def test_a_remote_start_for_a_stranger_is_rejected(idle: Station) -> None:
    await reserve(idle)
    answer = await idle.ask("RemoteStartTransaction", connectorId=1, idTag=STRANGER)
    assert answer == {"status": "Rejected"}


async def test_a_cancel_of_an_unknown_reservation_is_rejected(idle: Station) -> None:
    await reserve(idle)
    assert await cancel(idle, 8) == "Rejected"
    assert await cancel(idle, 7) == "Accepted"
    assert await cancel(idle, 7) == "Rejected"


async def test_a_reservation_ends_on_time(idle: Station) -> None:
    assert await reserve(idle, ends_in_s=1.5) == "Accepted"
    reserved = await idle.status("Reserved")
    free = await idle.status("Available")
    assert 0.2 < free.at_s - reserved.at_s < 10


async def test_the_same_number_moves_its_reservation_to_another_connector(idle: Station) -> None:
    await reserve(idle, 1)
    await idle.status("Reserved", 1)
    assert await reserve(idle, 2) == "Accepted"
    await idle.status("Available", 1)
    await idle.status("Reserved", 2)


async def test_a_second_reservation_of_a_connector_is_occupied(idle: Station) -> None:
    assert await reserve(idle) == "Accepted"
    assert await reserve(idle, number=8) == "Occupied"


async def test_a_connector_that_is_not_there_is_rejected(idle: Station) -> None:
    for connector in (3, -1):
        assert await reserve(idle, connector) == "Rejected"


async def test_a_reservation_that_has_ended_already_is_rejected(idle: Station) -> None:
    assert await reserve(idle, ends_in_s=-60) == "Rejected"
