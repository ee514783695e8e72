"""Domain values as documents of the control interface; pure, and the only place that knows both sides.

A, V and percent are derived from the integers here, always rounded down where they are rounded at all. idTags
are shortened unless *full*.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import cast

from cpd.control.api import (
    BlockerDocument,
    ConfigurationKeyDocument,
    ConnectorDocument,
    ConstraintDocument,
    FaultDocument,
    InstalledProfileDocument,
    LimitDocument,
    MeterDocument,
    PastTransactionDocument,
    ReservationDocument,
    RunnerUpDocument,
    ScheduleDocument,
    SourceDocument,
    StatusDocument,
    TransactionDocument,
    WhyDocument,
)
from cpd.domain.authorization import shortened
from cpd.domain.blockers import Blocker
from cpd.domain.composite import ActiveLimit, CompositeSchedule
from cpd.domain.connector_status import ERROR_CODES, ConnectorStatus
from cpd.domain.profile_book import InstalledProfile
from cpd.domain.reservations import Reservation
from cpd.domain.supply import Constraint
from cpd.domain.transactions import Transaction
from cpd.station.configuration import ConfigurationKey
from cpd.station.snapshot import ConnectorSnapshot, StationSnapshot
from hal.evse import LEASE_S
from hal.values import Fault, MeterReading

Dated = Callable[[float], datetime | None]
"""The wall time of a monotonic instant, None while it cannot be known."""


def status_document(snapshot: StationSnapshot, dated: Dated, *, full: bool = False) -> StatusDocument:
    """The whole status."""
    identity, link = snapshot.identity, snapshot.link
    return {
        "schema": "cpd.status/1",
        "station": {
            "id": identity.id,
            "vendor": identity.vendor,
            "model": identity.model,
            "serial_number": identity.serial_number,
            "firmware_version": identity.firmware_version,
            "uptime_s": round(snapshot.uptime_s, 3),
            "clock": {
                "now": instant(snapshot.now),
                "source": snapshot.clock_source.value,
                "trusted": snapshot.clock_trusted,
            },
        },
        "csms": {
            "url": link.url,
            "connected": link.connected,
            "since": optional_instant(link.since),
            "registration": link.registration,
            "online": link.online,
            "last_answer_at": optional_instant(link.last_answer_at),
            "last_error": link.last_error,
            "held": link.held,
            "security_profile": link.security_profile,
            "verify_hostname": link.verify_hostname,
            "queued": snapshot.queued,
            "dead": snapshot.dead,
        },
        "hal": {"backend": snapshot.hal_backend, "process": snapshot.hal_process, "lease_s": LEASE_S},
        "store": {
            "failure": snapshot.store.failure,
            "damage": snapshot.store.damage,
            "moved": snapshot.store.moved,
        },
        "connectors": [_connector(connector, dated, full=full) for connector in snapshot.connectors],
    }


def why_document(connector: ConnectorSnapshot) -> WhyDocument:
    """Why *connector* does not charge."""
    return {
        "schema": "cpd.why/1",
        "connector": connector.id,
        "charging": connector.status is ConnectorStatus.CHARGING,
        "blockers": _blockers(connector.blockers),
    }


def schedule_document(schedule: CompositeSchedule) -> ScheduleDocument:
    """The composite schedule; limits go from tenths to A or W."""
    return {
        "schema": "cpd.schedule/1",
        "connector": schedule.connector,
        "start": instant(datetime.fromtimestamp(schedule.start_at_s, UTC)),
        "duration_s": schedule.duration_s,
        "unit": schedule.unit.value,
        "periods": [
            {
                "start_s": period.start_s,
                "limit": period.limit_tenths / 10,
                "phases": period.phases,
                "constrained_by": constraint_document(period.constrained_by),
            }
            for period in schedule.periods
        ],
        "recurring_local_time": schedule.recurs_by,
    }


def profile_document(installed: InstalledProfile, wire: dict[str, object]) -> InstalledProfileDocument:
    """An installed profile with its form on the *wire*."""
    received_at = datetime.fromtimestamp(installed.received_at_s, UTC)
    return {"connector": installed.connector, "received_at": instant(received_at), "profile": wire}


def past_transaction_document(
    transaction: Transaction, *, delivered: bool, full: bool = False
) -> PastTransactionDocument:
    """A transaction of the list; a running one has taken what its last reading says."""
    stop_wh = transaction.meter_stop_wh
    taken_wh = (transaction.last_meter_wh if stop_wh is None else stop_wh) - transaction.meter_start_wh
    stopped_at = transaction.stopped.at if transaction.stopped is not None else None
    running = _transaction(transaction, transaction.started.at, taken_wh, full=full)
    return {
        **running,
        "connector": transaction.connector,
        "stopped_at": optional_instant(stopped_at),
        "meter_stop_wh": stop_wh,
        "reason": transaction.stop_reason.value if transaction.stop_reason is not None else None,
        "delivered": delivered,
    }


def configuration_key_document(key: ConfigurationKey) -> ConfigurationKeyDocument:
    """A configuration key as it is in force."""
    value = None if key.secret else key.value
    return {"key": key.key, "value": value, "readonly": key.readonly, "source": key.source}


def constraint_document(constraint: Constraint) -> ConstraintDocument:
    """What holds a limit; the profile's fields only where it is one."""
    document: ConstraintDocument = {"kind": constraint.kind.value}
    if constraint.purpose is not None:
        document["purpose"] = constraint.purpose.value
    if constraint.profile_id is not None:
        document["id"] = constraint.profile_id
    if constraint.stack_level is not None:
        document["stack_level"] = constraint.stack_level
    if constraint.recurrency is not None:
        document["recurrency"] = constraint.recurrency.value
    return document


