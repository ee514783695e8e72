"""Which profiles are refused before they are stored, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpd.domain.profiles import (
    STATION,
    Capabilities,
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    Refusal,
    SchedulePeriod,
    check_profile,
)
from cpd.domain.sessions import Session

SCHEDULE = ChargingSchedule(unit=RateUnit.A, periods=(SchedulePeriod(start_s=0, limit_tenths=100),))
DEFAULT = ChargingProfile(
    id=1, stack_level=0, purpose=Purpose.TX_DEFAULT, kind=Kind.ABSOLUTE, schedule=SCHEDULE
)
MAX = replace(DEFAULT, purpose=Purpose.CHARGE_POINT_MAX)
TX = replace(DEFAULT, purpose=Purpose.TX)
RECURRING = replace(
    DEFAULT,
    kind=Kind.RECURRING,
    recurrency=Recurrency.DAILY,
    schedule=replace(SCHEDULE, start_at_s=0),
)
SESSION = Session(connector=1, key="a", transaction_id=71, started_at_s=0)
UNANSWERED = replace(SESSION, transaction_id=None)


def with_starts(*starts_s: int) -> ChargingProfile:
    periods = tuple(SchedulePeriod(start_s=start_s, limit_tenths=100) for start_s in starts_s)
    return replace(DEFAULT, schedule=replace(SCHEDULE, periods=periods))


@pytest.mark.parametrize(
    ("profile", "connector", "session", "expected"),
    [
        (DEFAULT, 1, None, None),
        (DEFAULT, STATION, None, None),
        (MAX, STATION, None, None),
        (MAX, 1, None, Refusal.MAX_ON_CONNECTOR),
        (replace(MAX, kind=Kind.RELATIVE), STATION, None, None),
        (TX, STATION, None, Refusal.TX_ON_STATION),
        (TX, 1, None, Refusal.NO_TRANSACTION),
        (TX, 1, SESSION, None),
        (replace(TX, transaction_id=71), 1, SESSION, None),
        (replace(TX, transaction_id=72), 1, SESSION, Refusal.OTHER_TRANSACTION),
        (replace(TX, transaction_id=71), 1, UNANSWERED, Refusal.OTHER_TRANSACTION),
        (TX, 1, UNANSWERED, None),
        (replace(TX, transaction_id=0), 1, replace(SESSION, transaction_id=0), None),
        (replace(TX, transaction_id=0), 1, SESSION, Refusal.OTHER_TRANSACTION),
        (replace(DEFAULT, transaction_id=5), 1, SESSION, None),
        (replace(DEFAULT, stack_level=10), 1, None, None),
        (replace(DEFAULT, stack_level=11), 1, None, Refusal.LEVEL_TOO_HIGH),
        (with_starts(0, 60, 120), 1, None, None),
        (with_starts(0, 1, 2, 3), 1, None, Refusal.TOO_MANY_PERIODS),
        (with_starts(5), 1, None, Refusal.FIRST_PERIOD_NOT_ZERO),
        (with_starts(0, 60, 60), 1, None, Refusal.PERIODS_NOT_RISING),
        (with_starts(0, 60, 30), 1, None, Refusal.PERIODS_NOT_RISING),
        (RECURRING, 1, None, None),
        (replace(RECURRING, recurrency=None), 1, None, Refusal.RECURRENCY_INCOMPLETE),
        (replace(RECURRING, schedule=SCHEDULE), 1, None, Refusal.RECURRENCY_INCOMPLETE),
        (replace(DEFAULT, recurrency=Recurrency.WEEKLY), 1, None, None),
        (replace(DEFAULT, valid_from_s=10, valid_to_s=10), 1, None, Refusal.VALIDITY_EMPTY),
        (replace(DEFAULT, valid_from_s=10, valid_to_s=11), 1, None, None),
        (replace(DEFAULT, valid_to_s=-5), 1, None, None),
    ],
)
def test_profile_is_refused_for_one_reason(
    profile: ChargingProfile, connector: int, session: Session | None, expected: Refusal | None
) -> None:
    assert check_profile(profile, connector, Capabilities(max_periods=3), session) == expected


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (Capabilities(smart_charging_enabled=False), Refusal.SMART_CHARGING_OFF),
        (Capabilities(disabled_purposes=frozenset({Purpose.TX_DEFAULT})), Refusal.PURPOSE_DISABLED),
        (Capabilities(allowed_units=(RateUnit.W,)), Refusal.UNIT_NOT_ALLOWED),
        (Capabilities(disabled_purposes=frozenset({Purpose.TX})), None),
    ],
)
def test_configuration_narrows_what_is_taken(capabilities: Capabilities, expected: Refusal | None) -> None:
    assert check_profile(DEFAULT, 1, capabilities, None) == expected


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (TX, None),
        (DEFAULT, Refusal.NOT_A_TX_PROFILE),
        (replace(TX, transaction_id=0), Refusal.TRANSACTION_ID_GIVEN),
        (replace(TX, stack_level=11), Refusal.LEVEL_TOO_HIGH),
    ],
)
def test_remote_start_takes_a_tx_profile_without_an_id(
    profile: ChargingProfile, expected: Refusal | None
) -> None:
    assert check_profile(profile, STATION, Capabilities(), None, for_remote_start=True) == expected


def test_content_is_checked_before_state() -> None:
    assert check_profile(replace(TX, stack_level=11), 1, Capabilities(), None) is Refusal.LEVEL_TOO_HIGH
