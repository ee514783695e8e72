"""What a handler of a CSMS's request works with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cpd.ocpp.errors import CallError, ErrorCode
from cpd.station.station import Station

Payload = Mapping[str, Any]
"""A request's payload that has passed `check_inbound`."""

Trigger = Callable[[str, int | None], None]
"""Send a message that the CSMS triggered: its name, and the connector or None for all; after the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The station, whether the CSMS has accepted its boot, and the way to send what was triggered.

    *may_send*: the CSMS has answered the boot, so that what it asks for may go out before it accepts (§4.2).
    """

    station: Station
    accepted: bool
    may_send: bool
    trigger: Trigger


Handler = Callable[[Context, Payload], Awaitable[dict[str, Any]]]


def known_connector(context: Context, connector: int) -> int:
    """*connector*, 0 for the station included. Raises CallError for one that this charge point lacks (E3.39)."""
    if connector != 0 and not context.station.has_connector(connector):
        raise CallError(
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
            f"connectorId {connector} is unknown, there are 0 … {len(context.station.connectors)}",
        )
    return connector
