"""The charge point's standing at its CSMS: the boot, its answer, and the heartbeats (OCPP 1.6 §4.2, §4.6).

It keeps intervals to the second; what else may be sent in which standing is the charge point's to decide.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from cpd.clock import Clock
from cpd.errors import StorageError
from cpd.ocpp.calls import CallFailed, LinkLost
from cpd.ocpp.link import Link
from cpd.ocpp.timestamps import parse_date_time
from cpd.ocpp.v16 import translate
from cpd.station.station import Station

log = logging.getLogger(__name__)

SHORTEST_HEARTBEAT_S = 10
"""A boot's interval is not taken shorter: some central systems answer 1, and would be flooded."""

OWN_RETRY_S = 60.0
"""How long a boot that was not accepted waits where the CSMS gave no interval."""


class Registration:
    """*status* is what the CSMS answered last, as it spells it; None before the first answer."""

    def __init__(self, clock: Clock) -> None:
        self.status: str | None = None
        self._elsewhere = False
        self._clock = clock
        self._due_s = 0.0
        self._beat_s = clock.monotonic_s()
        self._time_ignored = False

    @property
    def accepted(self) -> bool:
        """True where everything may be sent."""
        return self.status == "Accepted"

    @property
    def rejected(self) -> bool:
        """True while nothing of the CSMS's is answered: §4.2, "SHALL NOT respond to any … initiated message"."""
        return self.status == "Rejected"

    @property
    def may_send(self) -> bool:
        """What the CSMS asks for may go out: it has answered the boot, and not with Rejected."""
        return self.status in ("Pending", "Accepted")

    @property
    def wait_s(self) -> float:
        """How long until the next boot is due, where this one is not accepted; 0 where it is."""
        return max(0.0, self._due_s - self._clock.monotonic_s())

    def link_lost(self) -> None:
        """Where nothing was promised to the CSMS yet, the next link begins with a boot."""
        if self._elsewhere:
            self.status, self._elsewhere = None, False
        if self.status is None:
            self._due_s = 0.0

    def moved(self) -> None:
        """The next link leads to another CSMS, which knows nothing of what this one accepted."""
        self._elsewhere = True

    async def boot(self, link: Link, station: Station) -> bool:
        """Send BootNotification, and note when the next is due if it is not accepted; True where it was answered."""
        payload = translate.boot_notification(station.identity)
        asked_s = self._clock.monotonic_s()
        try:
            answer = await link.call("BootNotification", payload)
        except LinkLost:
            return False
        except CallFailed as error:
            self._due_s = asked_s + OWN_RETRY_S
            log.warning("boot not answered, retry_in_s=%.0f: %s", self.wait_s, error)
            return False
        self._learn_time(answer["currentTime"])
        interval_s = int(answer["interval"])
        self._beat_s = self._clock.monotonic_s()
        self._due_s = self._beat_s + (interval_s if interval_s > 0 else OWN_RETRY_S)
        self.status = answer["status"]
        log.info("boot registration=%s interval_s=%d", self.status, interval_s)
        if self.accepted:
            await self._keep_heartbeat_interval(station, interval_s)
        return True

    async def heartbeat(self, link: Link) -> None:
        """Send one Heartbeat, and learn the time of its answer."""
        try:
            answer = await link.call("Heartbeat", {})
        except CallFailed as error:
            log.warning("heartbeat not answered: %s", error)
            return
        self._learn_time(answer["currentTime"])

    async def send_heartbeats(self, link: Link, station: Station, online: Callable[[], bool]) -> None:
        """One each HeartbeatInterval, for ever; a changed interval counts from the last one, or from the boot."""
        while True:
            interval_s = station.configuration.variables.integer("HeartbeatInterval")
            wait_s = self._beat_s + interval_s - self._clock.monotonic_s()
            if wait_s > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await station.configuration.changed.wait()
                continue
            self._beat_s = self._clock.monotonic_s()
            if online():
                await self.heartbeat(link)

    async def _keep_heartbeat_interval(self, station: Station, interval_s: int) -> None:
        """The interval of an accepted boot is that of the Heartbeat; 0 leaves it to us (§4.2)."""
        if interval_s <= 0 or interval_s == station.configuration.variables.integer("HeartbeatInterval"):
            return
        try:
            kept_s = max(SHORTEST_HEARTBEAT_S, interval_s)
            await station.configuration.change("HeartbeatInterval", str(kept_s), "csms")
        except StorageError as error:
            log.error("heartbeat interval is not kept: %s", error)

    def _learn_time(self, text: str) -> None:
        """A time that cannot be read, or cannot be right, is told once and leaves the clock as it is."""
        try:
            self._clock.learn(parse_date_time(text))
        except ValueError as error:
            if not self._time_ignored:
                log.warning("currentTime of the CSMS is ignored: %s", error)
            self._time_ignored = True
        else:
            self._time_ignored = False
