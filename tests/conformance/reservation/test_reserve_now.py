"""ReserveNow and CancelReservation (OCPP 1.6 §5.1, §5.13)."""

from pathlib import Path

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.conformance.reservation.reservations import HOLDER, HOUR_S, STRANGER, cancel, reserve
from tests.conformance.station import Station, station
from tests.process.faketime import WallClock, needs_faketime

FAMILY = Behaviour(interval_s=0, tags={name: Tag(parent_id_tag="FAMILY") for name in (HOLDER, "SPOUSE")})


async def fault(here: Station, connector: int = 1) -> None:
    await here.charger.call("mock.fault", connector=connector, kind="under_voltage", active=True)
    await here.status("Faulted", connector)


async def test_the_holder_charges_and_the_start_names_the_reservation(here: Station) -> None:
    await reserve(here)
    start = await here.begin(id_tag=HOLDER)
    assert start.payload["reservationId"] == 7


async def test_a_stranger_does_not_charge(here: Station) -> None:
    await reserve(here)
    await here.plug_in()
    await here.swipe(STRANGER)
    await here.answered(await here.sends("Authorize", idTag=STRANGER))
    await here.swipe(HOLDER)
    assert (await here.sends("StartTransaction")).payload["idTag"] == HOLDER


async def test_a_remote_start_for_the_holder_uses_the_reservation(here: Station) -> None:
    await reserve(here)
    assert await here.ask("RemoteStartTransaction", connectorId=1, idTag=HOLDER) == {"status": "Accepted"}
    await here.plug_in()
    assert (await here.sends("StartTransaction")).payload["reservationId"] == 7


async def test_a_card_of_the_holders_group_uses_the_reservation(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=FAMILY) as here:
        await reserve(here, parentIdTag="FAMILY")
        start = await here.begin(id_tag="SPOUSE")
        assert (start.payload["idTag"], start.payload["reservationId"]) == ("SPOUSE", 7)


async def test_a_used_reservation_is_over(here: Station) -> None:
    await reserve(here)
    await here.begin(id_tag=HOLDER)
    assert await cancel(here) == "Rejected"
    await here.plug_out()
    await here.stopped()
    start = await here.begin(id_tag=STRANGER)
    assert "reservationId" not in start.payload


async def test_a_cancelled_reservation_frees_the_connector(here: Station) -> None:
    await reserve(here)
    await here.status("Reserved")
    assert await cancel(here) == "Accepted"
    await here.status("Available")
    await here.begin(id_tag=STRANGER)


async def test_a_reservation_ends_on_time_without_a_link(here: Station) -> None:
    assert await reserve(here, ends_in_s=1.5) == "Accepted"
    await here.status("Reserved")
    await here.charger.call("csms.disconnect")
    free = await here.charger.until_status("Available")
    assert free["reservation"] is None


async def test_a_reservation_survives_a_power_cut(here: Station) -> None:
    assert await reserve(here) == "Accepted"
    await here.charger.power_cut()
    await here.charger.start()
    await here.status("Reserved")
    assert (await here.begin(id_tag=HOLDER)).payload["reservationId"] == 7


@needs_faketime
async def test_a_reservation_that_ended_during_a_power_cut_is_not_revived(tmp_path: Path) -> None:
    wall = WallClock(tmp_path)
    async with station(tmp_path, environment=wall.environment) as here:
        assert await reserve(here) == "Accepted"
        await here.status("Reserved")
        await here.charger.power_cut()
        since = len(here.calls)
        # The charger believes NTP where the machine has it, and its central system elsewhere.
        wall.off_by(2 * round(HOUR_S))
        here.behave(clock_error_s=2 * HOUR_S)
        await here.charger.start()
        await here.status("Available")
        assert here.sent("StatusNotification", since, status="Reserved") == []
        assert "reservationId" not in (await here.begin(id_tag=STRANGER)).payload


async def test_the_same_number_replaces_its_reservation(here: Station) -> None:
    assert await reserve(here, idTag="FIRST") == "Accepted"
    assert await reserve(here, idTag="SECOND") == "Accepted"
    start = await here.begin(id_tag="SECOND")
    assert start.payload["reservationId"] == 7


async def test_a_plugged_connector_is_occupied(here: Station) -> None:
    await here.plug_in()
    await here.status("Preparing")
    assert await reserve(here) == "Occupied"


async def test_a_connector_that_charges_is_occupied(here: Station) -> None:
    await here.begin()
    assert await reserve(here) == "Occupied"


async def test_a_faulted_connector_is_told_as_such(here: Station) -> None:
    await fault(here)
    assert await reserve(here) == "Faulted"


async def test_a_connector_out_of_service_is_told_as_such(here: Station) -> None:
    await here.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    assert await reserve(here) == "Unavailable"


async def test_a_fault_ends_a_reservation(here: Station) -> None:
    await reserve(here)
    await fault(here)
    assert await cancel(here) == "Rejected"


async def test_a_connector_that_goes_out_of_service_ends_its_reservation(here: Station) -> None:
    await reserve(here)
    await here.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    await here.status("Unavailable")
    assert await cancel(here) == "Rejected"


async def test_connector_zero_keeps_one_connector_free_whichever(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        assert await reserve(here, 0) == "Accepted"
        await here.begin(1, STRANGER)
        await here.plug_in(2)
        await here.swipe("OTHER", 2)
        await here.answered(await here.sends("Authorize", idTag="OTHER"))
        await here.swipe(HOLDER, 2)
        start = await here.sends("StartTransaction")
        assert (start.payload["idTag"], start.payload["reservationId"]) == (HOLDER, 7)


async def test_connector_zero_is_rejected_where_it_is_not_supported(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="ReserveConnectorZeroSupported = false") as here:
        assert await reserve(here, 0) == "Rejected"


async def test_a_reservation_of_one_connector_leaves_the_other(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await reserve(here, 1)
        start = await here.begin(2, STRANGER)
        assert start.payload["connectorId"] == 2


async def test_a_holder_is_known_whatever_the_case_of_the_card(here: Station) -> None:
    await reserve(here)
    assert (await here.begin(id_tag="holder")).payload["reservationId"] == 7
