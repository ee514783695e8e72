"""Documents as a daemon would send them, made from the station on paper."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from cpd.clock import ClockSource
from cpd.control.api import (
    AvailabilityDocument,
    ConfigurationDocument,
    ConnectionStepDocument,
    ConnectionTestDocument,
    DoctorDocument,
    LocalLimitDocument,
    ProfilesDocument,
    QueuedMessageDocument,
    QueueDocument,
    ReloadDocument,
    ScheduleDocument,
    ShownCardDocument,
    StatusDocument,
    TransactionAction,
    TransactionsDocument,
)
from cpd.control.auth import auth_document
from cpd.control.doctor import doctor_document
from cpd.control.documents import past_transaction_document, schedule_document, status_document, why_document
from cpd.control.rfid import cards_document
from cpd.domain.authorization import AuthorizationStatus, IdTagInfo, Known
from cpd.domain.composite import CompositePeriod, CompositeSchedule
from cpd.domain.profiles import RateUnit, Recurrency
from cpd.station.repositories import StoreHealth
from cpd.storage.clearing import Cleared
from cpd.storage.restoring import Restored
from cpd.upkeep.backup_file import Backup
from cpd.upkeep.store import Restoration
from hal.evse import CardRead
from tests.control.fake_target import (
    BOOT_MONOTONIC_S,
    DEFAULT_100,
    FINDINGS,
    LINK,
    NOW,
    OWN,
    TX_7,
    a_blocked_card_explained,
    a_charging_connector,
    a_delayed_connector,
    a_faulted_connector,
    a_sheet,
    a_snapshot,
    a_stranger_explained,
    a_suspended_connector,
    a_transaction,
    a_waiting_connector,
    an_explanation,
    an_idle_connector,
)

SNAPSHOT = a_snapshot(
    a_charging_connector(1), an_idle_connector(2), a_suspended_connector(3), a_faulted_connector(4)
)
TROUBLED = replace(
    a_snapshot(
        a_suspended_connector(1),
        link=replace(
            LINK,
            connected=False,
            since=NOW - timedelta(days=2),
            last_error="HTTP 404: the address is right, but the central system does not know CP-0042",
        ),
    ),
    clock_source=ClockSource.NONE,
    clock_trusted=False,
    queued=12,
    dead=1,
)


def dated(monotonic_s: float) -> datetime:
    return NOW + timedelta(seconds=monotonic_s - BOOT_MONOTONIC_S)


STATUS: StatusDocument = status_document(SNAPSHOT, dated)
ALONE_STATUS: StatusDocument = {**STATUS, "csms": {**STATUS["csms"], "url": None, "connected": False}}
TROUBLED_STATUS: StatusDocument = status_document(TROUBLED, dated)
SICK_DISK = replace(
    a_snapshot(an_idle_connector(1)),
    store=StoreHealth(
        failure="store /var/lib/cpd/cpd.db: the disk is full; free some space",
        damage="was damaged at this start: 412 rows saved, 3 unreadable, journal not whole;"
        " the damaged one is /var/lib/cpd/cpd.db.damaged-1",
    ),
)
SICK_DISK_STATUS: StatusDocument = status_document(SICK_DISK, dated)
MOVED = "it comes from another machine that was CP-0042 as well: a copied SD card?"
MOVED_STATUS: StatusDocument = status_document(
    replace(a_snapshot(an_idle_connector(1)), store=StoreHealth(moved=MOVED)), dated
)
BACKUP = Backup(
    station_id="CP-0042", made_at=NOW, version="0.1.0", store=b"", configuration=None, latches=None
)
RESTORATION = Restoration(
    restored=Restored(
        configuration={
            "profiles": 3,
            "variables": 7,
            "availability": 0,
            "local_availability": 1,
            "authorizations": 12,
            "local_list": 240,
            "local_list_version": 1,
        },
        sessions=2,
        messages=5,
    ),
    kept_as=Path("/var/lib/cpd/cpd.db.replaced-1"),
    latches=True,
)
CLEARED = Cleared(
    rows={"transactions": 41, "profiles": 3, "variables": 7, "local_list": 240, "authorizations": 12},
    messages=5,
    password=True,
)
WHY = [why_document(connector) for connector in SNAPSHOT.connectors]
WAITING_STATUS: StatusDocument = status_document(a_snapshot(a_waiting_connector(1)), dated)
DELAYED_STATUS: StatusDocument = status_document(a_snapshot(a_delayed_connector(1)), dated)
WHY_DELAYED = why_document(a_delayed_connector(1))
WHY_WAITING = why_document(a_waiting_connector(1))

LOCAL_LIMIT: LocalLimitDocument = {
    "schema": "cpd.limit/1",
    "connector": 1,
    "current_a": 10.0,
    "until": "2026-11-22T08:56:00.000Z",
    "limit": STATUS["connectors"][2]["limit"],
}
NO_LOCAL_LIMIT: LocalLimitDocument = {**LOCAL_LIMIT, "current_a": None, "until": None}

IN_SERVICE: AvailabilityDocument = {
    "schema": "cpd.availability/1",
    "connector": 1,
    "operative": True,
    "status": "Accepted",
}
OUT_OF_SERVICE: AvailabilityDocument = {**IN_SERVICE, "connector": 0, "operative": False}
OUT_OF_SERVICE_SOON: AvailabilityDocument = {**IN_SERVICE, "operative": False, "status": "Scheduled"}

SCHEDULE: ScheduleDocument = schedule_document(
    CompositeSchedule(
        connector=1,
        start_at_s=int(NOW.timestamp()),
        duration_s=86_400,
        unit=RateUnit.A,
        periods=(
            CompositePeriod(0, 320, 3, OWN),
            CompositePeriod(30_840, 160, 3, DEFAULT_100),
            CompositePeriod(45_240, 0, 3, TX_7),
            CompositePeriod(52_440, 155, 3, DEFAULT_100),
        ),
    )
)
OVER_THE_CLOCK_CHANGE: ScheduleDocument = {
    **SCHEDULE,
    "start": "2026-10-24T22:00:00.000Z",
    "unit": "W",
    "periods": [{**period, "limit": period["limit"] * 690} for period in SCHEDULE["periods"]],
}

RECURRING: ScheduleDocument = schedule_document(
    CompositeSchedule(
        connector=1,
        start_at_s=int(datetime(2026, 10, 22, 6, tzinfo=UTC).timestamp()),
        duration_s=86_400,
        unit=RateUnit.A,
        periods=(
            CompositePeriod(0, 320, 3, OWN),
            CompositePeriod(54_000, 100, 3, replace(DEFAULT_100, recurrency=Recurrency.DAILY)),
            CompositePeriod(82_800, 320, 3, OWN),
        ),
    )
)
"""Begins three days before the clocks of Berlin are changed."""
RECURRING_LOCALLY: ScheduleDocument = {**RECURRING, "recurring_local_time": "Europe/Berlin"}

PROFILES: ProfilesDocument = {
    "schema": "cpd.profiles/1",
    "profiles": [
        {
            "connector": 1,
            "received_at": "2026-11-22T07:30:00.000Z",
            "profile": {
                "chargingProfileId": 7,
                "transactionId": 81_723,
                "stackLevel": 2,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Absolute",
                "validTo": "2026-11-23T00:00:00Z",
                "chargingSchedule": {
                    "duration": 36_000,
                    "startSchedule": "2026-11-22T08:00:00Z",
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [
                        {"startPeriod": hour * 3_600, "limit": 16.5 - hour, "numberPhases": 3}
                        for hour in range(9)
                    ],
                },
            },
        },
        {
            "connector": 0,
            "received_at": "2026-11-02T07:30:00.000Z",
            "profile": {
                "chargingProfileId": 100,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Recurring",
                "recurrencyKind": "Daily",
                "chargingSchedule": {
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 22_000}],
                },
            },
        },
    ],
}

TRANSACTIONS: TransactionsDocument = {
    "schema": "cpd.transactions/1",
    "transactions": [
        past_transaction_document(a_transaction(1), delivered=False),
        past_transaction_document(replace(a_transaction(2, running=False), csms_id=None), delivered=False),
        past_transaction_document(a_transaction(9, running=False), delivered=True),
    ],
}


def queued(
    number: int, order: int, action: TransactionAction, minutes_ago: int, **more: object
) -> QueuedMessageDocument:
    """A message about transaction L-*order*."""
    message = {
        "id": number,
        "action": action,
        "local_id": f"0192f3c1-{order:04}",
        "attempts": 0,
        "last_error": None,
        "dead": False,
        "created_at": f"{NOW - timedelta(minutes=minutes_ago):%Y-%m-%dT%H:%M:%S.000Z}",
        "order": order,
        "connector": 1 + order % 2,
        "transaction_id": None,
        "running": False,
    }
    return cast(QueuedMessageDocument, {**message, **more})


REFUSED = {"dead": True, "attempts": 5, "last_error": "InternalError: no such transaction"}
DEAD_QUEUE: QueueDocument = {
    "schema": "cpd.queue/1",
    "messages": [
        queued(11, 86, "StartTransaction", 400, **REFUSED),
        queued(31, 88, "StopTransaction", 300, transaction_id=81_723, **REFUSED),
    ],
}
QUEUE: QueueDocument = {
    "schema": "cpd.queue/1",
    "messages": [
        *DEAD_QUEUE["messages"],
        queued(
            40, 91, "StartTransaction", 41, attempts=2, last_error="no answer to StartTransaction within 30 s"
        ),
        *(queued(number, 91, "MeterValues", 80 - number) for number in range(41, 45)),
        queued(45, 92, "StartTransaction", 20, running=True),
        queued(46, 91, "StopTransaction", 12),
        cast(QueuedMessageDocument, {**queued(47, 92, "MeterValues", 1, running=True), "id": None}),
    ],
}
RETRIED: QueueDocument = {
    "schema": "cpd.queue/1",
    "messages": [{**one, "dead": False, "attempts": 0} for one in DEAD_QUEUE["messages"]],
}
EMPTY_QUEUE: QueueDocument = {"schema": "cpd.queue/1", "messages": []}

CONFIGURATION: ConfigurationDocument = cast(
    ConfigurationDocument,
    {
        "schema": "cpd.configuration/1",
        "keys": [
            {
                "key": "HeartbeatInterval",
                "value": "60",
                "readonly": False,
                "source": "csms",
                "file_value": "300",
            },
            {"key": "AuthorizationKey", "value": None, "readonly": False, "source": "file"},
            {
                "key": "MeterValuesSampledData",
                "value": "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered",
                "readonly": False,
                "source": "local",
            },
            {"key": "NumberOfConnectors", "value": "2", "readonly": True, "source": "file"},
        ],
    },
)


DOCTOR: DoctorDocument = doctor_document(FINDINGS, running=True)
DOCTOR_ALONE: DoctorDocument = doctor_document(FINDINGS[:2], running=False)


def with_texts(status: StatusDocument, text: str) -> StatusDocument:
    """*status* with *text* wherever the outside world has a say."""
    connectors: list[Any] = [
        {
            **connector,
            "transaction": connector["transaction"] and {**connector["transaction"], "id_tag": text},
            "blockers": [
                {**blocker, "code": text, "evidence": text, "next_step": text}
                for blocker in connector["blockers"]
            ],
        }
        for connector in status["connectors"]
    ]
    return {
        **status,
        "station": {**status["station"], "id": text, "firmware_version": text},
        "csms": {**status["csms"], "last_error": text, "registration": text},
        "connectors": connectors,
    }


RELOADED: ReloadDocument = {
    "schema": "cpd.reload/1",
    "changed": [
        {"key": "station.max_current_a", "before": "40", "now": None, "kept": None},
        {"key": "connector[1].max_current_a", "before": "32", "now": "16", "kept": None},
        {"key": "csms.password", "before": "(not shown)", "now": "(not shown)", "kept": None},
        {"key": "ocpp.ConnectionTimeOut", "before": "60", "now": "30", "kept": "90"},
    ],
    "needs_restart": [
        {"key": "station.serial_number", "before": None, "now": '"SN-2026-11-22"', "kept": None},
        {"key": "connector[2]", "before": None, "now": "a table", "kept": None},
    ],
    "unchanged": ["station.id", "station.vendor", "store.path"],
    "warnings": [
        'ocpp.HartbeatInterval is no key that cpd knows, it is kept as a plain one; did you mean "HeartbeatInterval"?'
    ],
}
NOTHING_RELOADED: ReloadDocument = {
    "schema": "cpd.reload/1",
    "changed": [],
    "needs_restart": [],
    "unchanged": ["station.id", "station.vendor", "store.path"],
    "warnings": [],
}

LISTED = auth_document(an_explanation())
STRANGER = auth_document(a_stranger_explained())

A_MIFARE_CARD = CardRead(id_tag="04A31F02B16180", uid="04A31F02B16180")
A_CARD_OF_CONNECTOR_2 = CardRead(id_tag="3000E2F442", uid="3000E2F442", connector=2)
A_PHONE = CardRead(id_tag="08D1F2A3", uid="08D1F2A3")
A_NAME = CardRead(id_tag="VISITOR")
ACCEPTED = Known(listed=IdTagInfo(status=AuthorizationStatus.ACCEPTED))
_BLOCKED = Known(cached=IdTagInfo(status=AuthorizationStatus.BLOCKED))


def shown(card: CardRead, **known: Known) -> ShownCardDocument:
    """*card* as it is shown, where list and cache hold what is *known* about these idTags."""
    sheet = a_sheet(card, known={id_tag.removeprefix("_"): one for id_tag, one in known.items()})
    (document,) = cards_document(sheet, dated)["cards"]
    return document


SHOWN_LISTED = shown(A_MIFARE_CARD, _04A31F02B16180=ACCEPTED)
SHOWN_REVERSED = shown(A_MIFARE_CARD, _8061B1021FA304=ACCEPTED)
SHOWN_PRINTED = shown(A_CARD_OF_CONNECTOR_2, _0014873666=_BLOCKED)
SHOWN_PHONE = shown(A_PHONE)
SHOWN_NAME = shown(A_NAME)
ALONE_AND_BLOCKED = auth_document(a_blocked_card_explained())


def _connection_step(
    step: str, ms: float | None, evidence: str, cause: str | None = None, next_step: str = ""
) -> ConnectionStepDocument:
    outcome = "failed" if cause is not None else "skipped" if ms is None else "ok"
    return {
        "step": step,  # type: ignore[typeddict-item]
        "outcome": outcome,  # type: ignore[typeddict-item]
        "ms": ms,
        "evidence": evidence,
        "cause": cause,
        "next_step": next_step,
    }


_WAY = (
    _connection_step("DNS", 12.2, "192.0.2.17, 2001:db8::17"),
    _connection_step("TCP", 38.1, "192.0.2.17 port 443"),
    _connection_step("TLS", 81.4, "TLSv1.3, certificate until 2027-02-03"),
)
_NOT_TRIED = tuple(_connection_step(step, None, "not tried") for step in ("WebSocket", "Boot"))

CONNECTED: ConnectionTestDocument = {
    "schema": "cpd.connection/1",
    "url": "wss://ocpp.example.com/v16/CP-0042",
    "station": "CP-0042",
    "link": None,
    "steps": [
        *_WAY,
        _connection_step("WebSocket", 22.0, "ocpp1.6"),
        _connection_step("Boot", 40.6, "accepted, heartbeat every 300 s"),
    ],
}
CONNECTED_TO_404: ConnectionTestDocument = {
    **CONNECTED,
    "url": "wss://ocpp.example.com/v16/CP-0042/CP-0042",
    "steps": [
        *_WAY,
        _connection_step(
            "WebSocket",
            22.0,
            "HTTP 404: the central system has nothing at this path: check csms.url and station.id",
            "path_unknown",
            "create the charger at the CSMS; compare path and id letter by letter (capitals count)",
        ),
        _NOT_TRIED[1],
    ],
}
CONNECTED_BESIDE: ConnectionTestDocument = {
    **CONNECTED,
    "link": STATUS["csms"],
    "steps": [*_WAY, *_NOT_TRIED],
}
