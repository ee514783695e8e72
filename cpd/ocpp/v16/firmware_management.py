"""FirmwareManagement profile, its updates: served where SupportedFeatureProfiles names it (OCPP 1.6 §5.19, §6.19)."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from cpd.clock import Clock
from cpd.errors import StorageError
from cpd.ocpp.calls import CallFailed, LinkLost, RemoteCallError
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.link import Link
from cpd.ocpp.timestamps import parse_date_time
from cpd.ocpp.v16.context import Context, Handler, Payload
from cpd.station.firmware import Firmware

log = logging.getLogger(__name__)

DEFAULT_RETRY_INTERVAL_S = 60
"""Between two attempts, where the CSMS leaves it to the charge point."""

RETELL_S = 60.0
"""What the CSMS did not answer is told again this much later."""


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


HANDLERS: dict[str, Handler] = {"UpdateFirmware": update_firmware}


async def tell_firmware_statuses(
    firmware: Firmware, link: Link, clock: Clock, ready: Callable[[], Awaitable[None]]
) -> None:
    """Send each FirmwareStatusNotification once, in order, for ever; *ready* returns once the CSMS may be told."""
    while True:
        while not firmware.untold:
            await firmware.told_next.wait()
        untold = firmware.untold[0]
        await ready()
        try:
            await link.call("FirmwareStatusNotification", {"status": untold.status.value})
        except LinkLost:
            continue
        except RemoteCallError as error:
            log.warning("firmware status=%s is refused: %s", untold.status, error)
        except CallFailed as error:
            log.warning("firmware status=%s not answered: %s", untold.status, error)
            await clock.sleep(RETELL_S)
            continue
        try:
            await firmware.told(untold)
        except StorageError as error:
            log.error("firmware status=%s is told once more after a restart: %s", untold.status, error)
