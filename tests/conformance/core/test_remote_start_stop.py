"""RemoteStartTransaction and RemoteStopTransaction (OCPP 1.6 §5.11, §5.12)."""

from pathlib import Path

from cpd.lab.csms.behaviour import Behaviour
from tests.conformance.station import Station, station

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


async def start(here: Station, connector: int | None = 1, id_tag: str = "REMOTE") -> object:
    place = {} if connector is None else {"connectorId": connector}
    return await here.ask("RemoteStartTransaction", place, idTag=id_tag)


async def test_a_remote_start_begins_a_transaction_with_its_idtag(here: Station) -> None:
    await here.plug_in()
    await here.status("Preparing")
    assert await start(here) == ACCEPTED
    begun = await here.sends("StartTransaction")
    assert (begun.payload["idTag"], begun.payload["connectorId"]) == ("REMOTE", 1)


async def test_a_remote_start_is_not_authorised_again_by_default(here: Station) -> None:
    await here.plug_in()
    assert await start(here) == ACCEPTED
    await here.sends("StartTransaction")
    assert here.sent("Authorize") == []


async def test_with_authorize_remote_tx_requests_its_idtag_is_asked_about(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="AuthorizeRemoteTxRequests = true") as here:
        await here.plug_in()
        assert await start(here) == ACCEPTED
        await here.sends("StartTransaction")
        assert [one.payload for one in here.sent("Authorize")] == [{"idTag": "REMOTE"}]


async def test_with_authorize_remote_tx_requests_a_refused_idtag_starts_nothing(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0).changed({"tags": {"BAD": {"status": "Blocked"}}})
    async with station(tmp_path, behaviour=behaviour, ocpp="AuthorizeRemoteTxRequests = true") as here:
        await here.plug_in()
        assert await start(here, id_tag="BAD") == ACCEPTED
        await here.charger.until_connector(lambda one: one["blockers"][0]["code"] == "CARD_REFUSED")
        assert await start(here, id_tag="GOOD") == ACCEPTED
        await here.sends("StartTransaction")
        assert [one.payload["idTag"] for one in here.sent("StartTransaction")] == ["GOOD"]


async def test_without_a_connector_the_one_that_is_plugged_in_is_taken(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await here.plug_in(2)
        await here.status("Preparing", 2)
        assert await start(here, None) == ACCEPTED
        assert (await here.sends("StartTransaction")).payload["connectorId"] == 2


async def test_without_a_connector_and_a_vehicle_the_first_plug_is_taken(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        assert await start(here, None) == ACCEPTED
        await here.plug_in(2)
        assert (await here.sends("StartTransaction")).payload["connectorId"] == 2


async def test_a_remote_start_waits_for_the_plug(here: Station) -> None:
    assert await start(here) == ACCEPTED
    await here.status("Preparing")
    await here.plug_in()
    await here.sends("StartTransaction")


async def test_a_remote_start_without_a_plug_lapses_after_connection_time_out(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="ConnectionTimeOut = 1") as here:
        assert await start(here) == ACCEPTED
        await here.status("Preparing")
        await here.status("Available")
        await here.begin(id_tag="GOOD")
        assert [one.payload["idTag"] for one in here.sent("StartTransaction")] == ["GOOD"]


async def test_a_remote_start_on_a_connector_that_is_not_there_is_rejected(here: Station) -> None:
    for connector in (0, 2, -1):
        assert await start(here, connector) == REJECTED


async def test_a_remote_start_where_a_transaction_runs_is_rejected(here: Station) -> None:
    await here.begin()
    assert await start(here) == REJECTED


async def test_a_remote_start_on_a_connector_out_of_service_is_rejected(here: Station) -> None:
    await here.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    assert await start(here) == REJECTED


async def test_a_remote_start_on_a_faulted_connector_is_rejected(here: Station) -> None:
    await here.charger.call("mock.fault", connector=1, kind="ground_fault", active=True)
    await here.status("Faulted")
    assert await start(here) == REJECTED


async def test_a_remote_start_begins_again_from_finishing(here: Station) -> None:
    await here.begin()
    await here.swipe()
    await here.stopped()
    assert await start(here) == ACCEPTED
    assert (await here.sends("StartTransaction")).payload["idTag"] == "REMOTE"


async def test_a_remote_stop_ends_the_transaction_of_its_number(here: Station) -> None:
    await here.begin()
    assert await here.ask("RemoteStopTransaction", transactionId=1) == ACCEPTED
    (stop,) = await here.stopped()
    assert (stop["transactionId"], stop["reason"], stop.get("idTag")) == (1, "Remote", None)
    await here.status("Finishing")


async def test_a_remote_stop_of_an_unknown_transaction_is_rejected(here: Station) -> None:
    await here.begin()
    for number in (0, 2, -1):
        assert await here.ask("RemoteStopTransaction", transactionId=number) == REJECTED


async def test_a_remote_stop_of_a_transaction_that_has_ended_is_rejected(here: Station) -> None:
    await here.begin()
    await here.swipe()
    await here.stopped()
    assert await here.ask("RemoteStopTransaction", transactionId=1) == REJECTED


async def test_a_remote_stop_of_one_connector_leaves_the_other(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await here.begin(1, "ONE")
        await here.begin(2, "TWO")
        assert await here.ask("RemoteStopTransaction", transactionId=2) == ACCEPTED
        (stop,) = await here.stopped()
        assert stop["transactionId"] == 2
        assert await here.ask("RemoteStopTransaction", transactionId=1) == ACCEPTED


async def test_a_remote_start_may_bring_a_profile_for_its_transaction(here: Station) -> None:
    profile = {
        "chargingProfileId": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9}],
        },
    }
    await here.plug_in()
    answer = await here.ask("RemoteStartTransaction", connectorId=1, idTag="REMOTE", chargingProfile=profile)
    assert answer == ACCEPTED
    await here.sends("StartTransaction")
    schedule = await here.ask("GetCompositeSchedule", connectorId=1, duration=60)
    assert schedule["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 9
