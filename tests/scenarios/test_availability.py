"""ChangeAvailability over the wire: what goes out of service when, what is told, and what outlives a power cut."""

import itertools
from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.lab.csms.ledger import BookedTransaction
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual


async def change(here: Site, connector: int, kind: str) -> str:
    request = call.ChangeAvailability(connector_id=connector, type=kind)  # type: ignore[arg-type]
    return str((await here.call(request)).status)


def told(here: Site, since: int = 0) -> list[tuple[int, str]]:
    """What the CSMS was told since its call number *since*."""
    return [
        (one.message.connector_id, str(one.message.status))
        for one in here.log.calls[since:]
        if one.action == "StatusNotification"
    ]


def test_a_free_connector_is_out_of_service_at_once_and_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            seen = len(here.log.calls)
            assert await change(here, 1, "Inoperative") == "Accepted"
            now = await here.status("Unavailable")
            await here.clock.sleep(1)
            assert (now.operative, now.blockers[0].code) == (False, "UNAVAILABLE_CSMS")
            assert here.connector().outlet.pilot == "F", "a vehicle is told so"
            assert here.connector(2).status == "Available"
            here.world.swipe("TAG", 1)
            here.world.plug_in(1)
            await here.clock.sleep(60)
            assert here.log.messages(call.StartTransaction) == []
            here.world.plug_out(1)
            assert await change(here, 1, "Operative") == "Accepted"
            await here.status("Available")
            await here.clock.sleep(5)
            assert told(here, seen) == [(1, "Unavailable"), (1, "Available")]
            await here.charge()

    run_virtual(scenario())


