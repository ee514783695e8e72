"""Until the central system accepts, a charge point only boots; what the answer says is kept to the second."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call
from ocpp.v16.enums import RegistrationStatus

from cpd.clock import ClockSource
from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.scenarios.boots import actions, boots, gaps, value_of
from tests.scenarios.site import STATION, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


@pytest.mark.parametrize("registration", [RegistrationStatus.pending, RegistrationStatus.rejected])
@pytest.mark.parametrize(("interval_s", "kept_s"), [(30, 30), (1, 1), (0, 60), (-1, 60)])
def test_nothing_but_boots_goes_out_before_acceptance(
    tmp_path: Path, registration: RegistrationStatus, interval_s: int, kept_s: int
) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=registration, interval_s=interval_s)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            here.world.plug_in(1)
            here.world.swipe(TAG)
            instants = await boots(here, 5)
            assert set(actions(here)) == {"BootNotification"}
            assert gaps(instants) == pytest.approx([kept_s] * 4, abs=0.1)
            here.behave(registration="Accepted")
            await here.log.message(call.StatusNotification)
            assert actions(here)[-2:] == ["BootNotification", "StatusNotification"]
            assert here.log.connections == 1

    run_virtual(scenario())


def test_a_new_link_does_not_shorten_the_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.rejected, interval_s=300)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await boots(here, 1)
            await here.clock.sleep(10)
            here.csms.drop(STATION)
            instants = await boots(here, 2)
            assert gaps(instants) == pytest.approx([300], abs=0.1)
            assert here.log.connections == 2

    run_virtual(scenario())


def test_a_link_that_drops_before_the_boot_is_answered_begins_with_a_boot_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"BootNotification": Reaction(drops_link=True, times=1)})
        async with site(tmp_path, behaviour=behaviour) as here:
            assert gaps(await boots(here, 2))[0] < 10

    run_virtual(scenario())


@pytest.mark.parametrize("reaction", [Reaction(error="InternalError"), Reaction(silent=True)])
def test_a_boot_without_a_good_answer_is_sent_again_within_a_minute(
    tmp_path: Path, reaction: Reaction
) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"BootNotification": reaction})
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            instants = await boots(here, 5)
            assert max(gaps(instants)) < 60.1
            assert min(gaps(instants)) >= 29
            here.behave(reactions={})
            await here.log.message(call.StatusNotification)
            assert set(actions(here)[:-1]) == {"BootNotification"}

    run_virtual(scenario())


def test_a_triggered_boot_is_no_reboot(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(1)
            seen = len(here.log.calls)
            boot = call.TriggerMessage(requested_message="BootNotification")  # type: ignore[arg-type]
            assert (await here.call(boot)).status == "Accepted"
            await here.clock.sleep(30)
            assert actions(here)[seen:] == ["BootNotification"]
            assert here.connector().status == "Charging"

    run_virtual(scenario())


def test_a_triggered_boot_that_is_rejected_silences_the_charge_point_until_it_is_accepted(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            here.behave(registration="Rejected", interval_s=100)
            await here.call(call.TriggerMessage(requested_message="BootNotification"))  # type: ignore[arg-type]
            await here.log.message(call.BootNotification, since=len(here.log.calls))
            seen = len(here.log.calls)
            await here.clock.sleep(250)
            assert actions(here)[seen:] == ["BootNotification"] * 2
            assert here.connector().status == "Charging"
            here.behave(registration="Accepted")
            await here.log.message(call.MeterValues)
            assert actions(here)[seen + 2 : seen + 5] == ["BootNotification"] + ["StatusNotification"] * 2

    run_virtual(scenario())


def test_boot_says_who_the_charge_point_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        station = 'vendor = "Acme"\nmodel = "Wallbox"\nserial_number = "SN-1"\nfirmware_version = "1.2"'
        async with site(tmp_path, station=station) as here:
            (boot,) = here.log.messages(call.BootNotification)
            told: Any = (
                boot.charge_point_vendor,
                boot.charge_point_model,
                boot.charge_box_serial_number,
                boot.charge_point_serial_number,
                boot.firmware_version,
            )
            assert told == ("Acme", "Wallbox", "SN-1", "SN-1", "1.2")

    run_virtual(scenario())


@pytest.mark.parametrize(
    "text", ["2026-05-01T08:00:00", "2026-05-01T10:00:00.123456+02:00", "2026-05-01T08:00:00.5Z"]
)
def test_an_untrusted_clock_is_set_by_the_boot_however_its_time_is_spelled(tmp_path: Path, text: str) -> None:
    async def scenario() -> None:
        answer = {"currentTime": text, "interval": 300, "status": "Accepted"}
        behaviour = Behaviour(reactions={"BootNotification": Reaction(answer=answer)})
        start = datetime(2026, 1, 1, tzinfo=UTC)
        async with site(tmp_path, behaviour=behaviour, start=start, source=ClockSource.NONE) as here:
            assert here.clock.source is ClockSource.CSMS
            assert abs(here.clock.now() - datetime(2026, 5, 1, 8, tzinfo=UTC)) < timedelta(seconds=2)
            for told in here.log.messages(call.StatusNotification):
                assert str(told.timestamp).startswith("2026-05-01T08:00:0")

    run_virtual(scenario())


@pytest.mark.parametrize(("interval_s", "kept_s"), [(45, 45), (0, 90), (-1, 90), (3, 10), (1, 10)])
def test_the_interval_of_an_accepted_boot_is_that_of_the_heartbeat(
    tmp_path: Path, interval_s: int, kept_s: int
) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(interval_s=interval_s)
        async with site(tmp_path, behaviour=behaviour, ocpp="HeartbeatInterval = 90") as here:
            assert await value_of(here, "HeartbeatInterval") == str(kept_s)
            await here.clock.sleep(3.5 * kept_s)
            beats = [received.at_s for received in here.log.calls if received.action == "Heartbeat"]
            assert gaps(beats) == pytest.approx([kept_s] * 2, abs=0.1)

    run_virtual(scenario())


def test_a_central_system_that_changes_keys_all_the_time_still_gets_its_heartbeats(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(interval_s=100)) as here:
            for count in range(12):
                await here.clock.sleep(30)
                change = call.ChangeConfiguration(key="MeterValueSampleInterval", value=str(60 + count))
                assert (await here.call(change)).status == "Accepted"
            beats = [received.at_s for received in here.log.calls if received.action == "Heartbeat"]
            assert gaps(beats) == pytest.approx([100] * 2, abs=0.1)

    run_virtual(scenario())


def test_after_a_restart_the_station_is_told_first_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as before:
            await before.clock.sleep(5)
        seen = len(before.log.calls)
        async with site(tmp_path, connectors=2, after=before) as here:
            await here.clock.sleep(5)
            told = [received.message for received in here.log.calls[seen + 1 :]]
            assert actions(here)[seen] == "BootNotification"
            assert [message.connector_id for message in told] == [0, 1, 2]

    run_virtual(scenario())
