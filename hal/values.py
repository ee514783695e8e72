"""The values that cross the border between `hal` and its user, with their units in their names.

They describe electricity only: what the pilot, the contactor, the cable, the lock and the meter say.
No OCPP term and no wall-clock time appears here; instants (`*_at_s`) are on the monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class PilotState(StrEnum):
    """Control-pilot state of the vehicle side, IEC 61851-1 Annex A; UNKNOWN when it cannot be read."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    UNKNOWN = "?"

    @property
    def plugged(self) -> bool:
        """True while the pilot shows a vehicle. E, F and UNKNOWN show nothing."""
        return self in (PilotState.B, PilotState.C, PilotState.D)


class ContactorState(StrEnum):
    """What the mirror contacts say; UNKNOWN without feedback or while the contactor moves."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class LockState(StrEnum):
    """Position of the plug lock; NONE for a fixed cable."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    MOVING = "moving"
    FAILED = "failed"
    NONE = "none"


class SelfTest(StrEnum):
    """How the last self-test of a residual-current detector stands; ABSENT where there is nothing to test."""

    ABSENT = "absent"
    IDLE = "idle"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class StopReason(StrEnum):
    """How an outlet is to end its offer: NORMAL lets the vehicle stop drawing first (at most 6 s)."""

    NORMAL = "normal"
    EMERGENCY = "emergency"


class UnlockResult(StrEnum):
    """Outcome of an unlock request; NOT_SUPPORTED for a fixed cable."""

    UNLOCKED = "unlocked"
    FAILED = "failed"
    NOT_SUPPORTED = "not_supported"


class FaultKind(StrEnum):
    """Everything that can be wrong with an outlet, its meter, its reader or the way to them."""

    GROUND_FAULT = "ground_fault"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR_STUCK_OPEN = "contactor_stuck_open"
    PILOT_SHORT = "pilot_short"
    DIODE_MISSING = "diode_missing"
    PILOT_FAULT = "pilot_fault"
    OVER_CURRENT = "over_current"
    OVER_TEMPERATURE = "over_temperature"
    UNDER_VOLTAGE = "under_voltage"
    OVER_VOLTAGE = "over_voltage"
    LOCK_FAILURE = "lock_failure"
    EMERGENCY_STOP = "emergency_stop"
    POWER_SWITCH_FAILURE = "power_switch_failure"
    METER_OFFLINE = "meter_offline"
    READER_OFFLINE = "reader_offline"
    GUARD_LOST = "guard_lost"


class Clearing(StrEnum):
    """What ends a fault once its cause is gone."""

    UNPLUG = "unplug"
    ACKNOWLEDGE = "acknowledge"
    RECOVERS = "recovers"
    RECOVERS_FOR_60_S = "recovers_for_60_s"


class SessionEffect(StrEnum):
    """What a fault does to the charging session that it meets."""

    ENDS = "ends"
    ENDS_AS_EMERGENCY = "ends_as_emergency"
    SUSPENDS = "suspends"
    PREVENTS_START = "prevents_start"
    GOES_ON = "goes_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """How one kind of fault behaves: whether it opens the contactor, what clears it, what it does to a session."""

    opens: bool
    clearing: Clearing
    session: SessionEffect
    survives_restart: bool = False

    @property
    def latched(self) -> bool:
        """True when the fault outlives its cause until somebody acts."""
        return self.clearing in (Clearing.UNPLUG, Clearing.ACKNOWLEDGE)


FAULT_RULES: Mapping[FaultKind, FaultRule] = MappingProxyType(
    {
        FaultKind.GROUND_FAULT: FaultRule(opens=True, clearing=Clearing.UNPLUG, session=SessionEffect.ENDS),
        FaultKind.CONTACTOR_WELDED: FaultRule(
            opens=True, clearing=Clearing.ACKNOWLEDGE, session=SessionEffect.ENDS, survives_restart=True
        ),
        FaultKind.CONTACTOR_STUCK_OPEN: FaultRule(
            opens=True, clearing=Clearing.ACKNOWLEDGE, session=SessionEffect.ENDS, survives_restart=True
        ),
        FaultKind.PILOT_SHORT: FaultRule(opens=True, clearing=Clearing.UNPLUG, session=SessionEffect.ENDS),
        FaultKind.DIODE_MISSING: FaultRule(opens=True, clearing=Clearing.UNPLUG, session=SessionEffect.ENDS),
        FaultKind.PILOT_FAULT: FaultRule(opens=True, clearing=Clearing.UNPLUG, session=SessionEffect.ENDS),
        FaultKind.OVER_CURRENT: FaultRule(opens=True, clearing=Clearing.UNPLUG, session=SessionEffect.ENDS),
        FaultKind.OVER_TEMPERATURE: FaultRule(
            opens=True, clearing=Clearing.RECOVERS, session=SessionEffect.SUSPENDS
        ),
        FaultKind.UNDER_VOLTAGE: FaultRule(
            opens=True, clearing=Clearing.RECOVERS_FOR_60_S, session=SessionEffect.SUSPENDS
        ),
        FaultKind.OVER_VOLTAGE: FaultRule(
            opens=True, clearing=Clearing.RECOVERS_FOR_60_S, session=SessionEffect.SUSPENDS
        ),
        FaultKind.LOCK_FAILURE: FaultRule(
            opens=True, clearing=Clearing.UNPLUG, session=SessionEffect.PREVENTS_START
        ),
        FaultKind.EMERGENCY_STOP: FaultRule(
            opens=True, clearing=Clearing.RECOVERS, session=SessionEffect.ENDS_AS_EMERGENCY
        ),
        FaultKind.POWER_SWITCH_FAILURE: FaultRule(
            opens=True, clearing=Clearing.ACKNOWLEDGE, session=SessionEffect.ENDS
        ),
        FaultKind.METER_OFFLINE: FaultRule(
            opens=False, clearing=Clearing.RECOVERS, session=SessionEffect.GOES_ON
        ),
        FaultKind.READER_OFFLINE: FaultRule(
            opens=False, clearing=Clearing.RECOVERS, session=SessionEffect.GOES_ON
        ),
        FaultKind.GUARD_LOST: FaultRule(
            opens=True, clearing=Clearing.RECOVERS, session=SessionEffect.SUSPENDS
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that stands since *since_s* (monotonic)."""

    kind: FaultKind
    since_s: float

    @property
    def rule(self) -> FaultRule:
        """The behaviour of this kind of fault."""
        return FAULT_RULES[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """One reading of an outlet's energy meter, taken at *at_s* (monotonic).

    *energy_wh* is the lifetime import register, whole Wh rounded down, never running backwards. Per-phase
    tuples have one entry for each wired phase; None stands for what the meter does not measure, never 0.
    *reactive_var* is the reactive power over all phases, *power_factor_permille* 0 … 1000.
    """

    at_s: float
    energy_wh: int
    power_w: int | None
    current_ma: tuple[int, ...] | None
    voltage_mv: tuple[int, ...] | None
    phase_power_w: tuple[int, ...] | None = None
    reactive_var: int | None = None
    power_factor_permille: int | None = None
    frequency_mhz: int | None = None
