"""Smart Charging profile: requests of the CSMS (OCPP 1.6 §5.5, §5.7, §5.16)."""

from typing import Any

from cpd.ocpp.v16.context import Context, Handler, Payload, known_connector
from cpd.ocpp.v16.translate_profiles import (
    clear_filter_from,
    composite_request_from,
    composite_to,
    profile_from,
)


async def clear_charging_profile(context: Context, request: Payload) -> dict[str, Any]:
    """Remove the profiles that the request names; Unknown where there were none (§5.5)."""
    cleared = await context.station.clear_profiles(clear_filter_from(request))
    return {"status": "Accepted" if cleared else "Unknown"}


async def get_composite_schedule(context: Context, request: Payload) -> dict[str, Any]:
    """What will hold from now on, by the engine that the outlets follow (§5.7)."""
    asked = composite_request_from(request)
    return composite_to(context.station.composite_schedule(asked.connector, asked.duration_s, asked.unit))


async def set_charging_profile(context: Context, request: Payload) -> dict[str, Any]:
    """Install a profile; Accepted once it is kept and in force, Rejected with the reason in the log (§5.16)."""
    connector = known_connector(context, request["connectorId"])
    refusal = await context.station.install_profile(profile_from(request["csChargingProfiles"]), connector)
    return {"status": "Accepted" if refusal is None else "Rejected"}


HANDLERS: dict[str, Handler] = {
    "ClearChargingProfile": clear_charging_profile,
    "GetCompositeSchedule": get_composite_schedule,
    "SetChargingProfile": set_charging_profile,
}
