"""Firmware Management profile (OCPP 1.6 §4.4, §4.5, §5.9, §5.19): updates, diagnostics, and what is told of both."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from cpd.clock import Clock
from cpd.domain.diagnostics import Window
from cpd.domain.firmware import FirmwareStatus
from cpd.errors import StorageError
from cpd.ocpp.calls import MAX_LOSSES, CallFailed, LinkLost, LostInFlight, RemoteCallError
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.link import Link
from cpd.ocpp.timestamps import parse_date_time
from cpd.ocpp.v16.context import Context, Handler, Payload
from cpd.station.file_statuses import FileStatuses

log = logging.getLogger(__name__)

DEFAULT_RETRY_INTERVAL_S = 60
"""Between two attempts, where the CSMS leaves it to the charge point."""

RETELL_S = 60.0
"""What the CSMS did not answer is told again this much later."""


async def get_diagnostics(context: Context, request: Payload) -> dict[str, Any]:
    """Promise a file and send it after this answer; no fileName where nothing can be in it (§5.9, §6.26)."""
    window = Window(
        start_at=parse_date_time(request["startTime"]) if "startTime" in request else None,
        stop_at=parse_date_time(request["stopTime"]) if "stopTime" in request else None,
    )
    file_name = await context.station.diagnostics.ask(
        request["location"],
        window,
        request.get("retries", 0),
        request.get("retryInterval", DEFAULT_RETRY_INTERVAL_S),
    )
    return {} if file_name is None else {"fileName": file_name}


async def update_firmware(context: Context, request: Payload) -> dict[str, Any]:
    """Fetch and install a file at its time; the answer is empty, so what cannot be is a CALLERROR (§5.19)."""
    taken = await context.station.firmware.ask(
        request["location"],
        parse_date_time(request["retrieveDate"]),
        request.get("retries", 0),
        request.get("retryInterval", DEFAULT_RETRY_INTERVAL_S),
    )
    if not taken:
        raise CallError(ErrorCode.GENERIC_ERROR, "another update is being installed")
    return {}


HANDLERS: dict[str, Handler] = {"GetDiagnostics": get_diagnostics, "UpdateFirmware": update_firmware}


async def tell_file_statuses(
    statuses: FileStatuses, link: Link, clock: Clock, ready: Callable[[], Awaitable[None]]
) -> None:
    """Send each status once, in order, for ever; *ready* returns once the CSMS may be told (§4.4, §4.5)."""
    losses = 0
    while True:
        while not statuses.untold:
            await statuses.told_next.wait()
        untold = statuses.untold[0]
        await ready()
        firmware = isinstance(untold.status, FirmwareStatus)
        message = "FirmwareStatusNotification" if firmware else "DiagnosticsStatusNotification"
        try:
            await link.call(message, {"status": untold.status.value})
        except LostInFlight as error:
            losses += 1
            if losses < MAX_LOSSES:
                continue
            log.warning("%s status=%s is not told, %d times %s", message, untold.status, losses, error)
        except LinkLost:
            continue
        except RemoteCallError as error:
            log.warning("%s status=%s is refused: %s", message, untold.status, error)
        except CallFailed as error:
            log.warning("%s status=%s not answered: %s", message, untold.status, error)
            await clock.sleep(RETELL_S)
            continue
        losses = 0
        try:
            await statuses.told(untold)
        except StorageError as error:
            log.error("%s status=%s is told once more after a restart: %s", message, untold.status, error)
