"""Facts of the station as OCPP 1.6 payloads, and the answers of the CSMS as domain values.

Everything that the two sides spell differently is said here, once; no rule about charging is.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.measurands import measurand_of
from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.transactions import Transaction
from cpd.domain.variables import Variables
from cpd.ocpp.timestamps import format_date_time, parse_date_time
from cpd.station.csms import ConnectorReport
from cpd.station.snapshot import StationIdentity

log = logging.getLogger(__name__)

_POWER = "Power.Active.Import"

UNKNOWN_TRANSACTION = -1
"""The number of a transaction whose StartTransaction was given up: the CSMS never told one."""


def boot_notification(identity: StationIdentity) -> dict[str, Any]:
    """BootNotification.req (OCPP 1.6 §6.3)."""
    payload = {
        "chargePointVendor": identity.vendor,
        "chargePointModel": identity.model,
        "firmwareVersion": identity.firmware_version,
    }
    if identity.serial_number is not None:
        payload["chargeBoxSerialNumber"] = identity.serial_number
        payload["chargePointSerialNumber"] = identity.serial_number
    return payload


def status_notification(report: ConnectorReport, at: datetime | None) -> dict[str, Any]:
    """StatusNotification.req (§6.47); without a timestamp where *at* is None."""
    payload = {
        "connectorId": report.connector,
        "status": report.status.value,
        "errorCode": report.error_code,
    }
    if at is not None:
        payload["timestamp"] = format_date_time(at)
    if report.info is not None:
        payload["info"] = report.info
    return payload


def start_transaction(transaction: Transaction, at: datetime) -> dict[str, Any]:
    """StartTransaction.req (§6.45)."""
    payload = {
        "connectorId": transaction.connector,
        "idTag": transaction.id_tag,
        "meterStart": transaction.meter_start_wh,
        "timestamp": format_date_time(at),
    }
    if transaction.reservation_id is not None:
        payload["reservationId"] = transaction.reservation_id
    return payload


def stop_transaction(transaction: Transaction, at: datetime) -> dict[str, Any]:
    """StopTransaction.req (§6.49) of an ended transaction; idTag only where a card stopped it."""
    payload: dict[str, Any] = {
        "transactionId": _number(transaction),
        "meterStop": transaction.meter_stop_wh,
        "timestamp": format_date_time(at),
    }
    if transaction.stop_reason is not None:
        payload["reason"] = transaction.stop_reason.value
    if transaction.stop_id_tag is not None:
        payload["idTag"] = transaction.stop_id_tag
    return payload


def meter_values(
    connector: int,
    transaction: Transaction | None,
    sample: MeterSample,
    at: datetime,
    measurands: Iterable[str],
) -> dict[str, Any] | None:
    """MeterValues.req (§6.31); None where none of *measurands* has a value."""
    value = meter_value(sample, at, measurands)
    if value is None:
        return None
    payload: dict[str, Any] = {"connectorId": connector, "meterValue": [value]}
    if transaction is not None:
        payload["transactionId"] = _number(transaction)
    return payload


def meter_value(sample: MeterSample, at: datetime, measurands: Iterable[str]) -> dict[str, Any] | None:
    """One MeterValue (§7.29); None where none of *measurands* has a value. What is named twice is there once."""
    sampled: list[dict[str, str]] = []
    for name in measurands:
        sampled += [value for value in sampled_values(sample, name) if value not in sampled]
    return {"timestamp": format_date_time(at), "sampledValue": sampled} if sampled else None


def told_measurands(context: SampleContext, variables: Variables) -> tuple[str, ...]:
    """What MeterValues of *context* carry (§9.1): the clock's grid has a key of its own."""
    aligned = context is SampleContext.CLOCK
    return variables.names("MeterValuesAlignedData" if aligned else "MeterValuesSampledData")


def sampled_values(sample: MeterSample, name: str) -> list[dict[str, str]]:
    """The SampledValues (§7.43) of an entry such as ``Voltage`` or ``Current.Import.L2``; none where unknown."""
    measurand = measurand_of(name)
    if measurand is None:
        return []
    asked = name.removeprefix(measurand).removeprefix(".")
    values, unit, suffix = (
        _phase_powers(sample) if asked and measurand == _POWER else _values(sample, measurand)
    )
    found = []
    for index, value in enumerate(values):
        phase = None if suffix is None else f"L{index + 1}{suffix}"
        if asked and phase is not None and asked not in (phase, phase.removesuffix("-N")):
            continue
        entry = {
            "value": value,
            "context": sample.context.value,
            "measurand": measurand,
            "location": "Body" if measurand == "Temperature" else "Outlet",
        }
        if unit is not None:
            entry["unit"] = unit
        if phase is not None:
            entry["phase"] = phase
        found.append(entry)
    return found


def id_tag_info_from(payload: Mapping[str, Any]) -> IdTagInfo:
    """The idTagInfo (§7.9) of an answer that has passed its schema; an expiry that cannot be read is none."""
    return IdTagInfo(
        status=AuthorizationStatus(payload["status"]),
        parent_id_tag=payload.get("parentIdTag"),
        expires_at=_expiry(payload.get("expiryDate")),
    )


def _expiry(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_date_time(text)
    except ValueError as error:
        log.warning("expiryDate of the CSMS is ignored: %s", error)
        return None


def _values(sample: MeterSample, measurand: str) -> tuple[list[str], str | None, str | None]:
    """The values of a measurand, their unit, and what follows ``L1`` in their phase (None: no phase).

    Of a frequency and of a power factor OCPP 1.6 knows no unit (§7.45): Hertz, and a plain number.
    """
    match measurand:
        case "Energy.Active.Import.Register":
            return _whole(sample.energy_wh), "Wh", None
        case "Energy.Active.Import.Interval":
            return _whole(sample.interval_wh), "Wh", None
        case "Power.Active.Import":
            return _whole(sample.power_w), "W", None
        case "Power.Reactive.Import":
            return _whole(sample.reactive_var), "var", None
        case "Power.Offered":
            return _whole(sample.offered_w), "W", None
        case "Power.Factor":
            return _decimal(sample.power_factor_permille), None, None
        case "Frequency":
            return _decimal(sample.frequency_mhz), None, None
        case "Temperature":
            return _decimal(sample.temperature_mc), "Celsius", None
        case "Current.Offered":
            return _decimal(sample.offered_ma), "A", None
        case "Current.Import":
            return _decimal(*(sample.current_ma or ())), "A", ""
        case "Voltage":
            return _decimal(*(sample.voltage_mv or ())), "V", "-N"
        case _:
            return [], None, None


def _phase_powers(sample: MeterSample) -> tuple[list[str], str | None, str | None]:
    """As `_values`: the power of each phase, told only where a phase is asked for, or it would count twice."""
    return [str(power_w) for power_w in sample.phase_power_w or ()], "W", ""


def _whole(value: int | None) -> list[str]:
    return [] if value is None else [str(value)]


def _decimal(*thousandths: int | None) -> list[str]:
    """Each of *thousandths* that is known as a decimal of two places, rounded towards 0."""
    known = [one for one in thousandths if one is not None]
    return [f"{'-' if one <= -10 else ''}{abs(one) // 1000}.{abs(one) % 1000 // 10:02d}" for one in known]


def _number(transaction: Transaction) -> int:
    return UNKNOWN_TRANSACTION if transaction.csms_id is None else transaction.csms_id
