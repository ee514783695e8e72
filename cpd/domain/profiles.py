"""Charging profiles as values, and the rules by which one is refused before it is stored.

Knows nothing of JSON, of the profiles already installed, or of what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from cpd.domain.sessions import Session

STATION: Final = 0
"""The connector number under which a profile holds for the whole charge point (OCPP 1.6 §3.13)."""


class Purpose(StrEnum):
    """ChargingProfilePurposeType, OCPP 1.6 §7.11."""

    CHARGE_POINT_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """ChargingProfileKindType, OCPP 1.6 §7.10."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    """RecurrencyKindType, OCPP 1.6 §7.37: a grid in UTC, blind to daylight saving, or one of local time.

    By local time a run begins at the first instant at which the clocks show its time or a later one; its periods and
    its duration are read on them too. So what lies within an hour that is left out is jumped over, an hour that
    comes twice counts the first time only, and what held at its end holds on.
    """

    DAILY = "Daily"
    WEEKLY = "Weekly"

    @property
    def every_s(self) -> int:
        return 86_400 if self is Recurrency.DAILY else 604_800


class RateUnit(StrEnum):
    """ChargingRateUnitType, OCPP 1.6 §7.12: amperes are per phase, watts are the sum over all phases."""

    A = "A"
    W = "W"


class SchedulePeriod(NamedTuple):
    """A limit from *start_s* after the anchor until the next period, in tenths of the schedule's unit.

    *phases* None, numberPhases being absent, counts as 3 (OCPP 1.6 §7.14). A tuple because a schedule has up to a
    thousand.
    """

    start_s: int
    limit_tenths: int
    phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSchedule:
    """Periods in one unit; *start_at_s* is seconds since 1970 UTC, absent means the start of charging."""

    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    duration_s: int | None = None
    start_at_s: int | None = None
    min_rate_tenths: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """A ChargingProfile of OCPP 1.6 §7.8; instants in seconds since 1970 UTC, *valid_to_s* exclusive."""

    id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedule: ChargingSchedule
    recurrency: Recurrency | None = None
    valid_from_s: int | None = None
    valid_to_s: int | None = None
    transaction_id: int | None = None

    @property
    def fixed_start_s(self) -> int | None:
        """startSchedule where the kind looks at it; None: counted from the start of charging."""
        return None if self.kind is Kind.RELATIVE else self.schedule.start_at_s

    @property
    def every_s(self) -> int | None:
        """The distance between two runs on their clocks; None: it runs once (recurrencyKind needs Recurring)."""
        if self.kind is not Kind.RECURRING or self.recurrency is None:
            return None
        return self.recurrency.every_s

    @property
    def needs_wall_clock(self) -> bool:
        """Whether what it says depends on the date, and not only on the time since charging started."""
        return self.fixed_start_s is not None or self.valid_from_s is not None or self.valid_to_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What this charge point takes, as OCPP 1.6 §9.4 has it. The first unit is the default one."""

    max_stack_level: int = 10
    allowed_units: tuple[RateUnit, ...] = (RateUnit.A, RateUnit.W)
    max_periods: int = 1000
    max_installed: int = 100
    max_composite_duration_s: int = 2_678_400
    disabled_purposes: frozenset[Purpose] = frozenset()
    smart_charging_enabled: bool = True


