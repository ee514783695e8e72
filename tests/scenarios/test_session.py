"""Sessions as a central system sees them: plug first and card first, local and remote, every way to stop."""

from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


def statuses(here: Site, connector: int = 1) -> list[str]:
    return [
        str(message.status)
        for message in here.log.messages(call.StatusNotification)
        if message.connector_id == connector
    ]


def test_boot_tells_of_the_station_first_and_then_of_every_connector(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.clock.sleep(5)
            assert [received.action for received in here.log.calls] == ["BootNotification"] + [
                "StatusNotification"
            ] * 3
            told = here.log.messages(call.StatusNotification)
            assert [(message.connector_id, message.status) for message in told] == [
                (0, "Available"),
                (1, "Available"),
                (2, "Available"),
            ]

    run_virtual(scenario())


def test_plug_first_session_stopped_by_its_card(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(600)
            here.world.swipe(TAG)
            await here.status("Finishing")
            (booked,) = await here.stopped()
            here.world.plug_out(1)
            await here.status("Available")
            await here.clock.sleep(5)
            assert (booked.starts, booked.stops, booked.reason, booked.stop_id_tag) == (1, 1, "Local", TAG)
            assert booked.meter_stop_wh is not None
            assert 3_500 < booked.meter_stop_wh - booked.meter_start_wh < 3_800
            assert statuses(here) == ["Available", "Preparing", "Charging", "Finishing", "Available"]

    run_virtual(scenario())


def test_card_first_session_stopped_by_unplugging(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.swipe(TAG)
            await here.status("Preparing")
            here.world.plug_in(1)
            await here.status("Charging")
            await here.clock.sleep(60)
            here.world.plug_out(1)
            await here.status("Available")
            (booked,) = await here.stopped()
            assert (booked.reason, booked.stop_id_tag) == ("EVDisconnected", None)
            assert statuses(here)[:3] == ["Available", "Preparing", "Charging"]
            assert statuses(here)[-1] == "Available"

    run_virtual(scenario())


def test_card_first_lapses_after_connection_time_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="ConnectionTimeOut = 45") as here:
            here.world.swipe(TAG)
            await here.status("Preparing")
            began_s = here.clock.monotonic_s()
            await here.status("Available")
            assert here.clock.monotonic_s() - began_s == pytest.approx(45, abs=0.1)
            here.world.plug_in(1)
            await here.clock.sleep(30)
            assert here.log.ledger.transactions == []

    run_virtual(scenario())


@pytest.mark.parametrize("connector", [1, None])
def test_remote_session_from_start_to_stop(tmp_path: Path, connector: int | None) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            start = call.RemoteStartTransaction(id_tag="REMOTE", connector_id=connector)
            assert (await here.call(start)).status == "Accepted"
            await here.status("Charging")
            (booked,) = here.log.ledger.transactions
            assert booked.id_tag == "REMOTE"
            wrong = call.RemoteStopTransaction(transaction_id=booked.id + 1)
            assert (await here.call(wrong)).status == "Rejected"
            assert (await here.call(call.RemoteStopTransaction(booked.id))).status == "Accepted"
            stop = await here.log.message(call.StopTransaction)
            assert stop.reason == "Remote"
            await here.status("Finishing")

    run_virtual(scenario())


@pytest.mark.parametrize("connector", [0, 2, -1])
def test_remote_start_on_a_connector_that_is_not_there_is_rejected(tmp_path: Path, connector: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            start = call.RemoteStartTransaction(id_tag="REMOTE", connector_id=connector)
            assert (await here.call(start)).status == "Rejected"

    run_virtual(scenario())


def test_a_session_starts_again_from_finishing_without_replugging(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            here.world.swipe(TAG)
            await here.status("Finishing")
            here.world.swipe("OTHER")
            await here.status("Charging")
            first, second = here.log.ledger.transactions
            assert (first.stops, second.starts, second.stops) == (1, 1, 0)
            assert second.meter_start_wh >= (first.meter_stop_wh or 0)

    run_virtual(scenario())


def test_another_card_does_not_stop_the_session_but_one_of_its_group_does(tmp_path: Path) -> None:
    group = {name: Tag(parent_id_tag="FAMILY") for name in ("MUM", "DAD")}

    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(tags=group)) as here:
            await here.charge("MUM")
            here.world.swipe("STRANGER")
            await here.clock.sleep(20)
            assert here.connector().status == "Charging"
            here.world.swipe("DAD")
            await here.status("Finishing")
            (booked,) = await here.stopped()
            assert booked.stop_id_tag == "DAD"

    run_virtual(scenario())


def test_a_refused_card_starts_nothing_and_why_says_so(tmp_path: Path) -> None:
    behaviour = Behaviour(tags={"BLOCKED": Tag(status="Blocked")})  # type: ignore[arg-type]

    async def scenario() -> None:
        async with site(tmp_path, behaviour=behaviour) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe("BLOCKED")
            refused = await here.until(lambda one: one.blockers[0].code == "CARD_REFUSED")
            assert refused.status == "Preparing"
            assert here.log.ledger.transactions == []

    run_virtual(scenario())


@pytest.mark.parametrize("stops", [True, False])
def test_a_start_that_the_csms_refuses_is_stopped_or_left_without_current(
    tmp_path: Path, stops: bool
) -> None:
    behaviour = Behaviour(start_status="Invalid", transaction_ids=(0,))  # type: ignore[arg-type]
    ocpp = f"StopTransactionOnInvalidId = {str(stops).lower()}"

    async def scenario() -> None:
        async with site(tmp_path, behaviour=behaviour, ocpp=ocpp) as here:
            here.world.plug_in(1)
            here.world.swipe(TAG)
            await here.log.message(call.StartTransaction)
            if stops:
                stop = await here.log.message(call.StopTransaction)
                assert (stop.transaction_id, stop.reason) == (0, "DeAuthorized")
            else:
                await here.status("SuspendedEVSE")
                await here.clock.sleep(300)
                assert here.log.messages(call.StopTransaction) == []
                assert here.connector().offer_ma == 0

    run_virtual(scenario())


def test_two_connectors_charge_at_once_and_are_booked_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge("ONE", 1)
            await here.charge("TWO", 2)
            await here.clock.sleep(300)
            here.world.swipe("ONE")
            await here.status("Finishing", 1)
            assert here.connector(2).status == "Charging"
            here.world.swipe("TWO")
            await here.status("Finishing", 2)
            booked = await here.stopped(2)
            assert [(one.connector, one.id_tag, one.starts, one.stops) for one in booked] == [
                (1, "ONE", 1, 1),
                (2, "TWO", 1, 1),
            ]

    run_virtual(scenario())


def test_unplugging_leaves_the_transaction_open_where_the_key_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="StopTransactionOnEVSideDisconnect = false") as here:
            await here.charge(TAG)
            here.world.plug_out(1)
            await here.status("SuspendedEV")
            await here.clock.sleep(60)
            assert here.log.messages(call.StopTransaction) == []
            here.world.plug_in(1)
            await here.status("Charging")
            assert len(here.log.ledger.transactions) == 1

    run_virtual(scenario())


def test_meter_values_come_on_the_grid_of_the_transaction_with_their_context(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = (
            'MeterValueSampleInterval = 30\nMeterValuesSampledData = "Energy.Active.Import.Register,Voltage"'
        )
        async with site(tmp_path, ocpp=ocpp) as here:
            await here.charge(TAG)
            await here.clock.sleep(95)
            values: list[Any] = here.log.messages(call.MeterValues)
            assert len(values) == 3
            sampled = values[-1].meter_value[0]["sampled_value"]
            kinds = [(one["measurand"], one.get("phase"), one["context"]) for one in sampled]
            assert kinds == [("Energy.Active.Import.Register", None, "Sample.Periodic")] + [
                ("Voltage", phase, "Sample.Periodic") for phase in ("L1-N", "L2-N", "L3-N")
            ]

    run_virtual(scenario())


def test_the_list_of_transactions_tells_what_a_running_one_has_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(30)
            ((running, delivered),) = await here.daemon.station.picture.transactions(10)
            taken_wh = running.last_meter_wh - running.meter_start_wh
            assert taken_wh == here.connector().transaction_energy_wh
            assert (taken_wh > 150, delivered) == (True, False)

    run_virtual(scenario())
