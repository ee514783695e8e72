"""Reservation profile: requests of the CSMS (OCPP 1.6 §5.1, §5.13). Request in, domain call, reply out."""

from typing import Any

from cpd.domain.reservations import Driver
from cpd.ocpp.timestamps import parse_date_time
from cpd.ocpp.v16.context import Context, Handler, Payload


async def cancel_reservation(context: Context, request: Payload) -> dict[str, Any]:
    """End a reservation; Rejected where there is none of that id (§5.1)."""
    cancelled = await context.station.reservations.cancel(request["reservationId"])
    return {"status": "Accepted" if cancelled else "Rejected"}


async def reserve_now(context: Context, request: Payload) -> dict[str, Any]:
    """Keep a connector, or whichever as connector 0, for an idTag; Accepted once it is kept (§5.13)."""
    outcome = await context.station.reservations.reserve(
        request["reservationId"],
        request["connectorId"],
        Driver(id_tag=request["idTag"], parent_id_tag=request.get("parentIdTag")),
        parse_date_time(request["expiryDate"]),
    )
    return {"status": outcome.value}


HANDLERS: dict[str, Handler] = {
    "CancelReservation": cancel_reservation,
    "ReserveNow": reserve_now,
}
