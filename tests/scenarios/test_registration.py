"""While the central system has not accepted: what is served, what is sent, and what becomes of sessions."""

from pathlib import Path

import pytest
from ocpp.v16 import call
from ocpp.v16.enums import RegistrationStatus

from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.scenarios.boots import actions, boots, gaps, value_of
from tests.scenarios.site import site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


def test_a_pending_charge_point_serves_what_it_is_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.pending, interval_s=600)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            await here.clock.sleep(1)
            here.world.plug_in(1)
            await here.status("Preparing")
            assert await value_of(here, "NumberOfConnectors") == "1"
            change = call.ChangeConfiguration(key="MeterValueSampleInterval", value="17")
            assert (await here.call(change)).status == "Accepted"
            start = call.RemoteStartTransaction(id_tag=TAG, connector_id=1)
            assert (await here.call(start)).status == "Rejected"
            assert (await here.call(call.RemoteStopTransaction(1))).status == "Rejected"
            assert here.connector().blockers[-1].code == "BOOT_NOT_ACCEPTED"
            assert actions(here) == ["BootNotification"]

    run_virtual(scenario())


def test_a_rejected_charge_point_is_deaf(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.rejected, interval_s=600)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            await here.clock.sleep(1)
            for request in (
                call.GetConfiguration(key=["NumberOfConnectors"]),
                call.ChangeConfiguration(key="MeterValueSampleInterval", value="17"),
                call.TriggerMessage(requested_message="BootNotification"),  # type: ignore[arg-type]
            ):
                with pytest.raises(TimeoutError):
                    await here.call(request)
            assert actions(here) == ["BootNotification"]
            here.behave(registration="Accepted")
            await here.log.message(call.StatusNotification)
            assert await value_of(here, "MeterValueSampleInterval") == "60"

    run_virtual(scenario())


def test_before_the_boot_is_answered_only_a_boot_can_be_triggered(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"BootNotification": Reaction(delay_s=20)})
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await here.log.message(call.BootNotification)
            status = call.TriggerMessage(requested_message="StatusNotification")  # type: ignore[arg-type]
            assert (await here.call(status)).status == "Rejected"
            assert await value_of(here, "NumberOfConnectors") == "1"
            assert actions(here) == ["BootNotification"]

    run_virtual(scenario())


def test_the_clocks_grid_is_silent_before_acceptance(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.pending, interval_s=600)
        ocpp = "ClockAlignedDataInterval = 30"
        async with site(tmp_path, behaviour=behaviour, ocpp=ocpp, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            await here.clock.sleep(200)
            assert actions(here) == ["BootNotification"]
            here.behave(registration="Accepted")
            await here.log.message(call.MeterValues)

    run_virtual(scenario())


def test_every_way_of_not_being_accepted_in_a_row(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.rejected, interval_s=40)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 3)
            here.behave(registration="Pending", interval_s=0)
            await boots(here, 4)
            here.behave(interval_s=30)
            await boots(here, 5)
            here.behave(reactions={"BootNotification": {"error": "InternalError", "times": 1}})
            await boots(here, 6)
            here.behave(reactions={"BootNotification": {"silent": True, "times": 1}})
            await boots(here, 7)
            assert await value_of(here, "NumberOfConnectors") == "1"
            await boots(here, 8)
            await here.clock.sleep(1)
            assert set(actions(here)) == {"BootNotification"}
            here.behave(registration="Accepted", interval_s=300)
            await here.log.message(call.StatusNotification)
            instants = await boots(here, 9)
            assert len(instants) == 9
            assert gaps(instants)[:5] == pytest.approx([40, 40, 60, 30, 30], abs=0.2)
            assert max(gaps(instants)[5:]) < 60.1

    run_virtual(scenario())


@pytest.mark.parametrize("registration", [RegistrationStatus.pending, RegistrationStatus.rejected])
def test_sessions_before_acceptance_follow_the_offline_rules_and_are_booked_after_it(
    tmp_path: Path, registration: RegistrationStatus
) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=registration, interval_s=600)
        ocpp = "AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 60"
        async with site(tmp_path, behaviour=behaviour, ocpp=ocpp, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            for _ in range(2):
                await here.charge(TAG)
                await here.clock.sleep(100)
                here.world.swipe(TAG)
                await here.status("Finishing")
                here.world.plug_out(1)
                await here.status("Available")
            assert set(actions(here)) == {"BootNotification"}
            here.behave(registration="Accepted")
            first, second = await here.stopped(2)
            assert (first.starts, first.stops, second.starts, second.stops) == (1, 1, 1, 1)
            transaction = ["StartTransaction", "MeterValues", "StopTransaction"]
            told = actions(here)[actions(here).index("StatusNotification") :]
            assert told == ["StatusNotification"] * 2 + transaction * 2

    run_virtual(scenario())


def test_a_card_that_is_unknown_offline_starts_nothing_before_acceptance(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.pending, interval_s=600)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            await here.clock.sleep(30)
            assert here.connector().transaction is None
            assert actions(here) == ["BootNotification"]

    run_virtual(scenario())


def test_a_pending_charge_point_sends_what_is_triggered_and_a_triggered_boot_can_end_the_wait(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.pending, interval_s=600)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            await here.clock.sleep(1)
            status = call.TriggerMessage(requested_message="StatusNotification", connector_id=1)  # type: ignore[arg-type]
            assert (await here.call(status)).status == "Accepted"
            told = await here.log.message(call.StatusNotification)
            assert told.connector_id == 1
            here.behave(registration="Accepted")
            boot = call.TriggerMessage(requested_message="BootNotification")  # type: ignore[arg-type]
            assert (await here.call(boot)).status == "Accepted"
            await here.log.message(call.StatusNotification, lambda one: one.connector_id == 0)
            await here.clock.sleep(5)
            assert actions(here) == [
                "BootNotification",
                "StatusNotification",
                "BootNotification",
                "StatusNotification",
                "StatusNotification",
            ]

    run_virtual(scenario())