def test_the_whole_station_reports_itself_and_every_connector(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            seen = len(here.log.calls)
            assert await change(here, 0, "Inoperative") == "Accepted"
            await here.clock.sleep(5)
            assert sorted(told(here, seen)) == [(0, "Unavailable"), (1, "Unavailable"), (2, "Unavailable")]
            seen = len(here.log.calls)
            assert await change(here, 0, "Operative") == "Accepted"
            await here.clock.sleep(5)
            assert sorted(told(here, seen)) == [(0, "Available"), (1, "Available"), (2, "Available")]

    run_virtual(scenario())


@pytest.mark.parametrize(("first", "second"), list(itertools.product([0, 1], ["Operative", "Inoperative"])))
def test_the_station_dominates_its_connectors(tmp_path: Path, first: int, second: str) -> None:
    """The station and connector 1 set one after the other, in both orders."""

    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await change(here, first, "Inoperative") == "Accepted"
            assert await change(here, 1 - first, second) == "Accepted"
            await here.clock.sleep(5)
            # Said of the station, it is said of every connector; said of a connector, the station stays as it is.
            in_service = first == 1 and second == "Operative"
            assert here.connector(1).status == ("Available" if in_service else "Unavailable")
            assert dict(told(here))[0] == (
                "Unavailable" if first == 0 or second == "Inoperative" else "Available"
            )

    run_virtual(scenario())


def test_a_change_waits_for_the_transaction_and_available_is_never_told_between(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(1)
            seen = len(here.log.calls)
            assert await change(here, 1, "Inoperative") == "Scheduled"
            await here.clock.sleep(60)
            assert here.connector().status == "Charging"
            here.world.swipe("04A31F02B16180")
            await here.status("Unavailable")
            await here.clock.sleep(5)
            here.world.plug_out(1)
            await here.clock.sleep(60)
            assert told(here, seen) == [(1, "Finishing"), (1, "Unavailable")]
            assert here.connector().outlet.pilot == "F"

    run_virtual(scenario())


def test_a_transaction_that_ends_by_unplugging_leads_straight_out_of_service(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(1)
            seen = len(here.log.calls)
            assert await change(here, 1, "Inoperative") == "Scheduled"
            here.world.plug_out(1)
            await here.status("Unavailable")
            await here.clock.sleep(5)
            assert "Available" not in [status for _, status in told(here, seen)]

    run_virtual(scenario())


def test_of_a_station_the_free_connectors_go_at_once_and_the_station_with_the_last_one(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge("ONE", 1)
            await here.clock.sleep(1)
            seen = len(here.log.calls)
            assert await change(here, 0, "Inoperative") == "Scheduled"
            await here.clock.sleep(30)
            assert told(here, seen) == [(2, "Unavailable")]
            assert here.connector(1).status == "Charging"
            here.world.plug_out(1)
            await here.status("Unavailable")
            await here.clock.sleep(5)
            assert sorted(told(here, seen)[-2:]) == [(0, "Unavailable"), (1, "Unavailable")]

    run_virtual(scenario())


def test_a_change_that_waits_can_be_taken_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            assert await change(here, 1, "Inoperative") == "Scheduled"
            assert await change(here, 1, "Operative") == "Accepted"
            here.world.plug_out(1)
            await here.status("Available")

    run_virtual(scenario())


@pytest.mark.parametrize("connector", [0, 1])
def test_a_change_that_waits_survives_a_power_cut(tmp_path: Path, connector: int) -> None:
    """The answer is believed although the power goes right behind it, while the transaction still runs."""

    async def scenario() -> None:
        async with site(tmp_path) as first:
            await first.charge()
            assert await change(first, connector, "Inoperative") == "Scheduled"
        async with site(tmp_path, after=first) as second:
            await second.clock.sleep(10)
            assert second.connector().status == "Unavailable"
            booked: list[BookedTransaction] = await second.stopped()
            assert [(one.starts, one.stops, one.reason) for one in booked] == [(1, 1, "PowerLoss")]
            boot = max(n for n, one in enumerate(second.log.calls) if one.action == "BootNotification")
            assert (1, "Available") not in told(second, boot)
            assert dict(told(second, boot))[0] == ("Unavailable" if connector == 0 else "Available")
            assert await change(second, connector, "Operative") == "Accepted"
            await second.status("Available")

    run_virtual(scenario())


@pytest.mark.parametrize("connector", [3, -1, 99])
def test_a_connector_that_is_not_there_is_rejected(tmp_path: Path, connector: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            seen = len(here.log.calls)
            assert await change(here, connector, "Inoperative") == "Rejected"
            await here.clock.sleep(5)
            assert told(here, seen) == []

    run_virtual(scenario())


def test_an_authorised_driver_without_a_vehicle_is_turned_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.swipe("TAG")
            await here.status("Preparing")
            assert await change(here, 1, "Inoperative") == "Accepted"
            await here.status("Unavailable")
            assert await change(here, 1, "Operative") == "Accepted"
            await here.status("Available")
            here.world.plug_in(1)
            await here.clock.sleep(30)
            assert here.log.messages(call.StartTransaction) == [], "the leave went with the service"

    run_virtual(scenario())


def test_a_remote_start_on_a_connector_out_of_service_is_rejected(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await change(here, 1, "Inoperative")
            start = call.RemoteStartTransaction(id_tag="REMOTE", connector_id=1)
            assert (await here.call(start)).status == "Rejected"
            await change(here, 0, "Inoperative")
            anywhere = call.RemoteStartTransaction(id_tag="REMOTE")
            assert (await here.call(anywhere)).status == "Rejected"

    run_virtual(scenario())


def test_the_csms_and_people_at_the_charger_must_both_have_it_in_service(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.control("availability", connector=1, operative=False)
            now = await here.status("Unavailable")
            assert now.blockers[0].code == "UNAVAILABLE_LOCAL"
            assert await change(here, 1, "Operative") == "Accepted"
            await here.clock.sleep(5)
            assert here.connector().status == "Unavailable"
            assert await change(here, 1, "Inoperative") == "Accepted"
            await here.control("availability", connector=1, operative=True)
            await here.clock.sleep(5)
            assert here.connector().blockers[0].code == "UNAVAILABLE_CSMS"
            assert await change(here, 1, "Operative") == "Accepted"
            await here.status("Available")

    run_virtual(scenario())
