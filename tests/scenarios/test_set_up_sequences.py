"""How central systems in the field set a charge point up: each step answered at once, on one link."""

from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

EVERY_MEASURAND = (
    "Current.Export",
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Active.Import.Interval",
    "Energy.Active.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Frequency",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "RPM",
    "SoC",
    "Temperature",
    "Voltage",
)
MEASURED = {
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Voltage",
}


async def ask(here: Site, request: Any) -> Any:
    """The answer, which comes within a second over the link that stands."""
    began_s = here.clock.monotonic_s()
    answer = await here.call(request)
    assert here.clock.monotonic_s() - began_s < 1
    assert here.log.connections == 1
    return answer


async def change(here: Site, key: str, value: str) -> str:
    return str((await ask(here, call.ChangeConfiguration(key=key, value=value))).status)


async def trigger(here: Site, kind: type[Any], connector: int | None = None) -> Any:
    """Trigger a message and return it; it comes within a second."""
    seen = len(here.log.calls)
    began_s = here.clock.monotonic_s()
    request = call.TriggerMessage(requested_message=kind.__name__, connector_id=connector)  # type: ignore[arg-type]
    assert (await ask(here, request)).status == "Accepted"
    message = await here.log.message(kind, since=seen)
    assert here.clock.monotonic_s() - began_s < 1
    return message


def measurands(message: Any) -> set[str]:
    return {sampled["measurand"] for value in message.meter_value for sampled in value["sampled_value"]}


async def measurands_one_by_one(here: Site) -> list[str]:
    """Those that are taken each on its own, then all of them at once."""
    taken = [
        name for name in EVERY_MEASURAND if await change(here, "MeterValuesSampledData", name) == "Accepted"
    ]
    assert await change(here, "MeterValuesSampledData", ",".join(taken)) == "Accepted"
    return taken


def test_evcc_sets_up_its_charge_point(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            available = call.ChangeAvailability(connector_id=0, type="Operative")  # type: ignore[arg-type]
            assert (await ask(here, available)).status == "Accepted"
            await trigger(here, call.BootNotification)
            everything = (await ask(here, call.GetConfiguration(key=[]))).configuration_key
            told = {one["key"]: one["value"] for one in everything}
            assert {"Core", "SmartCharging", "RemoteTrigger"} <= set(
                told["SupportedFeatureProfiles"].split(",")
            )
            assert told["ChargingScheduleAllowedChargingRateUnit"] == "Current,Power"
            assert int(told["ChargeProfileMaxStackLevel"]) > 0
            wanted = (
                "Power.Active.Import,Energy.Active.Import.Register,Current.Import,Voltage,Current.Offered,SoC"
            )
            assert await change(here, "MeterValuesSampledData", wanted) == "Rejected"
            assert set(await measurands_one_by_one(here)) == MEASURED
            assert await change(here, "MeterValueSampleInterval", "10") == "Accepted"
            assert await change(here, "WebSocketPingInterval", "30") == "Accepted"
            assert (await trigger(here, call.StatusNotification, 1)).status == "Preparing"
            idle = await trigger(here, call.MeterValues, 1)
            assert measurands(idle) == MEASURED
            (power,) = [
                one
                for one in idle.meter_value[0]["sampled_value"]
                if one["measurand"] == "Power.Active.Import"
            ]
            assert power["value"] == "0"
            remote = call.RemoteStartTransaction(id_tag="evcc", connector_id=1)
            assert (await ask(here, remote)).status == "Accepted"
            seen = len(here.log.calls)
            periodic = await here.log.message(call.MeterValues, since=seen)
            assert measurands(periodic) == MEASURED
            assert periodic.transaction_id is not None
            assert here.log.connections == 1

    run_virtual(scenario())


def test_home_assistant_sets_up_its_charge_point(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            number = await ask(here, call.GetConfiguration(key=["NumberOfConnectors"]))
            assert number.configuration_key[0]["value"] == "2"
            assert await change(here, "HeartbeatInterval", "300") == "Accepted"
            profiles = await ask(here, call.GetConfiguration(key=["SupportedFeatureProfiles"]))
            assert "SmartCharging" in profiles.configuration_key[0]["value"]
            assert await change(here, "MeterValuesSampledData", ",".join(EVERY_MEASURAND)) == "Rejected"
            grown: list[str] = []
            for name in EVERY_MEASURAND:
                if await change(here, "MeterValuesSampledData", ",".join([*grown, name])) == "Accepted":
                    grown.append(name)
            assert set(grown) == MEASURED
            for key, value in (
                ("MeterValueSampleInterval", "60"),
                ("ClockAlignedDataInterval", "60"),
                ("WebSocketPingInterval", "20"),
            ):
                assert await change(here, key, value) == "Accepted"
                read = await ask(here, call.GetConfiguration(key=[key]))
                assert read.configuration_key == [{"key": key, "value": value, "readonly": False}]
            await trigger(here, call.BootNotification)
            for connector in (1, 2):
                status = await trigger(here, call.StatusNotification, connector)
                assert status.connector_id == connector
            assert measurands(await trigger(here, call.MeterValues, 2)) == MEASURED
            seen = len(here.log.calls)
            aligned = await here.log.message(call.MeterValues, since=seen)
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
            assert await change(here, "MeterValuesSampledData", named) == "Accepted"
            message = await trigger(here, call.MeterValues, 1)
            sampled = message.meter_value[0]["sampled_value"]
            assert [(one["measurand"], one.get("phase")) for one in sampled] == told

    run_virtual(scenario())
