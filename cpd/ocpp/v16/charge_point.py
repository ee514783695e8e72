"""The charge point's side of OCPP 1.6J: boot, heartbeat, status, journal and the requests of the CSMS.

It decides what may be sent when, and nothing about charging: that is the station's.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from cpd.clock import Clock
from cpd.domain.authorization import IdTagInfo
from cpd.domain.metering import MeterSample
from cpd.errors import StorageError
from cpd.ocpp.calls import CallFailed, LinkLost
from cpd.ocpp.errors import CallError, ErrorCode, Unanswered
from cpd.ocpp.link import Link, LinkSettings
from cpd.ocpp.v16 import (
    core,
    firmware_management,
    local_auth_list,
    remote_trigger,
    reservation,
    smart_charging,
    translate,
)
from cpd.ocpp.v16.context import Context, Handler
from cpd.ocpp.v16.delivery import STORE_RETRY_S, JournalDelivery
from cpd.ocpp.v16.meter_lane import MeterLane
from cpd.ocpp.v16.registration import Registration
from cpd.ocpp.v16.status_lane import StatusLane
from cpd.ocpp.v16.triggered import TriggeredMessages
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
    "Reservation": reservation.HANDLERS,
    "FirmwareManagement": firmware_management.HANDLERS,
    "LocalAuthListManagement": local_auth_list.HANDLERS,
}
"""The requests that are served, by feature profile; what is in none of them is NotSupported."""

ALWAYS_ANSWERED = frozenset({"Core", "LocalAuthListManagement"})
"""The feature profiles whose requests are answered whether SupportedFeatureProfiles names them or not."""


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
        """*make_link* builds the link: `answer` is its handler, `link_changed` and `answered` are its listeners."""
        self._clock = clock
        self._url = url
        self._security_profile = security_profile
        self._verify_hostname = verify_hostname
        self._registration = Registration(clock)
        self._alive = False
        """A call was answered over this connection."""
        self._greeted = False
        """The present status was handed to the lane of this connection: what is queued may follow."""
        self._turned = Signal()
        self._triggered = TriggeredMessages()
        self._meter_lane = MeterLane()
        self._station: Station | None = None
        self._lane = StatusLane(clock, self._minimum_status_s)
        self._link = make_link(self)

    @property
    def online(self) -> bool:
        """True while the link is up and the boot was accepted."""
        return self._registration.accepted and self._link.connected

    @property
    def link(self) -> LinkSnapshot:
        """The state of the link for the status."""
        status = self._link.status
        return LinkSnapshot(
            url=self._url,
            connected=status.connected,
            since=status.since,
            registration=self._registration.status,
            online=self.online and self._alive,
            last_answer_at=status.last_answer_at,
            last_error=status.last_error,
            next_step=status.next_step,
            held=status.held,
            security_profile=self._security_profile,
            verify_hostname=self._verify_hostname,
        )

    def reconfigure(self, settings: LinkSettings, *, security_profile: int) -> None:
        """Follow *settings* from now on; a CSMS at another address is told of the boot as the first one was."""
        moved = settings.endpoint.url != self._url
        if (settings, security_profile) == (self._link.settings, self._security_profile):
            return
        self._url = settings.endpoint.url
        self._security_profile = security_profile
        self._verify_hostname = settings.endpoint.tls.verify_hostname
        if moved:
            self._registration.moved()
        if not self._link.connected:
            self._registration.link_lost()
        self._link.reconfigure(settings)

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

    def metered(self, connector: int, sample: MeterSample) -> None:
        """A meter value that belongs to no transaction: told now, or dropped."""
        self._meter_lane.put(connector, sample)

    def link_changed(self) -> None:
        """The link came up, or went down."""
        if not self._link.connected:
            self._alive = self._greeted = False
            self._registration.link_lost()
        self._turned.fire()
        if self._station is not None:
            self._station.look_again()

    def answered(self) -> None:
        """The CSMS answered a call of ours."""
        if self._station is None:
            return
        self._station.silence.answered()
        if not self._alive:
            self._alive = True
            self._station.changed.fire()

    async def run(self, station: Station, timebase: Timebase) -> None:
        """Serve *station* for ever."""
        self._station = station
        self._follow_ping_interval(station)
        delivery = JournalDelivery(station, self._link, timebase)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run(), name="csms-link")
            tasks.create_task(self._register(station), name="csms-registration")
            beats = self._registration.send_heartbeats(self._link, station, lambda: self.online)
            tasks.create_task(beats, name="csms-heartbeat")
            tasks.create_task(self._send_statuses(timebase), name="csms-status")
            tasks.create_task(self._send_journal(station, delivery), name="csms-journal")
            readings = self._meter_lane.run(station, self._link, timebase, lambda: self._greeted)
            tasks.create_task(readings, name="csms-readings")
            told = firmware_management.tell_file_statuses(
                station.file_statuses, self._link, self._clock, self._until_greeted
            )
            tasks.create_task(told, name="csms-files")
            triggered = self._triggered.run(partial(self._send_one, station, timebase))
            tasks.create_task(triggered, name="csms-triggered")
            tasks.create_task(self._follow_configuration(station), name="csms-configuration")

    async def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer a CALL of the CSMS; raises `CallError`, and `Unanswered` while it rejects this charge point."""
        if self._registration.rejected:
            raise Unanswered("the boot is rejected")
        if action not in known_actions():
            raise CallError(ErrorCode.NOT_IMPLEMENTED, f"{action[:60]} is no OCPP 1.6 request")
        station = self._station
        handler = None if station is None else _handler(station, action)
        if station is None or handler is None:
            raise CallError(ErrorCode.NOT_SUPPORTED, f"{action} is not served by this charge point")
        check_inbound(action, payload, kind="call")
        context = Context(
            station=station,
            accepted=self._registration.accepted,
            may_send=self._registration.may_send,
            trigger=self._triggered.ask,
        )
        try:
            return await handler(context, payload)
        except StorageError as error:
            log.error("call action=%s is refused, the store failed: %s", action, error)
            raise CallError(ErrorCode.INTERNAL_ERROR, "the charge point cannot keep this now") from error

    async def _register(self, station: Station) -> None:
        """Boot until accepted, once per process; each later link only tells the present status again."""
        while True:
            wait_s, accepted = self._registration.wait_s, self._registration.accepted
            if self.online and not self._greeted:
                self._greet(station)
            elif self._link.connected and not accepted and wait_s == 0:
                await self._boot(station)
            else:
                await self._turn(None if accepted else wait_s or None)

    def _greet(self, station: Station) -> None:
        self._link.accepted()
        self._lane.restart(station.reports)
        self._greeted = True
        self._turned.fire()
        station.look_again()

    async def _turn(self, at_most_s: float | None) -> None:
        """Wait until the link, the registration or what was told changes."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._turned.wait()
        except TimeoutError:
            return

    async def _boot(self, station: Station) -> None:
        if await self._registration.boot(self._link, station):
            self._greeted = self._greeted and self._registration.accepted
            station.look_again()
            self._turned.fire()

    async def _send_statuses(self, timebase: Timebase) -> None:
        while True:
            pending = await self._lane.next()
            payload = _status_notification(pending.report, timebase)
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
            await self._until_greeted()
            await self._lane.until_idle()
            try:
                await delivery.deliver_next()
            except StorageError as error:
                log.error("journal waits for the store: %s", error)
                await self._clock.sleep(STORE_RETRY_S)

    async def _until_greeted(self) -> None:
        while not self._greeted:
            await self._turned.wait()

    async def _send_one(
        self, station: Station, timebase: Timebase, message: str, connector: int | None
    ) -> None:
        if message == "BootNotification":
            await self._boot(station)
        elif not self._registration.may_send:
            log.info("triggered message=%s is dropped, the boot is not accepted any more", message)
        elif message == "Heartbeat":
            await self._registration.heartbeat(self._link)
        elif message == "FirmwareStatusNotification":
            await self._link.call(message, {"status": station.firmware.status.value})
        elif message == "DiagnosticsStatusNotification":
            await self._link.call(message, {"status": station.diagnostics.status.value})
        elif message == "StatusNotification":
            for report in station.reports:
                if connector in (None, report.connector):
                    await self._link.call("StatusNotification", _status_notification(report, timebase))
        else:
            for number in station.connectors:
                if connector in (None, number):
                    await self._meter_lane.send_now(number, station, self._link, timebase)

    async def _follow_configuration(self, station: Station) -> None:
        while True:
            await station.configuration.changed.wait()
            self._follow_ping_interval(station)

    def _follow_ping_interval(self, station: Station) -> None:
        self._link.set_ping_interval(float(station.configuration.variables.integer("WebSocketPingInterval")))

    def _minimum_status_s(self) -> int:
        assert self._station is not None
        return self._station.configuration.variables.integer("MinimumStatusDuration")


def _status_notification(report: ConnectorReport, timebase: Timebase) -> dict[str, Any]:
    """A CSMS that could not tell the time is not told one either: its own is better than a guess (§6.47)."""
    return translate.status_notification(
        report, timebase.date(report.since) if timebase.clock.trusted else None
    )


def _handler(station: Station, action: str) -> Handler | None:
    for profile, handlers in SERVED.items():
        served = profile in ALWAYS_ANSWERED or station.configuration.variables.serves(profile)
        if action in handlers and served:
            return handlers[action]
    return None