def duty_percent(duty_ns: int | None) -> float | None:
    """The duty cycle of the 1 kHz pilot in percent, rounded down to 0.1."""
    return None if duty_ns is None else duty_ns // 1_000 / 10


def _connector(connector: ConnectorSnapshot, dated: Dated, *, full: bool) -> ConnectorDocument:
    outlet = connector.outlet
    transaction: TransactionDocument | None = None
    if connector.transaction is not None:
        transaction = _transaction(
            connector.transaction,
            connector.transaction_started_at,
            connector.transaction_energy_wh,
            full=full,
        )
    return {
        "id": connector.id,
        "ocpp_status": connector.status.value,
        "error_code": connector.error_code,
        "availability": "Operative" if connector.operative else "Inoperative",
        "cable_a": outlet.cable_a,
        "lock": outlet.lock.value,
        "pilot": {
            "state": outlet.pilot.value,
            "duty_percent": duty_percent(outlet.duty_ns),
            "pwm": outlet.duty_ns is not None,
        },
        "contactor": {
            "commanded": outlet.contactor_commanded.value,
            "confirmed": outlet.contactor.value,
            "phases": outlet.phases,
        },
        "limit": limit_document(connector.limit, connector.limit_until),
        "offer_a": connector.offer_ma / 1_000,
        "meter": _meter(outlet.meter, connector.meter_age_s),
        "transaction": transaction,
        "reservation": _reservation(connector.reservation, full=full),
        "faults": [_fault(fault, dated) for fault in outlet.faults],
        "blockers": _blockers(connector.blockers),
    }


def limit_document(limit: ActiveLimit, until: datetime | None) -> LimitDocument:
    """The limit that holds, and *until* when."""
    runner_up: RunnerUpDocument | None = None
    if limit.runner_up is not None:
        runner_up = {
            "current_a": limit.runner_up.current_ma / 1_000,
            "constrained_by": constraint_document(limit.runner_up.constrained_by),
        }
    return {
        "current_a": limit.current_ma / 1_000,
        "constrained_by": constraint_document(limit.constrained_by),
        "until": optional_instant(until),
        "runner_up": runner_up,
    }


def _meter(reading: MeterReading | None, age_s: float | None) -> MeterDocument | None:
    if reading is None:
        return None
    return {
        "energy_wh": reading.energy_wh,
        "power_w": None if reading.power_w is None else float(reading.power_w),
        "current_a": _thousandths(reading.current_ma),
        "voltage_v": _thousandths(reading.voltage_mv),
        "age_s": None if age_s is None else round(age_s, 3),
    }


def _transaction(
    transaction: Transaction, started_at: datetime | None, energy_wh: int | None, *, full: bool
) -> TransactionDocument:
    return {
        "local_id": transaction.local_id,
        "id": transaction.csms_id,
        "id_tag": transaction.id_tag if full else shortened(transaction.id_tag),
        "started_at": optional_instant(started_at),
        "meter_start_wh": transaction.meter_start_wh,
        "energy_wh": energy_wh,
    }


def _reservation(reservation: Reservation | None, *, full: bool) -> ReservationDocument | None:
    if reservation is None:
        return None
    parent = reservation.parent_id_tag
    return {
        "id": reservation.id,
        "connector": reservation.connector,
        "id_tag": reservation.id_tag if full else shortened(reservation.id_tag),
        "parent_id_tag": parent if full or parent is None else shortened(parent),
        "expires_at": instant(reservation.expires_at),
    }


def _fault(fault: Fault, dated: Dated) -> FaultDocument:
    return {
        "kind": fault.kind.value,
        "error_code": ERROR_CODES[fault.kind],
        "since": optional_instant(dated(fault.since_s)),
        "latched": fault.rule.latched,
        "clears_by": fault.rule.clearing.value,
    }


def _blockers(blockers: Iterable[Blocker]) -> list[BlockerDocument]:
    return [
        {
            "code": blocker.code,
            "since": optional_instant(blocker.since),
            "until": optional_instant(blocker.until),
            "source": _source(blocker),
            "evidence": blocker.evidence,
            "next_step": blocker.next_step,
        }
        for blocker in blockers
    ]


def _source(blocker: Blocker) -> SourceDocument:
    if blocker.constraint is None:
        return {}
    source = cast(SourceDocument, constraint_document(blocker.constraint))
    if blocker.set_at is not None:
        source["set_at"] = instant(blocker.set_at)
    return source


def _thousandths(values: tuple[int, ...] | None) -> list[float] | None:
    return None if values is None else [value / 1_000 for value in values]


def instant(at: datetime) -> str:
    """An aware instant in RFC 3339, in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def optional_instant(at: datetime | None) -> str | None:
    """An instant in RFC 3339, None where there is none."""
    return None if at is None else instant(at)
