"""Reservations as they go over the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.station import Station

HOLDER, STRANGER, HOUR_S = "HOLDER", "STRANGER", 3_600.0


async def reserve(
    here: Station, connector: int = 1, number: int = 7, *, ends_in_s: float = HOUR_S, **more: Any
) -> str:
    """The status of a ReserveNow for HOLDER, where *more* does not say else."""
    ends = datetime.now(UTC) + timedelta(seconds=ends_in_s)
    payload = {
        "connectorId": connector,
        "expiryDate": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "idTag": HOLDER,
        "reservationId": number,
    }
    return str((await here.ask("ReserveNow", {**payload, **more}))["status"])


async def cancel(here: Station, number: int = 7) -> str:
    return str((await here.ask("CancelReservation", reservationId=number))["status"])
