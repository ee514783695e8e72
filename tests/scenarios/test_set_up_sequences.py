"""How central systems in the field set a charge point up: each step answered at once, on one link."""

from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.personalities import PERSONALITIES
from cpd.lab.csms.set_ups import EVCC_LIMIT_A, EVCC_MEASURANDS
from tests.scenarios.played import site_with
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

MEASURED = {
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Import.Interval",
    "Energy.Active.Import.Register",
    "Frequency",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Import",
    "Temperature",
    "Voltage",
}


def measurands(message: Any) -> set[str]:
    return {sampled["measurand"] for value in message.meter_value for sampled in value["sampled_value"]}


def answers(here: Site, action: str) -> list[Any]:
    """What the charge point answered to each CALL of *action*."""
    return [one.answer for one in here.log.asked if one.action == action]


def last_set(here: Site, key: str) -> str:
    """The value of *key* that was accepted last."""
    taken = [
        one.payload["value"]
        for one in here.log.asked
        if isinstance(one.payload, dict)
        and one.payload.get("key") == key
        and one.answer == {"status": "Accepted"}
    ]
    return str(taken[-1])


async def set_up(here: Site, last: str) -> None:
    """Return once the central system has asked the *last* of its questions, and has all answers, in time."""
    began_s = here.clock.monotonic_s()
    while not answers(here, last) or here.log.asked[-1].answer is None:
        await here.clock.sleep(0.1)
    assert here.clock.monotonic_s() - began_s <= 5
    assert here.log.connections == 1
    assert [one.error for one in here.log.asked] == [None] * len(here.log.asked)
    assert {answer["status"] for answer in answers(here, "TriggerMessage")} == {"Accepted"}
    assert answers(here, "SetChargingProfile") == [{"status": "Accepted"}]


def test_evcc_is_done_within_five_seconds_over_one_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site_with(tmp_path, PERSONALITIES["csms-evcc"]) as here:
            here.world.plug_in(1)
            await set_up(here, "SetChargingProfile")
            assert answers(here, "ChangeAvailability") == [{"status": "Accepted"}]
            (everything,) = answers(here, "GetConfiguration")
            told = {one["key"]: one["value"] for one in everything["configurationKey"]}
            assert {"Core", "SmartCharging", "RemoteTrigger"} <= set(
                told["SupportedFeatureProfiles"].split(",")
            )
            assert told["ChargingScheduleAllowedChargingRateUnit"] == "Current,Power"
            assert int(told["ChargeProfileMaxStackLevel"]) > 0
            assert last_set(here, "MeterValueSampleInterval") == "10"
            assert last_set(here, "WebSocketPingInterval") == "30"
            wanted = MEASURED & set(EVCC_MEASURANDS)
            assert set(last_set(here, "MeterValuesSampledData").split(",")) == wanted
            assert len(here.log.messages(call.BootNotification)) == 2
            assert here.log.messages(call.StatusNotification)[-1].status == "Preparing"
            idle = await here.log.message(call.MeterValues)
            assert measurands(idle) == wanted
            sampled = idle.meter_value[0]["sampled_value"]
            assert [one["value"] for one in sampled if one["measurand"] == "Power.Active.Import"] == ["0"]
            remote = call.RemoteStartTransaction(id_tag="evcc", connector_id=1)
            assert (await here.call(remote)).status == "Accepted"
            await here.status("Charging")
            periodic = await here.log.message(call.MeterValues, since=len(here.log.calls))
            assert measurands(periodic) == wanted
            assert periodic.transaction_id is not None
            assert here.connector().limit.current_ma == EVCC_LIMIT_A * 1_000
            assert here.log.connections == 1

    run_virtual(scenario())


def test_home_assistant_is_done_at_once_and_reads_back_what_it_set(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site_with(tmp_path, PERSONALITIES["csms-ha"], connectors=2) as here:
            await set_up(here, "SetChargingProfile")
            read = {
                one["key"]: one["value"]
                for answer in answers(here, "GetConfiguration")
                for one in answer["configurationKey"]
            }
            assert "SmartCharging" in read.pop("SupportedFeatureProfiles")
            assert read == {
                "NumberOfConnectors": "2",
                "MeterValueSampleInterval": "60",
                "ClockAlignedDataInterval": "60",
                "WebSocketPingInterval": "20",
            }
            assert set(last_set(here, "MeterValuesSampledData").split(",")) == MEASURED
            assert answers(here, "ClearChargingProfile") == [{"status": "Unknown"}]
            aligned = await here.log.message(call.MeterValues, since=len(here.log.calls))
            assert aligned.meter_value[0]["sampled_value"][0]["context"] == "Sample.Clock"
            assert here.log.connections == 1

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("Current.Import.L2", [("Current.Import", "L2")]),
        ("Voltage.L1,Voltage.L3-N", [("Voltage", "L1-N"), ("Voltage", "L3-N")]),
        (
            "Voltage.L1,Voltage",
            [("Voltage", "L1-N"), ("Voltage", "L2-N"), ("Voltage", "L3-N")],
        ),
        (
            "Power.Offered,Energy.Active.Import.Register",
            [("Power.Offered", None), ("Energy.Active.Import.Register", None)],
        ),
    ],
)
def test_measurands_come_in_the_order_named_and_once(
    tmp_path: Path, named: str, told: list[tuple[str, str | None]]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            change = call.ChangeConfiguration(key="MeterValuesSampledData", value=named)
            assert (await here.call(change)).status == "Accepted"
            await here.call(call.TriggerMessage(requested_message="MeterValues", connector_id=1))  # type: ignore[arg-type]
            message = await here.log.message(call.MeterValues)
            sampled = message.meter_value[0]["sampled_value"]
            assert [(one["measurand"], one.get("phase")) for one in sampled] == told

    run_virtual(scenario())
