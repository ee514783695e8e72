"""What the central system was told of meters, out of its log."""

from datetime import datetime
from typing import Any

from ocpp.v16 import call

from cpd.lab.csms.station_log import ReceivedCall
from tests.scenarios.site import Site

TAG = "04A31F02B16180"


def sets(here: Site, since: int = 0) -> list[tuple[int, int | None, dict[str, Any]]]:
    """Connector, transaction and content of each MeterValue that came."""
    return [
        (one.message.connector_id, one.message.transaction_id, value)
        for one in here.log.calls[since:]
        if one.action == "MeterValues"
        for value in one.message.meter_value
    ]


def contexts(values: list[dict[str, Any]]) -> list[str]:
    return [next(iter({sampled["context"] for sampled in one["sampled_value"]})) for one in values]


def instants(values: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(one["timestamp"]) for one in values]


def clocks(values: list[dict[str, Any]]) -> list[str]:
    """The wall time of each value, to the second."""
    return [one.strftime("%H:%M:%S") for one in instants(values)]


async def stop(here: Site, number: int = 1) -> ReceivedCall:
    """End the session with its card, and return the StopTransaction."""
    seen = len(here.log.calls)
    here.world.swipe(TAG, number)
    await here.log.message(call.StopTransaction, since=seen)
    return next(one for one in here.log.calls[seen:] if one.action == "StopTransaction")


async def data(here: Site) -> list[dict[str, Any]]:
    stopped = await stop(here)
    return list(stopped.message.transaction_data or [])


def frame_of(here: Site, action: str) -> str:
    """The last frame of the charge point with this action."""
    return next(one.text for one in reversed(here.log.entries) if f'"{action}"' in one.text[:120])
