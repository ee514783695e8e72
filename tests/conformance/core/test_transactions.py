"""How transactions begin and end, whatever ends them and whatever number they get (OCPP 1.6 §4.8, §4.10, §7.36)."""

from pathlib import Path

import pytest

from cpd.lab.csms.behaviour import Behaviour
from tests.conformance.station import Station, station

OWN = Behaviour(interval_s=0)


async def fault(here: Station, kind: str, active: bool = True) -> None:
    await here.charger.call("mock.fault", connector=1, kind=kind, active=active)


async def test_unplugging_ends_a_transaction_with_ev_disconnected(here: Station) -> None:
    await here.charge()
    await here.plug_out()
    (stop,) = await here.stopped()
    assert (stop["reason"], stop.get("idTag")) == ("EVDisconnected", None)
    await here.status("Available")


async def test_a_stop_at_the_charger_is_local(here: Station) -> None:
    await here.begin()
    await here.charger.call("stop", connector=1)
    (stop,) = await here.stopped()
    assert stop["reason"] == "Local"


async def test_an_emergency_stop_ends_a_transaction(here: Station) -> None:
    await here.begin()
    await fault(here, "emergency_stop")
    (stop,) = await here.stopped()
    assert stop["reason"] == "EmergencyStop"


async def test_a_ground_fault_ends_a_transaction_with_other(here: Station) -> None:
    await here.begin()
    await fault(here, "ground_fault")
    (stop,) = await here.stopped()
    assert stop["reason"] == "Other"
    await here.status("Faulted", errorCode="GroundFailure")


async def test_a_power_cut_ends_a_transaction_with_power_loss(here: Station) -> None:
    await here.begin()
    await here.charger.power_cut()
    await here.charger.start()
    (stop,) = await here.stopped()
    assert (stop["reason"], stop["transactionId"]) == ("PowerLoss", 1)


async def test_a_planned_end_of_the_daemon_ends_a_transaction(here: Station) -> None:
    await here.begin()
    assert await here.charger.terminate() == 0
    await here.charger.start()
    (stop,) = await here.stopped()
    assert stop["transactionId"] == 1


async def test_where_the_installer_says_so_a_transaction_goes_on_after_a_power_cut(tmp_path: Path) -> None:
    resumed = {"station": 'on_power_loss = "resume"', "hal": 'mock_vehicle = "remembered"'}
    async with station(tmp_path, **resumed) as here:
        await here.begin()
        await here.charger.power_cut()
        await here.charger.start()
        # Its number may be lost with the power: then the same start is told again, and gets the same number.
        await here.charger.until_connector(lambda one: (one["transaction"] or {}).get("id") == 1)
        assert await here.ask("RemoteStopTransaction", transactionId=1) == {"status": "Accepted"}
        (stop,) = await here.stopped()
        assert (stop["reason"], len(here.site.transactions)) == ("Remote", 1)


@pytest.mark.parametrize("number", [0, -1])
async def test_every_number_of_the_central_system_is_used_as_given(tmp_path: Path, number: int) -> None:
    async with station(tmp_path, behaviour=OWN.changed({"transaction_ids": [number]})) as here:
        await here.begin()
        await here.swipe()
        (stop,) = await here.stopped()
        assert stop["transactionId"] == number


async def test_the_same_number_twice_in_a_row_is_survived(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=OWN.changed({"transaction_ids": [7, 7]})) as here:
        for count in (1, 2):
            await here.begin()
            await here.plug_out()
            stops = await here.stopped(count)
            assert stops[-1]["transactionId"] == 7
            await here.status("Available")


@pytest.mark.parametrize("status", ["Invalid", "ConcurrentTx"])
async def test_a_start_that_is_not_accepted_is_stopped_as_de_authorized(tmp_path: Path, status: str) -> None:
    async with station(tmp_path, behaviour=OWN.changed({"start_status": status})) as here:
        await here.begin()
        (stop,) = await here.stopped()
        assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 1)


async def test_without_stop_transaction_on_invalid_id_a_refused_start_only_gets_no_current(
    tmp_path: Path,
) -> None:
    behaviour = OWN.changed({"start_status": "Invalid"})
    async with station(tmp_path, behaviour=behaviour, ocpp="StopTransactionOnInvalidId = false") as here:
        await here.begin()
        await here.status("SuspendedEVSE")
        assert await here.ask("RemoteStopTransaction", transactionId=1) == {"status": "Accepted"}
        (stop,) = await here.stopped()
        assert stop["reason"] == "Remote"


async def test_a_session_begins_again_from_finishing_without_replugging(here: Station) -> None:
    await here.begin()
    await here.swipe()
    await here.stopped()
    await here.swipe("OTHER")
    await here.status("Charging")
    assert [one.payload["idTag"] for one in here.sent("StartTransaction")][1:] == ["OTHER"]


async def test_without_stop_on_ev_side_disconnect_the_transaction_outlasts_the_cable(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="StopTransactionOnEVSideDisconnect = false") as here:
        await here.charge()
        await here.plug_out()
        await here.status("SuspendedEV")
        assert here.sent("StopTransaction") == []
        await here.swipe()
        (stop,) = await here.stopped()
        assert stop["reason"] == "Local"


async def test_two_connectors_charge_at_once_and_are_booked_apart(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await here.begin(1, "ONE")
        await here.begin(2, "TWO")
        await here.swipe("ONE")
        await here.swipe("TWO")
        stops = await here.stopped(2)
        assert [(one["transactionId"], one["idTag"]) for one in stops] == [(1, "ONE"), (2, "TWO")]


async def test_a_vehicle_that_does_not_draw_is_suspended_by_the_ev(here: Station) -> None:
    await here.charge()
    await here.charger.call("mock.ev", connector=1, ready=False)
    await here.status("SuspendedEV")
    await here.charger.call("mock.ev", connector=1, ready=True)
    await here.status("Charging")
    assert here.sent("StopTransaction") == []


async def test_the_meter_at_the_start_and_at_the_stop_is_that_of_the_connector(here: Station) -> None:
    await here.charger.call("mock.meter", connector=1, energy_wh=5_000)
    start = await here.begin()
    await here.charger.call("mock.meter", connector=1, energy_wh=7_500)
    await here.swipe()
    (stop,) = await here.stopped()
    assert (start.payload["meterStart"], stop["meterStop"]) == (5_000, 7_500)


async def test_a_stop_carries_no_data_where_none_were_asked_for(here: Station) -> None:
    await here.begin()
    await here.swipe()
    (stop,) = await here.stopped()
    assert "transactionData" not in stop


async def test_the_next_session_of_a_connector_has_a_number_of_its_own(here: Station) -> None:
    for count in (1, 2):
        await here.begin()
        await here.plug_out()
        stops = await here.stopped(count)
        assert stops[-1]["transactionId"] == count
        await here.status("Available")
