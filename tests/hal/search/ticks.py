"""Time in ticks: the outlet's timings scaled to 1 … 5 in unchanged order, and states held relative to now.

Every step of the search happens at the instant 0. An instant of the past is negative, and once it lies so far back
that no comparison can tell it from an earlier one, one representative stands for all of them; so does None for an
end that has passed. What the machine only keeps to tell others (when a fault began) does not tell states apart.
`test_canonical.py` walks with and without this abstraction and sees no difference.
"""

from dataclasses import replace

from hal.iec61851 import F_NS
from hal.outlet.config import OutletTimings
from hal.outlet.state import OutletState, replaced
from hal.values import Clearing, Fault, FaultKind, PilotState

LEASE = 2
"""An offer's life; the 3 s of the contract, between `lock_retry_s` and `wake_pulse_s`."""

SCALED = OutletTimings(
    feedback_s=1,
    diode_fault_after_s=1,
    fault_pulse_s=1,
    close_after_s=1,
    wake_rest_s=1,
    pilot_fault_after_s=1,
    weld_after_s=1,
    mirror_fault_after_s=1,
    voltage_fault_after_s=1,
    phase_settle_s=1,
    lock_retry_s=2,
    wake_pulse_s=3,
    min_off_s=3,
    self_test_s=3,
    increase_spacing_s=3,
    follow_s=3,
    withdraw_s=4,
    boot_wait_s=4,
    over_current_s=4,
    meter_wake_s=5,
    unlock_retry_s=5,
    phase_switch_s=5,
    phase_switch_spacing_s=5,
    wake_after_s=5,
    after_fault_s=5,
    voltage_back_s=5,
    self_test_retry_s=5,
    self_test_fresh_s=5,
    close_window_s=5,
)

COARSE = replace(
    SCALED,
    lock_retry_s=1,
    wake_pulse_s=2,
    min_off_s=2,
    self_test_s=2,
    increase_spacing_s=2,
    follow_s=2,
    withdraw_s=3,
    boot_wait_s=3,
    over_current_s=3,
    meter_wake_s=4,
    unlock_retry_s=4,
    phase_switch_s=4,
    phase_switch_spacing_s=4,
    wake_after_s=4,
    after_fault_s=4,
    voltage_back_s=4,
    self_test_retry_s=4,
    self_test_fresh_s=4,
    close_window_s=4,
)
"""The same order in four levels, for worlds in which much is free at once."""

_FAULT_DELAYS = {
    FaultKind.CONTACTOR_WELDED: "weld_after_s",
    FaultKind.PILOT_SHORT: "pilot_fault_after_s",
    FaultKind.PILOT_FAULT: "pilot_fault_after_s",
    FaultKind.DIODE_MISSING: "diode_fault_after_s",
    FaultKind.OVER_CURRENT: "over_current_s",
    FaultKind.UNDER_VOLTAGE: "voltage_fault_after_s",
    FaultKind.OVER_VOLTAGE: "voltage_fault_after_s",
    FaultKind.POWER_SWITCH_FAILURE: "mirror_fault_after_s",
    FaultKind.METER_OFFLINE: "meter_wake_s",
}


