"""The state, the inputs and the actions of the outlet machine: values only, no rule.

Instants (`*_s`) are on one monotonic clock. None stands for "never", "not now" or "not known".
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from hal.evse import Offer, OutletEvent
from hal.iec61851 import F_NS, X1_NS, is_pwm
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, Fault, FaultKind, LockState, PilotState, SelfTest, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensed:
    """One consistent picture of everything that an outlet's hardware shows.

    Absent parts look healthy: *ground_fault* False, *self_test* ABSENT, *lock* NONE, *cable_ohm* None.
    *current_ma* and *voltage_mv* are per phase, None where they are not measured or too old.
    """

    high_mv: int | None
    low_mv: int | None
    contactor: ContactorState
    lock: LockState = LockState.NONE
    cable_ohm: int | None = None
    ground_fault: bool = False
    self_test: SelfTest = SelfTest.ABSENT
    emergency_stop: bool = False
    temperature_mc: int | None = None
    meter_online: bool = True
    reader_online: bool = True
    current_ma: tuple[int, ...] | None = None
    voltage_mv: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The user gives, renews or changes its permission, or withdraws it (None)."""

    offer: Offer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """The user ends its permission."""

    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilitySet:
    """The user takes the outlet out of service, or back."""

    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeRequested:
    """The user asks for the wake-up pulse of this plug-in before it is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugHeld:
    """The user wants the plug kept where the vehicle's end is pulled, or no more."""

    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockRequested:
    """The user asks for the plug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultAcknowledged:
    """Somebody has serviced the outlet."""

    kind: FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Nothing but time: `OutletState.deadline_s` was reached."""


OutletInput = (
    Sensed
    | Offered
    | StopRequested
    | AvailabilitySet
    | WakeRequested
    | PlugHeld
    | UnlockRequested
    | FaultAcknowledged
    | Tick
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPilot:
    """Drive the pilot with *high_ns* of each 1 ms: F_NS, X1_NS or a duty of 10 … 96 %."""

    high_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContactor:
    """Energise or release the contactor's coil."""

    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectPhases:
    """Connect *phases* phases; only given while the contactor is confirmed open and nothing is offered."""

    phases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveLock:
    """Drive the bolt of the plug lock in or out."""

    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TestGroundFault:
    """Have the residual-current detector test itself; only given while the contactor is open."""

    __test__ = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    """Tell the user."""

    event: OutletEvent


OutletAction = SetPilot | CommandContactor | SelectPhases | DriveLock | TestGroundFault | Emit


class OutletState(NamedTuple):
    """Everything that an outlet remembers; a tuple, because it is copied and compared many times in a step.

    *deadline_s* is the next instant at which time alone may change something.
    """

    config: OutletConfig
    deadline_s: float | None = None
    sensed: Sensed | None = None

    # The vehicle: *raw* follows the voltage at once, *debounced* waits until C or D has stood its time. *blind* from
    # the beginning of F until the pilot was read again after its end: *raw* is what was seen before.
    raw: PilotState = PilotState.UNKNOWN
    raw_since_s: float = 0.0
    undecided: bool = False
    blind: bool = False
    ready_since_s: float | None = None
    debounced: PilotState = PilotState.UNKNOWN
    diode_seen: bool = False
    cable_a: int | None = None
    cable_bad: bool = False
    blocked_until_s: float | None = None

    # The user's wishes.
    offer: Offer | None = None
    offer_until_s: float = 0.0
    available: bool = True
    open_at_once: bool = False
    wake_asked: bool = False
    unlock_asked: bool = False
    plug_held: bool = False

    # The pilot output.
    output_ns: int = X1_NS
    output_since_s: float = 0.0
    offer_ma: int = 0
    pwm_since_s: float | None = None
    pwm_stopped_s: float | None = None
    paused_for_phases: bool = False
    increased_s: float | None = None
    earlier_offers: tuple[tuple[float, int], ...] = ()
    fault_pulse_until_s: float | None = None
    waking_since_s: float | None = None
    woken_at_s: float | None = None
    wake_armed: bool = True

    # The contactor, the phase relay and the lock.
    commanded_closed: bool = False
    commanded_s: float = 0.0
    contactor_checked: bool = False
    failed_closes: int = 0
    overstayed_s: float | None = None
    closes_s: tuple[float, ...] = ()
    phases: int = 3
    phases_switched_s: float | None = None
    lock_wanted: bool | None = None
    lock_driven_s: float | None = None
    lock_tries: int = 0

    # Protection. *tested_s* is the end of the last self-test; *test_running*: the one begun has been seen to run.
    testing_since_s: float | None = None
    test_running: bool = False
    tested_s: float | None = None
    test_failed: bool = False
    faults: tuple[Fault, ...] = ()
    suspected: tuple[tuple[FaultKind, float], ...] = ()
    healthy: tuple[tuple[FaultKind, float], ...] = ()

    @property
    def is_offering(self) -> bool:
        """True while the pilot carries a PWM."""
        return is_pwm(self.output_ns)

    @property
    def is_ready(self) -> bool:
        """True while the vehicle asks for energy and may have it: C, or D where there is ventilation."""
        return self.raw is PilotState.C or (self.raw is PilotState.D and self.config.ventilation)

    @property
    def feedback(self) -> ContactorState:
        """What the mirror contacts say."""
        return ContactorState.UNKNOWN if self.sensed is None else self.sensed.contactor

    @property
    def lock(self) -> LockState:
        """Where the bolt is."""
        return LockState.NONE if self.sensed is None or not self.config.lock else self.sensed.lock

    @property
    def self_test(self) -> SelfTest:
        """How the self-test of the residual-current detector stands."""
        return SelfTest.ABSENT if self.sensed is None else self.sensed.self_test

    @property
    def is_faulted(self) -> bool:
        """True while a fault keeps the contactor open."""
        return any(fault.rule.opens for fault in self.faults)

    @property
    def pilot(self) -> PilotState:
        """The debounced state; F while out of service and free. During a pulse of F the state is held."""
        if self.output_ns == F_NS and not self.available and self.raw is PilotState.A:
            return PilotState.F
        return self.debounced

    def has_fault(self, kind: FaultKind) -> bool:
        """True while *kind* stands."""
        return any(fault.kind is kind for fault in self.faults)

    def offer_is_live(self, now_s: float) -> bool:
        """True while the user's permission stands."""
        return self.offer is not None and now_s < self.offer_until_s


if TYPE_CHECKING:
    replaced = OutletState._replace
else:

    def replaced(state, **changes):
        """*state* with *changes*, and itself where nothing differs: most rules change nothing."""
        if all(getattr(state, name) == value for name, value in changes.items()):
            return state
        return state._replace(**changes)
