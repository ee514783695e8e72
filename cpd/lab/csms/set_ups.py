"""How home energy managers set a charge point up when it comes, step by step, and what they do then."""

from collections.abc import Sequence

from ocpp.v16 import call

from cpd.lab.csms.questions import change, each, get_configuration, profile, trigger, until_told
from cpd.lab.csms.session import Session

MEASURANDS = (
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
"""All that OCPP 1.6 §7.31 knows."""

EVCC_MEASURANDS = (
    "Power.Active.Import",
    "Energy.Active.Import.Register",
    "Current.Import",
    "Voltage",
    "Current.Offered",
    "SoC",
)
EVCC_LIMIT_A = 16
HOME_ASSISTANT_LIMIT_A = 20


async def set_up_as_evcc(link: Session) -> None:
    """evcc's set-up of a charge point, each step as soon as the one before is answered."""
    await until_told(link)
    await link.try_to_ask("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
    answer = await get_configuration(link)
    told = {one["key"]: one.get("value", "") for one in (answer or {}).get("configurationKey", [])}
    await trigger(link, "BootNotification")
    await _change_measurands(link, EVCC_MEASURANDS)
    await change(link, "MeterValueSampleInterval", "10")
    await change(link, "WebSocketPingInterval", "30")
    await trigger(link, "StatusNotification", 1)
    await trigger(link, "MeterValues", 1)
    limit = profile("TxDefaultProfile", "Absolute", EVCC_LIMIT_A)
    # It counts on an id that is nobody else's.
    limit["chargingProfileId"] = int(told.get("MaxChargingProfilesInstalled", "1"))
    limit["chargingSchedule"]["startSchedule"] = f"{link.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    await link.try_to_ask("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": limit})


async def set_up_as_home_assistant(link: Session) -> None:
    """The set-up of Home Assistant's integration; then each vehicle that is plugged in is started remotely.

    The idTag is another one over each link, as it is after each of its restarts, and is in nobody's list.
    """
    seen = len(link.log.calls)
    await until_told(link)
    await get_configuration(link, "NumberOfConnectors")
    await change(link, "HeartbeatInterval", "300")
    await get_configuration(link, "SupportedFeatureProfiles")
    await _change_measurands(link, MEASURANDS)
    for key, value in (
        ("MeterValueSampleInterval", "60"),
        ("ClockAlignedDataInterval", "60"),
        ("WebSocketPingInterval", "20"),
    ):
        await change(link, key, value)
        await get_configuration(link, key)
    await trigger(link, "BootNotification")
    await trigger(link, "StatusNotification", 1)
    await link.try_to_ask("ClearChargingProfile", {})
    limit = profile("ChargePointMaxProfile", "Relative", HOME_ASSISTANT_LIMIT_A)
    await link.try_to_ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": limit})
    id_tag = f"HA{link.log.connections:08x}"
    async for told in each(link, call.StatusNotification, since=seen):
        if told.connector_id and told.status == "Preparing":
            request = {"connectorId": told.connector_id, "idTag": id_tag}
            await link.try_to_ask("RemoteStartTransaction", request)


async def _change_measurands(link: Session, wanted: Sequence[str]) -> None:
    """All at once; where that is refused, one more at a time, and what is refused is left out."""
    if await change(link, "MeterValuesSampledData", ",".join(wanted)):
        return
    taken: list[str] = []
    for name in wanted:
        if await change(link, "MeterValuesSampledData", ",".join([*taken, name])):
            taken.append(name)
