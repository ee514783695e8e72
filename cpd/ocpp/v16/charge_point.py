"""The charge point's side of OCPP 1.6J: boot, heartbeat, status, journal and the requests of the CSMS.

It decides what may be sent when, and nothing about charging: that is the station's.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from cpd.clock import Clock
from cpd.domain.authorization import IdTagInfo
from cpd.domain.metering import SampleContext
from cpd.errors import StorageError
from cpd.ocpp.calls import CallFailed, LinkLost
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.link import Link
from cpd.ocpp.timestamps import parse_date_time
from cpd.ocpp.v16 import core, remote_trigger, smart_charging, translate
from cpd.ocpp.v16.context import Context, Handler
from cpd.ocpp.v16.delivery import STORE_RETRY_S, JournalDelivery
from cpd.ocpp.v16.status_lane import StatusLane
from cpd.ocpp.validation import check_inbound, known_actions
from cpd.station.csms import ConnectorReport, CsmsUnavailable
from cpd.station.signal import Signal
from cpd.station.snapshot import LinkSnapshot
from cpd.station.station import Station
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

SERVED: dict[str, dict[str, Handler]] = {
    "Core": core.HANDLERS,
    "SmartCharging": smart_charging.HANDLERS,
    "RemoteTrigger": remote_trigger.HANDLERS,
}
"""The requests that are served, by feature profile; what is in none of them is NotSupported."""

SHORTEST_HEARTBEAT_S = 10
"""A boot's interval is not taken shorter: some central systems answer 1, and would be flooded."""

OWN_RETRY_S = 60.0
"""How long a boot that was not accepted waits where the CSMS gave no interval."""


