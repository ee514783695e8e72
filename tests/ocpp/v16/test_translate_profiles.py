"""Charging profiles from and to the wire."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from cpd.domain.composite import CompositePeriod, CompositeSchedule, Constraint, ConstraintKind
from cpd.domain.profile_book import ProfileFilter
from cpd.domain.profiles import ChargingProfile, Purpose, RateUnit, Recurrency, Refusal
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.v16.translate_profiles import (
    CompositeRequest,
    clear_filter_from,
    composite_request_from,
    composite_to,
    profile_from,
    profile_to,
    set_status_for,
)
from cpd.ocpp.validation import check_inbound, check_outbound
from tests.domain.strategies import profiles

PERIOD: dict[str, Any] = {"startPeriod": 0, "limit": Decimal("16.0")}
SCHEDULE: dict[str, Any] = {"chargingRateUnit": "A", "chargingSchedulePeriod": [PERIOD]}
PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": SCHEDULE,
}


def with_schedule(**changes: Any) -> dict[str, Any]:
    return PROFILE | {"chargingSchedule": SCHEDULE | changes}


def with_period(**changes: Any) -> dict[str, Any]:
    return with_schedule(chargingSchedulePeriod=[PERIOD | changes])


@settings(max_examples=100)
@given(profiles())
def test_profile_survives_the_wire(profile: ChargingProfile) -> None:
    text = json.dumps({"connectorId": 1, "csChargingProfiles": profile_to(profile)}, default=float)
    payload = json.loads(text, parse_float=Decimal)
    check_inbound("SetChargingProfile", payload, kind="call")
    assert profile_from(payload["csChargingProfiles"]) == profile


@pytest.mark.parametrize(
    ("limit", "tenths"),
    [
        (0, 0),
        (16, 160),
        (Decimal("8.1"), 81),
        (Decimal("15.99"), 159),
        (Decimal("15.99999999999999999999999999999999999999"), 159),
        (Decimal("1e-400"), 0),
        (Decimal("1.1E+4"), 110_000),
    ],
)
def test_limit_is_cut_to_one_decimal(limit: int | Decimal, tenths: int) -> None:
    (period,) = profile_from(with_period(limit=limit)).schedule.periods
    assert period.limit_tenths == tenths


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T00:01:00.999Z", 60),
        ("1970-01-01T01:01:00+01:00", 60),
        ("1970-01-01 00:01:00", 60),
        ("1969-12-31T23:59:59.5Z", -1),
    ],
)
def test_instants_are_whole_seconds_rounded_down(text: str, second: int) -> None:
    assert profile_from(with_schedule(startSchedule=text)).schedule.start_at_s == second


@pytest.mark.parametrize(
    "payload",
    [
        PROFILE | {"chargingProfileId": 2**53},
        PROFILE | {"transactionId": -(2**53)},
        with_schedule(duration=10**400),
        with_schedule(minChargingRate=Decimal("1e17")),
        with_period(startPeriod=2**63),
        with_period(limit=Decimal("1e999999")),
        PROFILE | {"validFrom": "next tuesday"},
    ],
)
def test_what_cannot_be_worked_with_is_a_property_constraint_violation(payload: dict[str, Any]) -> None:
    with pytest.raises(CallError) as raised:
        profile_from(payload)
    assert raised.value.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert 0 < len(raised.value.description) <= 255


def test_absent_fields_stay_absent() -> None:
    profile = profile_from(PROFILE | {"recurrencyKind": "Weekly", "transactionId": 0})
    assert profile.recurrency is Recurrency.WEEKLY
    assert profile.transaction_id == 0
    assert profile.schedule.min_rate_tenths is None
    assert profile_to(profile_from(PROFILE)) == PROFILE


def test_zero_is_a_filter_and_absence_is_none() -> None:
    assert clear_filter_from({}) == ProfileFilter()
    payload = {"id": 0, "connectorId": 0, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}
    assert clear_filter_from(payload) == ProfileFilter(
        profile_id=0, connector=0, stack_level=0, purpose=Purpose.TX
    )


def test_composite_request_names_its_unit_or_leaves_it() -> None:
    assert composite_request_from({"connectorId": 0, "duration": 0}) == CompositeRequest(0, 0, None)
    asked = composite_request_from({"connectorId": 1, "duration": 60, "chargingRateUnit": "W"})
    assert asked == CompositeRequest(1, 60, RateUnit.W)


def test_negative_composite_duration_is_a_property_constraint_violation() -> None:
    with pytest.raises(CallError) as raised:
        composite_request_from({"connectorId": 1, "duration": -1})
    assert raised.value.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_composite_answer_has_phases_and_no_start_schedule() -> None:
    by = Constraint(kind=ConstraintKind.CONNECTOR, connector=1)
    schedule = CompositeSchedule(
        connector=1,
        start_at_s=60,
        duration_s=120,
        unit=RateUnit.A,
        periods=(CompositePeriod(0, 81, 3, by), CompositePeriod(60, 160, 1, by)),
    )
    answer = composite_to(schedule)
    check_outbound("GetCompositeSchedule", answer, kind="result")
    assert answer == {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "1970-01-01T00:01:00Z",
        "chargingSchedule": {
            "duration": 120,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": Decimal("8.1"), "numberPhases": 3},
                {"startPeriod": 60, "limit": 16, "numberPhases": 1},
            ],
        },
    }


def test_refused_composite_is_rejected() -> None:
    assert composite_to(Refusal.UNKNOWN_CONNECTOR) == {"status": "Rejected"}


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (None, "Accepted"),
        (Refusal.NO_TRANSACTION, "Rejected"),
        (Refusal.TOO_MANY_PROFILES, "Rejected"),
        (Refusal.PURPOSE_DISABLED, "NotSupported"),
    ],
)
def test_refusal_becomes_a_status(refusal: Refusal | None, status: str) -> None:
    assert set_status_for(refusal) == status


def test_smart_charging_switched_off_is_a_call_error() -> None:
    with pytest.raises(CallError) as raised:
        set_status_for(Refusal.SMART_CHARGING_OFF)
    assert raised.value.code is ErrorCode.NOT_SUPPORTED
