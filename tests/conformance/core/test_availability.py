"""ChangeAvailability (OCPP 1.6 §5.2)."""

from pathlib import Path

import pytest

from tests.conformance.station import Station, station

ACCEPTED, SCHEDULED, REJECTED = {"status": "Accepted"}, {"status": "Scheduled"}, {"status": "Rejected"}


async def change(here: Station, connector: int, kind: str) -> object:
    return await here.ask("ChangeAvailability", connectorId=connector, type=kind)


async def test_a_free_connector_is_out_of_service_at_once_and_comes_back(here: Station) -> None:
    assert await change(here, 1, "Inoperative") == ACCEPTED
    await here.status("Unavailable")
    assert await change(here, 1, "Operative") == ACCEPTED
    await here.status("Available")


async def test_the_whole_charge_point_reports_itself_and_every_connector(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        assert await change(here, 0, "Inoperative") == ACCEPTED
        for connector in (0, 1, 2):
            await here.status("Unavailable", connector)
        assert await change(here, 0, "Operative") == ACCEPTED
        for connector in (0, 1, 2):
            await here.status("Available", connector)


async def test_one_connector_out_of_service_leaves_the_others(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        assert await change(here, 1, "Inoperative") == ACCEPTED
        await here.status("Unavailable", 1)
        await here.begin(2)
        assert here.sent("StatusNotification", connectorId=2, status="Unavailable") == []


async def test_what_is_so_already_is_accepted(here: Station) -> None:
    assert await change(here, 1, "Operative") == ACCEPTED
    assert await change(here, 1, "Inoperative") == ACCEPTED
    assert await change(here, 1, "Inoperative") == ACCEPTED


async def test_a_running_transaction_is_waited_for(here: Station) -> None:
    await here.charge()
    assert await change(here, 1, "Inoperative") == SCHEDULED
    assert here.sent("StopTransaction") == []
    await here.swipe()
    await here.stopped()
    await here.plug_out()
    await here.status("Unavailable")


async def test_available_is_never_told_on_the_way_out_of_service(here: Station) -> None:
    await here.begin()
    assert await change(here, 1, "Inoperative") == SCHEDULED
    since = len(here.calls)
    await here.plug_out()
    await here.status("Unavailable")
    assert here.sent("StatusNotification", since, connectorId=1, status="Available") == []


async def test_a_change_that_waits_can_be_taken_back(here: Station) -> None:
    await here.begin()
    assert await change(here, 1, "Inoperative") == SCHEDULED
    assert await change(here, 1, "Operative") == ACCEPTED
    await here.plug_out()
    await here.status("Available")


@pytest.mark.parametrize("connector", [0, 1])
async def test_out_of_service_survives_a_power_cut(here: Station, connector: int) -> None:
    assert await change(here, connector, "Inoperative") == ACCEPTED
    await here.status("Unavailable", connector)
    since = len(here.calls)
    await here.charger.power_cut()
    await here.charger.start()
    await here.status("Unavailable", connector)
    assert here.sent("StatusNotification", since, connectorId=connector, status="Available") == []


async def test_a_connector_that_is_not_there_is_rejected(here: Station) -> None:
    for connector in (2, -1):
        assert await change(here, connector, "Inoperative") == REJECTED


async def test_a_card_starts_nothing_out_of_service(here: Station) -> None:
    assert await change(here, 1, "Inoperative") == ACCEPTED
    await here.plug_in()
    await here.swipe("EARLY")
    await here.answered(await here.sends("Authorize"))
    assert await change(here, 1, "Operative") == ACCEPTED
    await here.status("Preparing")
    await here.swipe("LATER")
    assert (await here.sends("StartTransaction")).payload["idTag"] == "LATER"
