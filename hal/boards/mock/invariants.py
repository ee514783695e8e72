"""What must never be physically true of a simulated outlet for longer than its limit.

Each condition reads the physics through `OutletHistory`, and nothing that the outlet machine believes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hal.boards.mock.history import OutletHistory
from hal.iec61851 import F_NS, current_ma_for
from hal.values import FaultKind, LockState

_OPEN_S = 0.1
_WITHDRAW_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that must not last longer than *limit_s*."""

    rule: str
    limit_s: float
    holds: Callable[[OutletHistory], bool]


def _fault_is_present(*kinds: FaultKind) -> Callable[[OutletHistory], bool]:
    return lambda truth: truth.live and any(kind in truth.outlet.hazards for kind in kinds)


def _draws_too_much(truth: OutletHistory) -> bool:
    """As far as it is measured: what no meter tells is left to the breaker."""
    meter = truth.outlet.meter
    allowed_ma = truth.reference_ma + 500
    return (
        truth.live
        and not meter.is_silent
        and any(current_ma * 10 > allowed_ma * 11 for current_ma in meter.measured_ma)
    )


_voltage_is_bad = _fault_is_present(FaultKind.UNDER_VOLTAGE, FaultKind.OVER_VOLTAGE)


def _lock_is_open(truth: OutletHistory) -> bool:
    return truth.live and truth.outlet.config.lock and truth.outlet.lock.position() is not LockState.LOCKED


def _plug_is_kept(truth: OutletHistory) -> bool:
    outlet = truth.outlet
    free = not outlet.vehicle.plugged and not outlet.contactor.closed and not outlet.hazards
    free = free and not outlet.lock.disobeyed
    sees_it = outlet.pilot.high_ns != F_NS and not truth.holds_plug
    return free and sees_it and outlet.config.lock and outlet.lock.position() is LockState.LOCKED


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        rule="1: live while the vehicle does not ask for energy",
        limit_s=_OPEN_S,
        holds=lambda truth: truth.live and not truth.ready,
    ),
    Condition(
        rule="1: live more than 6 s after the PWM stopped",
        limit_s=_WITHDRAW_S + _OPEN_S,
        holds=lambda truth: truth.live and not truth.offering,
    ),
    Condition(
        rule="2: live without a permission",
        limit_s=_WITHDRAW_S + _OPEN_S,
        holds=lambda truth: truth.live and truth.permitted_ma == 0,
    ),
    Condition(
        rule="3: live on a fault",
        limit_s=_OPEN_S,
        holds=_fault_is_present(
            FaultKind.GROUND_FAULT,
            FaultKind.EMERGENCY_STOP,
            FaultKind.OVER_TEMPERATURE,
            FaultKind.LOCK_FAILURE,
            FaultKind.PILOT_SHORT,
            FaultKind.PILOT_FAULT,
        ),
    ),
    Condition(
        rule="3: live on a slower fault",
        limit_s=1.0 + _OPEN_S,
        holds=_fault_is_present(FaultKind.POWER_SWITCH_FAILURE),
    ),
    Condition(
        rule="3: live on a bad voltage",
        limit_s=1.0 + _OPEN_S,
        holds=lambda truth: truth.shows_voltage and _voltage_is_bad(truth),
    ),
    Condition(
        # A steady pilot has no low level to see it by; without PWM the 6 s of the withdrawal are the bound.
        rule="3: live without a diode under PWM",
        limit_s=1.0 + _OPEN_S,
        holds=lambda truth: truth.live and truth.offering and FaultKind.DIODE_MISSING in truth.outlet.hazards,
    ),
    Condition(
        rule="3: live with a tripped ground-fault detector",
        limit_s=_OPEN_S,
        holds=lambda truth: truth.live and truth.tripped,
    ),
    Condition(
        rule="5: PWM without a vehicle",
        limit_s=2.0,
        holds=lambda truth: (
            truth.offering
            and (
                not truth.outlet.vehicle.plugged
                or truth.outlet.pilot.shorted
                or truth.outlet.pilot.unreadable
            )
        ),
    ),
    Condition(
        rule="8: not closed 3 s after C2",
        limit_s=3.0,
        holds=lambda truth: truth.may_wait_for_close() and not truth.outlet.contactor.closed,
    ),
    Condition(
        rule="10: more advertised than permitted",
        limit_s=0.05,
        holds=lambda truth: (
            truth.offering and current_ma_for(truth.outlet.pilot.high_ns) > truth.permitted_ma
        ),
    ),
    Condition(
        rule="15: more phases connected than permitted",
        limit_s=0.05,
        holds=lambda truth: (
            truth.offering
            and truth.outlet.config.phase_switching
            and truth.outlet.contactor.phases > truth.permitted_phases > 0
        ),
    ),
    Condition(rule="16: live with an open lock", limit_s=_OPEN_S, holds=_lock_is_open),
    Condition(rule="16: a free plug is kept", limit_s=1.0, holds=_plug_is_kept),
    Condition(
        rule="17: PWM on a welded contactor",
        limit_s=1.1,
        holds=lambda truth: (
            truth.offering
            and truth.outlet.contactor.welded
            and not truth.outlet.contactor.mirror_lies
            and not truth.outlet.contactor.coil
            and truth.outlet.contactor.closed
        ),
    ),
    Condition(
        rule="18: coil energised without effect",
        limit_s=0.3,
        holds=lambda truth: truth.outlet.contactor.coil and not truth.outlet.contactor.closed,
    ),
    Condition(rule="19: more drawn than advertised", limit_s=7.0 + _OPEN_S, holds=_draws_too_much),
    Condition(
        rule="27: PWM while out of service",
        limit_s=0.05,
        holds=lambda truth: truth.offering and not truth.available,
    ),
)