class ChargePoint:
    """One `cpd.station.csms.Csms` over one `Link`; `run` serves a station."""

    def __init__(
        self,
        make_link: "Callable[[ChargePoint], Link]",
        clock: Clock,
        *,
        url: str,
        security_profile: int,
        verify_hostname: bool,
    ) -> None:
        """*make_link* builds the link with `answer` as its handler and `link_changed` as its listener."""
        self._clock = clock
        self._url = url
        self._security_profile = security_profile
        self._verify_hostname = verify_hostname
        self._registration: str | None = None
        self._boot_due_s = 0.0
        self._greeted = False
        """The present status was handed to the lane of this connection: what is queued may follow."""
        self._turned = Signal()
        self._triggered: dict[tuple[str, int | None], None] = {}
        self._was_triggered = Signal()
        self._station: Station | None = None
        self._lane = StatusLane(clock, self._minimum_status_s)
        self._link = make_link(self)

    @property
    def online(self) -> bool:
        """True while the link is up and the boot was accepted."""
        return self._registration == "Accepted" and self._link.status.connected

    @property
    def link(self) -> LinkSnapshot:
        """The state of the link for the status."""
        status = self._link.status
        return LinkSnapshot(
            url=self._url,
            connected=status.connected,
            since=status.since,
            registration=self._registration,
            last_answer_at=status.last_answer_at,
            last_error=status.last_error,
            held=status.held,
            security_profile=self._security_profile,
            verify_hostname=self._verify_hostname,
        )

    def hold(self) -> None:
        """Keep the link down."""
        self._link.hold()

    def release(self) -> None:
        """Dial again at once, where no connection stands."""
        self._link.release()

    async def authorize(self, id_tag: str) -> IdTagInfo:
        """Ask the CSMS about an idTag (OCPP 1.6 §4.2); raises `CsmsUnavailable`."""
        try:
            answer = await self._link.call("Authorize", {"idTag": id_tag})
        except CallFailed as error:
            raise CsmsUnavailable(str(error)) from error
        return translate.id_tag_info_from(answer["idTagInfo"])

    def status_changed(self, report: ConnectorReport) -> None:
        """The status of a connector changed and is to be told."""
        if self._greeted:
            self._lane.put(report)

    def link_changed(self) -> None:
        """The link came up, or went down."""
        if not self._link.status.connected:
            self._greeted = False
            if self._registration is None:
                # Nothing was promised to the CSMS, so the next link begins with a boot.
                self._boot_due_s = 0.0
        self._turned.fire()
        if self._station is not None:
            self._station.csms_changed()

    async def run(self, station: Station, timebase: Timebase) -> None:
        """Serve *station* for ever."""
        self._station = station
        self._follow_ping_interval(station)
        delivery = JournalDelivery(station, self._link, timebase)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run(), name="csms-link")
            tasks.create_task(self._register(station), name="csms-registration")
            tasks.create_task(self._send_heartbeats(station), name="csms-heartbeat")
            tasks.create_task(self._send_statuses(timebase), name="csms-status")
            tasks.create_task(self._send_journal(station, delivery), name="csms-journal")
            tasks.create_task(self._send_triggered(station, timebase), name="csms-triggered")
            tasks.create_task(self._follow_configuration(station), name="csms-configuration")

    async def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer a CALL of the CSMS; raises `CallError`."""
        if action not in known_actions():
            raise CallError(ErrorCode.NOT_IMPLEMENTED, f"{action[:60]} is no OCPP 1.6 request")
        station = self._station
        handler = None if station is None else _handler(station, action)
        if station is None or handler is None:
            raise CallError(ErrorCode.NOT_SUPPORTED, f"{action} is not served by this charge point")
        check_inbound(action, payload, kind="call")
        context = Context(station=station, accepted=self._registration == "Accepted", trigger=self._trigger)
        try:
            return await handler(context, payload)
        except StorageError as error:
            log.error("call action=%s is refused, the store failed: %s", action, error)
            raise CallError(ErrorCode.INTERNAL_ERROR, "the charge point cannot keep this now") from error

    async def _register(self, station: Station) -> None:
        """Boot until accepted, once per process; each later link only tells the present status again."""
        while True:
            wait_s = self._boot_due_s - self._clock.monotonic_s()
            if self.online and not self._greeted:
                self._greet(station)
            elif self._link.status.connected and self._registration != "Accepted" and wait_s <= 0:
                await self._boot(station)
            else:
                await self._turn(None if self._registration == "Accepted" else max(0.0, wait_s) or None)

    def _greet(self, station: Station) -> None:
        self._link.accepted()
        self._lane.restart(station.reports)
        self._greeted = True
        self._turned.fire()
        station.csms_changed()

    async def _turn(self, at_most_s: float | None) -> None:
        """Wait until the link, the registration or what was told changes."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._turned.wait()
        except TimeoutError:
            return

    async def _boot(self, station: Station) -> None:
        """Send BootNotification, and note when the next one is due if this one is not accepted (§4.2)."""
        payload = translate.boot_notification(station.identity)
        asked_s = self._clock.monotonic_s()
        try:
            answer = await self._link.call("BootNotification", payload)
        except LinkLost:
            return
        except CallFailed as error:
            self._boot_due_s = asked_s + OWN_RETRY_S
            retry_in_s = self._boot_due_s - self._clock.monotonic_s()
            log.warning("boot not answered, retry_in_s=%.0f: %s", retry_in_s, error)
            return
        self._learn_time(answer["currentTime"])
        interval_s = int(answer["interval"])
        self._boot_due_s = self._clock.monotonic_s() + (interval_s if interval_s > 0 else OWN_RETRY_S)
        self._registration = answer["status"]
        log.info("boot registration=%s interval_s=%d", self._registration, interval_s)
        station.csms_changed()
        if self._registration == "Accepted":
            await self._keep_heartbeat_interval(station, interval_s)
        else:
            self._greeted = False
        self._turned.fire()

    async def _keep_heartbeat_interval(self, station: Station, interval_s: int) -> None:
        """The interval of an accepted boot is that of the Heartbeat; 0 leaves it to us (§4.2)."""
        if interval_s <= 0 or interval_s == station.configuration.variables.integer("HeartbeatInterval"):
            return
        try:
            kept_s = max(SHORTEST_HEARTBEAT_S, interval_s)
            await station.configuration.change("HeartbeatInterval", str(kept_s), "csms")
        except StorageError as error:
            log.error("heartbeat interval is not kept: %s", error)

    async def _send_heartbeats(self, station: Station) -> None:
        while True:
            interval_s = station.configuration.variables.integer("HeartbeatInterval")
            try:
                async with asyncio.timeout(interval_s):
                    await station.configuration.changed.wait()
            except TimeoutError:
                if self.online:
                    await self._heartbeat()

    async def _heartbeat(self) -> None:
        try:
            answer = await self._link.call("Heartbeat", {})
        except CallFailed as error:
            log.warning("heartbeat not answered: %s", error)
            return
        self._learn_time(answer["currentTime"])

    def _learn_time(self, text: str) -> None:
        try:
            self._clock.learn(parse_date_time(text))
        except ValueError as error:
            log.warning("currentTime of the CSMS is ignored: %s", error)

    async def _send_statuses(self, timebase: Timebase) -> None:
        while True:
            pending = await self._lane.next()
            payload = translate.status_notification(pending.report, timebase.date(pending.report.since))
            try:
                await self._link.call("StatusNotification", payload)
            except LinkLost:
                pass
            except CallFailed as error:
                log.warning("status connector=%d not answered: %s", pending.report.connector, error)
                self._lane.repeat(pending)

    async def _send_journal(self, station: Station, delivery: JournalDelivery) -> None:
        """Transaction messages go behind the statuses of their connection: some central systems keep stale ones."""
        while True:
            await station.journal.until_due()
            while not self._greeted:
                await self._turned.wait()
            await self._lane.until_idle()
            try:
                await delivery.deliver_next()
            except StorageError as error:
                log.error("journal waits for the store: %s", error)
                await self._clock.sleep(STORE_RETRY_S)

    def _trigger(self, message: str, connector: int | None) -> None:
        """Asked twice before it was sent, a message goes once: a flood of triggers costs nothing."""
        self._triggered[message, connector] = None
        self._was_triggered.fire()

    async def _send_triggered(self, station: Station, timebase: Timebase) -> None:
        while True:
            while not self._triggered:
                await self._was_triggered.wait()
            message, connector = next(iter(self._triggered))
            del self._triggered[message, connector]
            try:
                await self._send_one(message, connector, station, timebase)
            except CallFailed as error:
                log.warning("triggered message=%s not answered: %s", message, error)

    async def _send_one(
        self, message: str, connector: int | None, station: Station, timebase: Timebase
    ) -> None:
        if message == "BootNotification":
            await self._boot(station)
        elif message == "Heartbeat":
            await self._heartbeat()
        elif message == "StatusNotification":
            for report in station.reports:
                if connector in (None, report.connector):
                    payload = translate.status_notification(report, timebase.date(report.since))
                    await self._link.call("StatusNotification", payload)
        else:
            for number in station.connectors:
                if connector in (None, number):
                    await self._send_meter_values(number, station, timebase)

    async def _send_meter_values(self, connector: int, station: Station, timebase: Timebase) -> None:
        sample = station.sampler.sample(connector, SampleContext.TRIGGER)
        if sample is None:
            return
        transaction = station.ledger.running.get(connector)
        if transaction is not None and transaction.csms_id is None:
            transaction = None
        measurands = station.configuration.variables.names("MeterValuesSampledData")
        at = timebase.date(sample.taken)
        payload = translate.meter_values(connector, transaction, sample, at, measurands)
        if payload is not None:
            await self._link.call("MeterValues", payload)

    async def _follow_configuration(self, station: Station) -> None:
        while True:
            await station.configuration.changed.wait()
            self._follow_ping_interval(station)

    def _follow_ping_interval(self, station: Station) -> None:
        self._link.set_ping_interval(float(station.configuration.variables.integer("WebSocketPingInterval")))

    def _minimum_status_s(self) -> int:
        assert self._station is not None
        return self._station.configuration.variables.integer("MinimumStatusDuration")


def _handler(station: Station, action: str) -> Handler | None:
    for profile, handlers in SERVED.items():
        if action in handlers and (profile == "Core" or station.configuration.variables.serves(profile)):
            return handlers[action]
    return None
