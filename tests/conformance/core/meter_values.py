"""MeterValues, triggered and read."""

from typing import Any

from tests.conformance.station import Station


async def sampled(here: Station) -> list[dict[str, Any]]:
    """The values of a triggered MeterValues of connector 1."""
    answer = await here.ask("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
    assert answer == {"status": "Accepted"}
    values: list[dict[str, Any]] = (await here.sends("MeterValues")).payload["meterValue"][0]["sampledValue"]
    return values


def told(values: list[dict[str, Any]], measurand: str) -> list[tuple[str | None, str]]:
    """Phase and value of one measurand."""
    return [(one.get("phase"), one["value"]) for one in values if one["measurand"] == measurand]