def aged(state: OutletState, ticks: int) -> OutletState:
    """*state* as it looks *ticks* later, in its canonical form."""
    config, t = state.config, state.config.timings
    switching = config.phase_switching
    pwm_since_s = _since(state.pwm_since_s, t.wake_after_s, ticks)
    raw_since_s = _back(state.raw_since_s, t.wake_after_s, ticks)
    if state.raw is PilotState.B and state.wake_armed and pwm_since_s is not None:
        # The pulse is due after the later of the two.
        pwm_since_s = raw_since_s = max(pwm_since_s, raw_since_s)
    else:
        # B begins the wait anew; until then only C and D look back.
        stands = state.raw in (PilotState.C, PilotState.D)
        raw_since_s = _back(raw_since_s, t.close_after_s if stands else 0, 0)
        pwm_since_s = None if pwm_since_s is None else 0
        if state.raw is PilotState.B and state.wake_armed:
            # The PWM will begin now at the earliest.
            raw_since_s = 0
    offer_until_s = max(0, state.offer_until_s - ticks) if state.offer is not None else 0
    closes_s = _closes(state, ticks)
    rests_s = t.feedback_s if state.commanded_closed else t.min_off_s if closes_s else 0
    if switching:
        rests_s = max(rests_s, t.phase_switch_s)
    steady_s = t.fault_pulse_s if state.output_ns == F_NS else t.withdraw_s if state.commanded_closed else 0
    stopped_s = (_since if switching else _recent)(
        state.pwm_stopped_s, max(t.min_off_s, t.phase_switch_s if switching else 0), ticks
    )
    return replaced(
        state,
        deadline_s=None,
        raw_since_s=raw_since_s,
        ready_since_s=_since(state.ready_since_s, t.close_after_s, ticks),
        blocked_until_s=_until(state.blocked_until_s, ticks),
        offer=state.offer if offer_until_s > 0 else None,
        offer_until_s=offer_until_s,
        output_since_s=0 if state.is_offering else _back(state.output_since_s, steady_s, ticks),
        pwm_since_s=pwm_since_s,
        pwm_stopped_s=stopped_s,
        paused_for_phases=state.paused_for_phases and stopped_s is not None and stopped_s > -t.phase_switch_s,
        phases_switched_s=_recent(state.phases_switched_s, t.phase_switch_spacing_s, ticks),
        increased_s=_recent(state.increased_s, t.increase_spacing_s, ticks) if state.is_offering else None,
        earlier_offers=_undominated(state, ticks),
        fault_pulse_until_s=_until(state.fault_pulse_until_s, ticks),
        waking_since_s=_since(state.waking_since_s, t.wake_pulse_s + t.wake_rest_s, ticks),
        woken_at_s=_since(state.woken_at_s, t.phase_switch_s, ticks) if switching else None,
        commanded_s=_back(state.commanded_s, rests_s, ticks),
        overstayed_s=None,
        failed_closes=min(state.failed_closes, t.close_attempts),
        closes_s=closes_s,
        lock_driven_s=_since(state.lock_driven_s, t.unlock_retry_s, ticks),
        lock_tries=min(state.lock_tries, t.lock_attempts + 1),
        testing_since_s=_since(state.testing_since_s, t.self_test_s, ticks),
        tested_s=_since(state.tested_s, max(t.self_test_retry_s, t.self_test_fresh_s), ticks),
        faults=tuple(sorted((Fault(kind=fault.kind, since_s=0) for fault in state.faults), key=_kind)),
        suspected=tuple(
            (kind, _back(since_s, getattr(t, _FAULT_DELAYS[kind]) if kind in _FAULT_DELAYS else 0, ticks))
            for kind, since_s in state.suspected
        ),
        healthy=tuple(
            (kind, _back(since_s, _recovery_s(kind, t), ticks)) for kind, since_s in sorted(state.healthy)
        ),
    )


def shifted(state: OutletState, by: int) -> OutletState:
    """*state* on a clock that shows *by* more; nothing else about it differs."""

    def moved(instant_s: float | None) -> float | None:
        return None if instant_s is None else instant_s + by

    instants = {
        name: moved(getattr(state, name))
        for name in OutletState._fields
        if name.endswith("_s") and name not in ("closes_s",)
    }
    return replaced(
        state,
        **instants,
        closes_s=tuple(closed_s + by for closed_s in state.closes_s),
        earlier_offers=tuple((ended_s + by, ma) for ended_s, ma in state.earlier_offers),
        faults=tuple(Fault(kind=fault.kind, since_s=fault.since_s + by) for fault in state.faults),
        suspected=tuple((kind, since_s + by) for kind, since_s in state.suspected),
        healthy=tuple((kind, since_s + by) for kind, since_s in state.healthy),
    )


def _back(instant_s: float, window_s: float, ticks: int) -> float:
    return max(instant_s - ticks, -window_s)


def _since(instant_s: float | None, window_s: float, ticks: int) -> float | None:
    return None if instant_s is None else _back(instant_s, window_s, ticks)


def _until(instant_s: float | None, ticks: int) -> float | None:
    return None if instant_s is None or instant_s <= ticks else instant_s - ticks


def _recent(instant_s: float | None, window_s: float, ticks: int) -> float | None:
    return None if instant_s is None or instant_s - ticks <= -window_s else instant_s - ticks


def _undominated(state: OutletState, ticks: int) -> tuple[tuple[float, int], ...]:
    """Of the earlier offers only their maximum is ever asked for, and only where a current is measured."""
    if state.sensed is None or state.sensed.current_ma is None:
        return ()
    kept: list[tuple[float, int]] = []
    for ended_s, ma in reversed(state.earlier_offers):
        if ended_s - ticks > -state.config.timings.follow_s and all(ma > later_ma for _, later_ma in kept):
            kept.append((ended_s - ticks, ma))
    return tuple(reversed(kept))


def _closes(state: OutletState, ticks: int) -> tuple[float, ...]:
    """The closes that the rate still counts, after one old one while the pause after it may still run."""
    t = state.config.timings
    if t.closes_per_window * t.min_off_s > t.close_window_s:
        recent: tuple[float, ...] = ()
    else:
        recent = tuple(at_s - ticks for at_s in state.closes_s if at_s - ticks > -t.close_window_s)
    rests = state.commanded_closed or state.commanded_s - ticks > -t.min_off_s
    old = (-t.close_window_s,) if state.closes_s and rests and not recent else ()
    return (*old, *recent[-t.closes_per_window :])


def _recovery_s(kind: FaultKind, timings: OutletTimings) -> float:
    rule = Fault(kind=kind, since_s=0).rule
    return timings.voltage_back_s if rule.clearing is Clearing.RECOVERS_FOR_60_S else 0


def _kind(fault: Fault) -> str:
    return fault.kind
