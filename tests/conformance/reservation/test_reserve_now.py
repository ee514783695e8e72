"""ReserveNow and CancelReservation (OCPP 1.6 §5.1, §5.13)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.conformance.station import Station, station

HOLDER, STRANGER, HOUR_S = "HOLDER", "STRANGER", 3_600.0
FAMILY = Behaviour(interval_s=0, tags={name: Tag(parent_id_tag="FAMILY") for name in (HOLDER, "SPOUSE")})


async def reserve(
    here: Station, connector: int = 1, number: int = 7, *, ends_in_s: float = HOUR_S, **more: Any
) -> str:
    """The status of a ReserveNow for HOLDER, where *more* does not say else."""
    ends = datetime.now(UTC) + timedelta(seconds=ends_in_s)
    payload = {
        "connectorId": connector,
        "expiryDate": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "idTag": HOLDER,
        "reservationId": number,
    }
    return str((await here.ask("ReserveNow", {**payload, **more}))["status"])


async def cancel(here: Station, number: int = 7) -> str:
    return str((await here.ask("CancelReservation", reservationId=number))["status"])


async def fault(here: Station, connector: int = 1) -> None:
    await here.charger.call("mock.fault", connector=connector, kind="under_voltage", active=True)
    await here.status("Faulted", connector)


async def test_a_reserved_connector_says_so(here: Station) -> None:
    assert await reserve(here) == "Accepted"
    await here.status("Reserved")


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


async def test_a_remote_start_for_a_stranger_is_rejected(here: Station) -> None:
    await reserve(here)
    answer = await here.ask("RemoteStartTransaction", connectorId=1, idTag=STRANGER)
    assert answer == {"status": "Rejected"}


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


async def test_a_cancel_of_an_unknown_reservation_is_rejected(here: Station) -> None:
    await reserve(here)
    assert await cancel(here, 8) == "Rejected"
    assert await cancel(here, 7) == "Accepted"
    assert await cancel(here, 7) == "Rejected"


async def test_a_reservation_ends_on_time(here: Station) -> None:
    assert await reserve(here, ends_in_s=1.5) == "Accepted"
    reserved = await here.status("Reserved")
    free = await here.status("Available")
    assert 0.2 < free.at_s - reserved.at_s < 10


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


async def test_a_reservation_that_ended_during_a_power_cut_is_not_revived(here: Station) -> None:
    assert await reserve(here, ends_in_s=0.5) == "Accepted"
    await here.status("Reserved")
    await here.status("Available")
    await here.charger.power_cut()
    await here.charger.start()
    await here.status("Available")
    assert len(here.sent("StatusNotification", status="Reserved")) == 1


async def test_the_same_number_replaces_its_reservation(here: Station) -> None:
    assert await reserve(here, idTag="FIRST") == "Accepted"
    assert await reserve(here, idTag="SECOND") == "Accepted"
    start = await here.begin(id_tag="SECOND")
    assert start.payload["reservationId"] == 7


async def test_the_same_number_moves_its_reservation_to_another_connector(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await reserve(here, 1)
        await here.status("Reserved", 1)
        assert await reserve(here, 2) == "Accepted"
        await here.status("Available", 1)
        await here.status("Reserved", 2)


async def test_a_second_reservation_of_a_connector_is_occupied(here: Station) -> None:
    assert await reserve(here) == "Accepted"
    assert await reserve(here, number=8) == "Occupied"


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


async def test_a_connector_that_is_not_there_is_rejected(here: Station) -> None:
    for connector in (2, -1):
        assert await reserve(here, connector) == "Rejected"


async def test_a_reservation_that_has_ended_already_is_rejected(here: Station) -> None:
    assert await reserve(here, ends_in_s=-60) == "Rejected"


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