class Refusal(StrEnum):
    """Why a request about charging profiles is not honoured; the value is the sentence for the log."""

    SMART_CHARGING_OFF = "smart charging is switched off by configuration"
    PURPOSE_DISABLED = "the operator has disabled this chargingProfilePurpose"
    MAX_ON_CONNECTOR = "a ChargePointMaxProfile can only be set on connector 0"
    TX_ON_STATION = "a TxProfile cannot be set on connector 0"
    LEVEL_TOO_HIGH = "stackLevel is above ChargeProfileMaxStackLevel"
    TOO_MANY_PERIODS = "there are more periods than ChargingScheduleMaxPeriods"
    FIRST_PERIOD_NOT_ZERO = "the first startPeriod is not 0"
    PERIODS_NOT_RISING = "startPeriod does not rise strictly from one period to the next"
    UNIT_NOT_ALLOWED = "the unit is not in ChargingScheduleAllowedChargingRateUnit"
    RECURRENCY_INCOMPLETE = "a Recurring profile needs recurrencyKind and startSchedule"
    VALIDITY_EMPTY = "validTo is not after validFrom"
    NO_TRANSACTION = "no transaction is running on the connector"
    OTHER_TRANSACTION = "transactionId is not that of the transaction running on the connector"
    NOT_A_TX_PROFILE = "a remote start can only carry a TxProfile"
    TRANSACTION_ID_GIVEN = "a remote start's profile cannot name a transactionId"
    TOO_MANY_PROFILES = "MaxChargingProfilesInstalled profiles are stored already"
    UNKNOWN_CONNECTOR = "there is no such connector"
    NOT_KEPT = "the store cannot keep it now"


def check_profile(
    profile: ChargingProfile,
    connector: int,
    capabilities: Capabilities,
    session: Session | None,
    *,
    for_remote_start: bool = False,
) -> Refusal | None:
    """Why *profile* cannot be set on *connector* (0: the station), or None when it can.

    Content is checked before state. *session* is the transaction running on that connector.
    *for_remote_start*: the profile comes with a RemoteStartTransaction (OCPP 1.6 §5.16.2); *connector* and
    *session* are not looked at, there is no transaction yet. How many profiles are stored is for
    `ProfileBook` to check.
    """
    if not capabilities.smart_charging_enabled:
        return Refusal.SMART_CHARGING_OFF
    refusal = _content_refusal(profile, capabilities)
    if refusal is not None:
        return refusal
    if for_remote_start:
        return _remote_start_refusal(profile)
    return _place_refusal(profile, connector, session)


def _content_refusal(profile: ChargingProfile, capabilities: Capabilities) -> Refusal | None:
    schedule = profile.schedule
    if profile.purpose in capabilities.disabled_purposes:
        return Refusal.PURPOSE_DISABLED
    if profile.stack_level > capabilities.max_stack_level:
        return Refusal.LEVEL_TOO_HIGH
    if len(schedule.periods) > capabilities.max_periods:
        return Refusal.TOO_MANY_PERIODS
    if schedule.periods[0].start_s != 0:
        return Refusal.FIRST_PERIOD_NOT_ZERO
    if any(later.start_s <= earlier.start_s for earlier, later in pairwise(schedule.periods)):
        return Refusal.PERIODS_NOT_RISING
    if schedule.unit not in capabilities.allowed_units:
        return Refusal.UNIT_NOT_ALLOWED
    if profile.kind is Kind.RECURRING and (profile.recurrency is None or schedule.start_at_s is None):
        return Refusal.RECURRENCY_INCOMPLETE
    if (
        profile.valid_from_s is not None
        and profile.valid_to_s is not None
        and profile.valid_to_s <= profile.valid_from_s
    ):
        return Refusal.VALIDITY_EMPTY
    return None


def _remote_start_refusal(profile: ChargingProfile) -> Refusal | None:
    if profile.purpose is not Purpose.TX:
        return Refusal.NOT_A_TX_PROFILE
    if profile.transaction_id is not None:
        return Refusal.TRANSACTION_ID_GIVEN
    return None


def _place_refusal(profile: ChargingProfile, connector: int, session: Session | None) -> Refusal | None:
    if profile.purpose is Purpose.CHARGE_POINT_MAX:
        return None if connector == STATION else Refusal.MAX_ON_CONNECTOR
    if profile.purpose is Purpose.TX_DEFAULT:
        return None
    if connector == STATION:
        return Refusal.TX_ON_STATION
    if session is None:
        return Refusal.NO_TRANSACTION
    # While StartTransaction.conf is outstanding session.transaction_id is None, and no id can match it.
    if profile.transaction_id is not None and profile.transaction_id != session.transaction_id:
        return Refusal.OTHER_TRANSACTION
    return None
