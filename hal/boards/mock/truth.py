"""Watches the physics of one mock outlet and says when an outlet would have been dangerous.

It sees contacts, voltages and currents, and hears each permission as it is given; it must not know what the
outlet machine believes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.boards.mock.history import AT_ONCE, OutletHistory
from hal.boards.mock.invariants import CONDITIONS
from hal.evse import Offer
from hal.iec61851 import F_NS, PERIOD_NS, X1_NS, current_ma_for, is_pwm
from hal.values import LockState, StopReason

if TYPE_CHECKING:
    from hal.boards.mock.outlet import MockOutlet

log = logging.getLogger(__name__)

_SLACK_S = 0.002
_WITHDRAW_S = 6.0
_SELF_TEST_FRESH_S = 86_400.0
_MOST_VIOLATIONS = 100


class TruthViolated(AssertionError):
    """The simulated outlet was unsafe at some time; the message holds each case with its trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One case: at *at_s* the outlet broke *rule*; *trace* is what led there."""

    at_s: float
    connector: int
    rule: str
    trace: tuple[str, ...]


class OutletTruth(OutletHistory):
    """The witness of one outlet."""

    def __init__(self, outlet: "MockOutlet") -> None:
        super().__init__(outlet)
        self.violations: deque[Violation] = deque(maxlen=_MOST_VIOLATIONS)
        self._bad_since: dict[str, float] = {}
        self._told: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def offered(self, offer: Offer | None) -> None:
        """The user gave, renewed or withdrew its permission."""
        before_ma = self.permitted_ma
        if self._available:
            self._offer = offer
        if offer is not None:
            self._offer_until_s = self.now_s + offer.valid_for_s
        if self.permitted_ma != before_ma:
            self._note("permitted %s mA", self.permitted_ma)
        self.check()

    def stopped(self, reason: StopReason) -> None:
        """The user ended its permission."""
        self._offer = None
        self._emergency = reason is StopReason.EMERGENCY and self.live
        self._note("stop %s", reason)
        self.check()

    def availability_set(self, available: bool) -> None:
        """The user took the outlet out of service, or back."""
        self._available = available
        self._offer = self._offer if available else None
        self._note("available %s", available)
        self.check()

    def plug_held(self, held: bool) -> None:
        """The user wants the plug kept where the vehicle's end is pulled, or no more."""
        self.holds_plug = held
        self.check()

    def leaving(self) -> None:
        """The guard ends."""
        self._leaving = True

    def pilot_driven(self, before_ns: int) -> None:
        """The pilot output was set."""
        high_ns, now_s = self.outlet.pilot.high_ns, self.now_s
        self._note("pilot %s", high_ns)
        if high_ns not in (F_NS, PERIOD_NS) and not 100_000 <= high_ns <= 960_000:
            self._violated(f"9: duty of {high_ns} ns")
        before_ma, after_ma = current_ma_for(before_ns), current_ma_for(high_ns)
        if before_ma != after_ma:
            self._advertised.append((now_s, before_ma))
        if after_ma > before_ma:
            soon = self._increased_s is not None and now_s < self._increased_s + 5.0 - _SLACK_S
            if before_ma > 0 and self.ready and soon:
                self._violated("13: increases less than 5 s apart")
            self._increased_s = now_s
        if high_ns == before_ns:
            return
        if before_ns == F_NS:
            self._f_ended(now_s - self._pilot_since_s)
        if high_ns == F_NS:
            self._f_excused = self._leaving or bool(self.outlet.hazards) or not self._was_plugged
            if self.ready and self.live and not self._f_excused:
                self._violated("26: state F while the vehicle charges")
        if is_pwm(before_ns):
            self._offering_ended_s = now_s
        self._pilot_since_s = now_s

    def contactor_commanded(self, closed: bool) -> None:
        """The coil is about to be energised or released."""
        self._note("coil %s", closed)
        if closed:
            self._closing()
            return
        self._released_s = self.now_s
        if self.live and max(self.outlet.meter.current_ma) > 1_000 and not self._may_open_under_load():
            self._violated("14: opened under load without need")

    def phases_selected(self, phases: int) -> None:
        """The phase relay is about to move."""
        self._note("phases %s", phases)
        now_s, timings = self.now_s, self.outlet.config.timings
        ended_s, moved_s = self._offering_ended_s, self._phases_moved_s
        demands = {
            "15: phases changed behind a closed contactor": not self.outlet.contactor.closed,
            "15: phases changed under a PWM": not self.offering,
            "15: phases changed before the vehicle had rested": ended_s is None
            or now_s >= ended_s + timings.phase_switch_s - _SLACK_S,
            "15: phases changed too soon again": moved_s is None
            or now_s >= moved_s + timings.phase_switch_spacing_s - _SLACK_S,
        }
        for rule, met in demands.items():
            if not met:
                self._violated(rule)
        self._phases_moved_s = now_s

    def lock_driven(self, locked: bool) -> None:
        """The bolt is about to be driven."""
        self._note("lock %s", locked)
        contactor = self.outlet.contactor
        if not locked and contactor.closed and not contactor.mirror_lies:
            self._violated("16: unlocked while closed")

    def metered(self, energy_wh: int) -> None:
        """A register value was reported."""
        if energy_wh < self._energy_wh:
            self._violated(f"20: the register ran back from {self._energy_wh} to {energy_wh} Wh")
        self._energy_wh = energy_wh

    def register_set(self, energy_wh: int) -> None:
        """Somebody turned the register."""
        self._energy_wh = energy_wh

    def check(self) -> None:
        """Something changed: look at the whole outlet."""
        self._follow()
        now_s = self.now_s
        due_s = [self._offer_until_s + _SLACK_S] if self._offer is not None else []
        for condition in CONDITIONS:
            if not condition.holds(self):
                self._bad_since.pop(condition.rule, None)
                self._told.discard(condition.rule)
                continue
            limit_s = self._bad_since.setdefault(condition.rule, now_s) + condition.limit_s + _SLACK_S
            if now_s < limit_s:
                due_s.append(limit_s)
            elif condition.rule not in self._told:
                self._told.add(condition.rule)
                self._violated(condition.rule)
        self._set_timer(min((at_s for at_s in due_s if at_s > now_s), default=None))

    def release(self) -> None:
        """Stop watching."""
        self._set_timer(None)

    def _closing(self) -> None:
        """Invariant 7, 23, 25: what must be true when the coil is energised."""
        now_s, outlet = self.now_s, self.outlet
        since_s = self._ready_since_s
        stood = since_s is not None and now_s >= since_s + 0.5 - _SLACK_S
        demands = {
            "7: closed before C stood for 500 ms": stood,
            "7: closed without a PWM": self.offering,
            "7: closed without a permission": self.permitted_ma > 0,
            "7: closed before the diode was seen": self._diode_seen,
            "7: closed without a known cable": not outlet.config.lock or self._cable_a is not None,
            "7: closed without a fresh self-test": outlet.detector.passed_s is not None
            and now_s < outlet.detector.passed_s + _SELF_TEST_FRESH_S,
            "16: closed before the plug was locked": not outlet.config.lock
            or outlet.lock.position() is LockState.LOCKED,
            "3: closed on a fault": not (outlet.hazards & AT_ONCE or self._tripped),
            "25: closed within 5 s of opening": self._opened_s is None
            or now_s >= self._opened_s + 5.0 - _SLACK_S,
            "25: more than 10 closes in 10 minutes": len(self._closes) < 10
            or now_s >= self._closes[0] + 600.0,
            "27: closed while out of service": self._available,
            "23: closed right after a fault": self._fault_over_s is None
            or now_s >= self._fault_over_s + 30.0 - _SLACK_S
            or (since_s is not None and since_s >= self._fault_over_s),
            "17: closed a welded contactor": not outlet.contactor.welded or outlet.contactor.mirror_lies,
        }
        self._closes.append(now_s)
        for rule, met in demands.items():
            if not met:
                self._violated(rule)

    def _may_open_under_load(self) -> bool:
        """A fault, an emergency, a vehicle that left C, or one that ignored the end of the PWM for 6 s."""
        pilot_ns = self.outlet.pilot.high_ns
        ignored = pilot_ns == X1_NS and self.now_s >= self._pilot_since_s + _WITHDRAW_S - _SLACK_S
        return self._leaving or self._emergency or bool(self.outlet.hazards) or not self.ready or ignored

    def _f_ended(self, lasted_s: float) -> None:
        if lasted_s < 0.3 - _SLACK_S:
            self._violated(f"27: state F for {lasted_s:.3f} s only")
        if self._f_excused:
            return
        self._pulses += 1
        if not 3.0 - _SLACK_S <= lasted_s <= 5.0 + _SLACK_S:
            self._violated(f"26: wake-up pulse of {lasted_s:.3f} s")
        if self._pulses > 1:
            self._violated("26: a second wake-up pulse without a charge between")

    def _set_timer(self, due_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due_s is None else self._loop.call_at(due_s, self.check)

    def _violated(self, rule: str) -> None:
        violation = Violation(
            at_s=self.now_s, connector=self.outlet.config.id, rule=rule, trace=tuple(self._trace)
        )
        self.violations.append(violation)
        log.error("unsafe outlet connector=%s rule=%r", violation.connector, rule)


class Truth:
    """The witnesses of all outlets, as the guard informs them."""

    def __init__(self, outlets: Mapping[int, "MockOutlet"]) -> None:
        self._outlets = outlets

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every case up to now."""
        return tuple(case for outlet in self._outlets.values() for case in outlet.truth.violations)

    def offered(self, connector: int, offer: Offer | None) -> None:
        """The user gave, renewed, changed or withdrew its permission."""
        self._outlets[connector].truth.offered(offer)

    def stopped(self, connector: int, reason: StopReason) -> None:
        """The user ended its permission."""
        self._outlets[connector].truth.stopped(reason)

    def availability_set(self, connector: int, available: bool) -> None:
        """The user took the outlet out of service, or back."""
        self._outlets[connector].truth.availability_set(available)

    def plug_held(self, connector: int, held: bool) -> None:
        """The user wants the plug kept where the vehicle's end is pulled, or no more."""
        self._outlets[connector].truth.plug_held(held)

    def leaving(self, connector: int) -> None:
        """The guard makes the outlet safe and ends."""
        self._outlets[connector].truth.leaving()

    def raise_violations(self) -> None:
        """Raise TruthViolated where there was any case."""
        if self.violations:
            raise TruthViolated("\n".join(_told(violation) for violation in self.violations))


def _told(violation: Violation) -> str:
    trace = "\n    ".join(violation.trace)
    return f"connector {violation.connector} at {violation.at_s:.3f}: {violation.rule}\n    {trace}"
