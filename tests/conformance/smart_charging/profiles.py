"""Charging profiles as they go over the wire, and what they come to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.station import Station

ACCEPTED, REJECTED, UNKNOWN = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "Unknown"}
MAXIMUM, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"


def instant(in_s: float = 0) -> str:
    """The time *in_s* from now."""
    return (datetime.now(UTC) + timedelta(seconds=in_s)).isoformat(timespec="seconds").replace("+00:00", "Z")


def profile(
    number: int = 1,
    purpose: str = DEFAULT,
    *periods: tuple[int, float],
    level: int = 0,
    unit: str = "A",
    kind: str = "Relative",
    phases: int | None = None,
    schedule: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A profile of some periods, each a start in seconds and a limit; *schedule* and *more* are further members."""
    wired = {} if phases is None else {"numberPhases": phases}
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": start, "limit": limit, **wired} for start, limit in periods or ((0, 10),)
            ],
            **(schedule or {}),
        },
        **more,
    }


async def install(here: Station, given: dict[str, Any], connector: int = 1) -> Any:
    """The answer to a SetChargingProfile."""
    return await here.ask("SetChargingProfile", connectorId=connector, csChargingProfiles=given)


async def composite(here: Station, connector: int = 1, duration: int = 600, **more: Any) -> dict[str, Any]:
    """The chargingSchedule of an accepted GetCompositeSchedule."""
    answer = await here.ask("GetCompositeSchedule", more, connectorId=connector, duration=duration)
    assert answer["status"] == "Accepted"
    whole: dict[str, Any] = answer["chargingSchedule"]
    return whole


async def limits(
    here: Station, connector: int = 1, duration: int = 600, **more: Any
) -> list[tuple[int, float]]:
    """Start and limit of each period of a composite schedule."""
    schedule = await composite(here, connector, duration, **more)
    return [(one["startPeriod"], one["limit"]) for one in schedule["chargingSchedulePeriod"]]


async def limit(here: Station, connector: int = 1) -> float:
    """The limit that holds now, in A."""
    ((_, now),) = (await limits(here, connector, 0))[:1]
    return now


async def clear(here: Station, **filters: Any) -> Any:
    """The answer to a ClearChargingProfile."""
    return await here.ask("ClearChargingProfile", filters)
