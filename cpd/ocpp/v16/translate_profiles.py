"""Charging profiles between OCPP 1.6 JSON and the domain.

Takes payloads that have passed `check_inbound`; refuses only what no schema can: numbers too large to work
with. Knows no rule about which profile is accepted or prevails.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cpd.domain.composite import CompositeSchedule
from cpd.domain.profile_book import ProfileFilter
from cpd.domain.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    Refusal,
    SchedulePeriod,
)
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.timestamps import parse_date_time

Payload = Mapping[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**53 - 1
"""Beyond it JSON implementations no longer agree on a whole number (RFC 8259 §6)."""
_LARGEST_DECIMAL: Final = Decimal(_LARGEST)
_TEN: Final = Decimal(10)
_CUTTING: Final = Context(prec=28, rounding=ROUND_DOWN, traps=[])


class CompositeRequest(NamedTuple):
    """GetCompositeSchedule.req (OCPP 1.6 §6.21); connector 0 is the station, unit None is ours to choose."""

    connector: int
    duration_s: int
    unit: RateUnit | None


def profile_from(payload: Payload) -> ChargingProfile:
    """The ChargingProfile of a SetChargingProfile.req or RemoteStartTransaction.req.

    Instants are cut to whole seconds and limits to one decimal, both downwards. Raises CallError
    PropertyConstraintViolation for a bad date and for a number beyond ±(2⁵³ - 1).
    """
    recurrency = payload.get("recurrencyKind")
    return ChargingProfile(
        id=_whole(payload, "chargingProfileId"),
        transaction_id=_optional_whole(payload, "transactionId"),
        stack_level=_whole(payload, "stackLevel"),
        purpose=Purpose(payload["chargingProfilePurpose"]),
        kind=Kind(payload["chargingProfileKind"]),
        recurrency=None if recurrency is None else Recurrency(recurrency),
        valid_from_s=_instant_s(payload, "validFrom"),
        valid_to_s=_instant_s(payload, "validTo"),
        schedule=_schedule_from(payload["chargingSchedule"]),
    )


def profile_to(profile: ChargingProfile) -> dict[str, Any]:
    """*profile* as it goes over the wire, fractions as Decimal; reading it back gives the same profile."""
    schedule = profile.schedule
    return _present(
        chargingProfileId=profile.id,
        transactionId=profile.transaction_id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=profile.purpose.value,
        chargingProfileKind=profile.kind.value,
        recurrencyKind=None if profile.recurrency is None else profile.recurrency.value,
        validFrom=_date_time(profile.valid_from_s),
        validTo=_date_time(profile.valid_to_s),
        chargingSchedule=_present(
            duration=schedule.duration_s,
            startSchedule=_date_time(schedule.start_at_s),
            chargingRateUnit=schedule.unit.value,
            chargingSchedulePeriod=[
                _present(
                    startPeriod=period.start_s,
                    limit=_number(period.limit_tenths),
                    numberPhases=period.phases,
                )
                for period in schedule.periods
            ],
            minChargingRate=None if schedule.min_rate_tenths is None else _number(schedule.min_rate_tenths),
        ),
    )


def clear_filter_from(payload: Payload) -> ProfileFilter:
    """The profiles that a ClearChargingProfile.req names; 0 is a value, only an absent field is "any"."""
    purpose = payload.get("chargingProfilePurpose")
    return ProfileFilter(
        profile_id=payload.get("id"),
        connector=payload.get("connectorId"),
        purpose=None if purpose is None else Purpose(purpose),
        stack_level=payload.get("stackLevel"),
    )


def composite_request_from(payload: Payload) -> CompositeRequest:
    """The question of a GetCompositeSchedule.req. Raises CallError for a negative duration."""
    unit = payload.get("chargingRateUnit")
    duration_s = _whole(payload, "duration")
    if duration_s < 0:
        raise CallError(
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"duration is {duration_s} s, 0 s is the least allowed"
        )
    return CompositeRequest(payload["connectorId"], duration_s, None if unit is None else RateUnit(unit))


def composite_to(outcome: CompositeSchedule | Refusal) -> dict[str, Any]:
    """The GetCompositeSchedule.conf for *outcome*.

    numberPhases is always there, since absent would mean 3, and startSchedule never: scheduleStart says it
    (errata 3.57).
    """
    if isinstance(outcome, Refusal):
        return {"status": "Rejected"}
    return {
        "status": "Accepted",
        "connectorId": outcome.connector,
        "scheduleStart": _date_time(outcome.start_at_s),
        "chargingSchedule": {
            "duration": outcome.duration_s,
            "chargingRateUnit": outcome.unit.value,
            "chargingSchedulePeriod": [
                {"startPeriod": start_s, "limit": _number(limit_tenths), "numberPhases": phases}
                for start_s, limit_tenths, phases, _ in outcome.periods
            ],
        },
    }


def set_status_for(refusal: Refusal | None) -> str:
    """The ChargingProfileStatus for the outcome of SetChargingProfile (OCPP 1.6 §7.12).

    Raises CallError NotSupported where smart charging is switched off as a whole (errata 3.39).
    """
    if refusal is None:
        return "Accepted"
    if refusal is Refusal.SMART_CHARGING_OFF:
        raise CallError(ErrorCode.NOT_SUPPORTED, refusal.value)
    return "NotSupported" if refusal is Refusal.PURPOSE_DISABLED else "Rejected"


def _schedule_from(payload: Payload) -> ChargingSchedule:
    min_rate = payload.get("minChargingRate")
    return ChargingSchedule(
        unit=RateUnit(payload["chargingRateUnit"]),
        periods=tuple([_period_from(period) for period in payload["chargingSchedulePeriod"]]),
        duration_s=_optional_whole(payload, "duration"),
        start_at_s=_instant_s(payload, "startSchedule"),
        min_rate_tenths=None if min_rate is None else _tenths("minChargingRate", min_rate),
    )


def _period_from(payload: Payload) -> SchedulePeriod:
    start_s = payload["startPeriod"]
    if start_s > _LARGEST:
        raise _too_large("startPeriod")
    # Half the price of SchedulePeriod(…), a thousand times in a profile.
    return tuple.__new__(
        SchedulePeriod, (start_s, _tenths("limit", payload["limit"]), payload.get("numberPhases"))
    )


def _whole(payload: Payload, name: str) -> int:
    value: int = payload[name]
    if not -_LARGEST <= value <= _LARGEST:
        raise _too_large(name)
    return value


def _optional_whole(payload: Payload, name: str) -> int | None:
    return _whole(payload, name) if name in payload else None


@lru_cache(maxsize=1024)
def _tenths(name: str, value: int | Decimal) -> int:
    """Remembered, because the limits of a schedule repeat."""
    if value > _LARGEST_DECIMAL:
        raise _too_large(name)
    return value * 10 if isinstance(value, int) else int(_CUTTING.multiply(value, _TEN))


def _too_large(name: str) -> CallError:
    # The number itself is left out: it may have thousands of digits.
    return CallError(
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{name} is beyond ±{_LARGEST}; send a smaller number"
    )


def _instant_s(payload: Payload, name: str) -> int | None:
    text = payload.get(name)
    if text is None:
        return None
    try:
        return (parse_date_time(text) - _EPOCH) // timedelta(seconds=1)
    except ValueError as error:
        raise CallError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{name}: {error}") from error


def _date_time(at_s: int | None) -> str | None:
    if at_s is None:
        return None
    return (_EPOCH + timedelta(seconds=at_s)).isoformat(timespec="seconds").replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def _number(tenths: int) -> int | Decimal:
    """A JSON number with one decimal at most; no float, to which 8.1 is no multiple of 0.1.

    Remembered, because the limits of a schedule repeat.
    """
    return Decimal(tenths).scaleb(-1) if tenths % 10 else tenths // 10


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
