"""What the central system answers to each CALL of a charge point, and what it books of it.

It knows payloads only; frames, waits and scripted misbehaviour are the session's.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import Action, AuthorizationStatus, GenericStatus

from cpd.clock import Clock
from cpd.lab.csms.behaviour import BehaviourInForce
from cpd.lab.csms.station_log import StationLog

_REGISTER = "Energy.Active.Import.Register"


class Answers(ChargePoint):
    """The handlers of the `ocpp` package's ChargePoint class for everything that a charge point may send.

    Requests reach them validated, hence *skip_schema_validation* on each.
    """

    def __init__(
        self,
        connection: Any,
        *,
        station_log: StationLog,
        behaviour: BehaviourInForce,
        clock: Clock,
        transaction_id: Callable[[], int],
        **package: Any,
    ) -> None:
        super().__init__(station_log.station, connection, **package)
        self.log = station_log
        self.behaviour = behaviour
        self.clock = clock
        self._transaction_id = transaction_id

    @on(Action.authorize, skip_schema_validation=True)
    def _authorize(self, id_tag: str) -> call_result.Authorize:
        return call_result.Authorize(id_tag_info=self._id_tag_info(id_tag))

    @on(Action.boot_notification, skip_schema_validation=True)
    def _boot_notification(self, **_request: Any) -> call_result.BootNotification:
        behaviour = self.behaviour.now
        self.log.registration = behaviour.registration
        self.log.triggered.clear()
        return call_result.BootNotification(
            current_time=self._now_text(), interval=behaviour.interval_s, status=behaviour.registration
        )

    @on(Action.data_transfer, skip_schema_validation=True)
    def _data_transfer(self, **_request: Any) -> call_result.DataTransfer:
        return call_result.DataTransfer(status=self.behaviour.now.data_transfer)

    @on(Action.heartbeat, skip_schema_validation=True)
    def _heartbeat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(current_time=self._now_text())

    @on(Action.meter_values, skip_schema_validation=True)
    def _meter_values(
        self, connector_id: int, meter_value: list[dict[str, Any]], transaction_id: int | None = None
    ) -> call_result.MeterValues:
        for values in meter_value:
            self.log.ledger.meter(
                connector=connector_id,
                transaction_id=transaction_id,
                register_wh=_register_wh(values["sampled_value"]),
                at=_instant(values["timestamp"]),
            )
        return call_result.MeterValues()

    @on(Action.start_transaction, skip_schema_validation=True)
    def _start_transaction(
        self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_request: Any
    ) -> call_result.StartTransaction:
        booked = self.log.ledger.start(
            transaction_id=self._transaction_id,
            connector=connector_id,
            id_tag=id_tag,
            started_at=_instant(timestamp),
            meter_start_wh=meter_start,
        )
        info = self._id_tag_info(id_tag, self.behaviour.now.start_status)
        return call_result.StartTransaction(transaction_id=booked.id, id_tag_info=info)

    @on(Action.status_notification, skip_schema_validation=True)
    def _status_notification(self, **_request: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on(Action.stop_transaction, skip_schema_validation=True)
    def _stop_transaction(
        self,
        transaction_id: int,
        meter_stop: int,
        timestamp: str,
        reason: str | None = None,
        id_tag: str | None = None,
        **_request: Any,
    ) -> call_result.StopTransaction:
        self.log.ledger.stop(
            transaction_id=transaction_id,
            stopped_at=_instant(timestamp),
            meter_stop_wh=meter_stop,
            reason=reason,
            id_tag=id_tag,
        )
        return call_result.StopTransaction(id_tag_info=None if id_tag is None else self._id_tag_info(id_tag))

    @on(Action.diagnostics_status_notification, skip_schema_validation=True)
    def _diagnostics_status(self, **_request: Any) -> call_result.DiagnosticsStatusNotification:
        return call_result.DiagnosticsStatusNotification()

    @on(Action.firmware_status_notification, skip_schema_validation=True)
    def _firmware_status(self, **_request: Any) -> call_result.FirmwareStatusNotification:
        return call_result.FirmwareStatusNotification()

    @on(Action.log_status_notification, skip_schema_validation=True)
    def _log_status(self, **_request: Any) -> call_result.LogStatusNotification:
        return call_result.LogStatusNotification()

    @on(Action.security_event_notification, skip_schema_validation=True)
    def _security_event(self, **_request: Any) -> call_result.SecurityEventNotification:
        return call_result.SecurityEventNotification()

    @on(Action.sign_certificate, skip_schema_validation=True)
    def _sign_certificate(self, **_request: Any) -> call_result.SignCertificate:
        return call_result.SignCertificate(status=GenericStatus.rejected)

    @on(Action.signed_firmware_status_notification, skip_schema_validation=True)
    def _signed_firmware_status(self, **_request: Any) -> call_result.SignedFirmwareStatusNotification:
        return call_result.SignedFirmwareStatusNotification()

    def _now_text(self) -> str:
        behaviour = self.behaviour.now
        now = self.clock.now() + timedelta(seconds=behaviour.clock_error_s)
        if behaviour.clock_format is not None:
            return now.strftime(behaviour.clock_format)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _id_tag_info(self, id_tag: str, status: AuthorizationStatus | None = None) -> IdTagInfo:
        tag = self.behaviour.now.tag(id_tag)
        return IdTagInfo(status=status or tag.status, parent_id_tag=tag.parent_id_tag)


def _instant(text: str) -> datetime:
    """An instant of a message; a wrong one is a violation already, and here the earliest there is."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def _register_wh(sampled_values: list[dict[str, Any]]) -> int | None:
    """The energy register of all phases; measurand and unit default as in OCPP 1.6 §7.43."""
    for sampled in sampled_values:
        if sampled.get("measurand", _REGISTER) == _REGISTER and "phase" not in sampled:
            factor = 1000 if sampled.get("unit") == "kWh" else 1
            return int(float(sampled["value"]) * factor)
    return None
