"""TriggerMessage (OCPP 1.6 §5.17): what is asked for is sent after the answer, or the answer says that it is not."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
ALL_PROFILES = 'SupportedFeatureProfiles = "Core,RemoteTrigger,FirmwareManagement"'


async def trigger(here: Site, message: str, connector: int | None = None) -> str:
    request = call.TriggerMessage(requested_message=message, connector_id=connector)  # type: ignore[arg-type]
    return str((await here.call(request)).status)


async def sent_after(here: Site, message: str, connector: int | None = None) -> list[Any]:
    """What the charge point sent because of an accepted trigger."""
    seen = len(here.log.calls)
    assert await trigger(here, message, connector) == "Accepted"
    await here.clock.sleep(1)
    return [one.message for one in here.log.calls[seen:] if one.action == message]


@pytest.mark.parametrize(
    "message",
    ["BootNotification", "Heartbeat", "DiagnosticsStatusNotification", "FirmwareStatusNotification"],
)
@pytest.mark.parametrize("connector", [None, 1])
def test_a_message_of_the_whole_station_goes_once_whatever_connector_is_named(
    tmp_path: Path, message: str, connector: int | None
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, ocpp=ALL_PROFILES) as here:
            assert len(await sent_after(here, message, connector)) == 1
            assert here.daemon.csms.online

    run_virtual(scenario())


@pytest.mark.parametrize("message", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
def test_nothing_going_on_is_told_as_idle(tmp_path: Path, message: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ALL_PROFILES) as here:
            (told,) = await sent_after(here, message)
            assert told.status == "Idle"

    run_virtual(scenario())


@pytest.mark.parametrize(("connector", "told"), [(None, [0, 1, 2]), (1, [1]), (2, [2])])
def test_the_status_is_told_of_the_connector_or_of_all_and_the_station(
    tmp_path: Path, connector: int | None, told: list[int]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            here.world.plug_in(2)
            await here.status("Preparing", 2)
            await here.clock.sleep(1)
            statuses = await sent_after(here, "StatusNotification", connector)
            assert [one.connector_id for one in statuses] == told
            assert {one.status for one in statuses if one.connector_id == 2} <= {"Preparing"}

    run_virtual(scenario())


@pytest.mark.parametrize(("connector", "told"), [(None, [1, 2]), (2, [2])])
def test_meter_values_come_with_the_context_trigger_and_the_transaction(
    tmp_path: Path, connector: int | None, told: list[int]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge(TAG, 2)
            await here.clock.sleep(5)
            values = await sent_after(here, "MeterValues", connector)
            assert [one.connector_id for one in values] == told
            (booked,) = here.log.ledger.transactions
            assert [one.transaction_id for one in values if one.connector_id == 2] == [booked.id]
            contexts = {sample["context"] for one in values for sample in one.meter_value[0]["sampled_value"]}
            assert contexts == {"Trigger"}

    run_virtual(scenario())


@pytest.mark.parametrize("message", ["StatusNotification", "MeterValues"])
@pytest.mark.parametrize("connector", [0, 3])
def test_a_connector_that_there_is_not_is_rejected(tmp_path: Path, message: str, connector: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            seen = len(here.log.calls)
            assert await trigger(here, message, connector) == "Rejected"
            await here.clock.sleep(5)
            assert len(here.log.calls) == seen

    run_virtual(scenario())


async def no_measurands(here: Site) -> None:
    request = call.ChangeConfiguration(key="MeterValuesSampledData", value="")
    assert (await here.call(request)).status == "Accepted"


async def no_meter(here: Site) -> None:
    here.world.fault(1, "meter_offline", True)
    await here.clock.sleep(30)


@pytest.mark.parametrize("silence", [no_measurands, no_meter])
@pytest.mark.parametrize("connector", [None, 1])
def test_meter_values_that_would_be_empty_are_not_promised(
    tmp_path: Path, silence: Callable[[Site], Awaitable[None]], connector: int | None
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await silence(here)
            seen = len(here.log.calls)
            assert await trigger(here, "MeterValues", connector) == "Rejected"
            await here.clock.sleep(5)
            assert [one.action for one in here.log.calls[seen:]] == []

    run_virtual(scenario())


@pytest.mark.parametrize("message", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
def test_what_belongs_to_a_profile_that_is_off_is_not_implemented(tmp_path: Path, message: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp='SupportedFeatureProfiles = "Core,RemoteTrigger"') as here:
            assert await trigger(here, message) == "NotImplemented"

    run_virtual(scenario())


@pytest.mark.parametrize("message", ["Heartbeat", "StatusNotification", "MeterValues", "BootNotification"])
def test_a_pending_csms_gets_what_it_asks_for_and_nothing_else(tmp_path: Path, message: str) -> None:
    async def scenario() -> None:
        pending = Behaviour(registration="Pending", interval_s=600)
        async with site(tmp_path, behaviour=pending, online=False) as here:
            here.network.up = True
            await here.log.message(call.BootNotification, lambda _told: True)
            await here.clock.sleep(2)
            seen = len(here.log.calls)
            assert await trigger(here, message) == "Accepted"
            await here.clock.sleep(60)
            assert {one.action for one in here.log.calls[seen:]} == {message}

    run_virtual(scenario())
