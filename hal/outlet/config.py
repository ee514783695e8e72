"""What an outlet is built of and how long it takes its time: data that the outlet machine is given.

Nothing here decides; the timings are those of IEC 61851-1 Annex A and of the vehicles met in the field.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletTimings:
    """Every duration that the outlet machine knows, in seconds. IEC 61851-1 Table A.6 has the sequences."""

    close_after_s: float = 0.5
    """State C must stand this long before the contactor closes: some vehicles pulse C for 250 ms."""
    withdraw_s: float = 6.0
    """A vehicle that still shows C this long after the PWM stopped is opened under load (10.2)."""
    min_off_s: float = 5.0
    """Least pause of the PWM and of the contactor."""
    increase_spacing_s: float = 5.0
    """Least time between two increases while the vehicle charges; decreases are immediate."""
    wake_after_s: float = 30.0
    """Time in B2 after which the vehicle gets its one wake-up pulse (A.5.3)."""
    wake_pulse_s: float = 4.0
    wake_rest_s: float = 0.75
    """Steady X1 between the wake-up pulse and the PWM."""
    fault_pulse_s: float = 0.4
    """State F lasts at least this long; a fault shows it this long, since an unplug cannot be seen in F.

    300 ms are asked for on the wire, where F begins a little after the step that decides on it.
    """
    pilot_fault_after_s: float = 1.0
    diode_fault_after_s: float = 0.2
    boot_wait_s: float = 6.0
    """A vehicle found in C at the start must leave C, or wait this long."""
    after_fault_s: float = 30.0
    """The same once a fault cleared."""
    feedback_s: float = 0.2
    """A contactor that does not confirm its closing within this time is released again."""
    weld_after_s: float = 1.0
    mirror_fault_after_s: float = 1.0
    close_attempts: int = 3
    closes_per_window: int = 10
    close_window_s: float = 600.0
    over_current_s: float = 7.0
    follow_s: float = 5.0
    """A vehicle may take this long to follow a lower offer; until then the earlier one is the reference."""
    meter_wake_s: float = 10.0
    """A meter that has power only behind the closed contactor says something this long after it closed."""
    self_test_s: float = 5.0
    """A detector that does not answer its self-test within this time has failed it."""
    self_test_retry_s: float = 60.0
    self_test_fresh_s: float = 86_400.0
    """A self-test of the residual-current detector is trusted this long."""
    voltage_fault_after_s: float = 1.0
    voltage_back_s: float = 60.0
    lock_retry_s: float = 2.0
    lock_attempts: int = 3
    unlock_retry_s: float = 10.0
    phase_switch_s: float = 60.0
    """Least time without PWM and with the contactor open before the number of phases changes."""
    phase_settle_s: float = 1.0
    """Least time from there to the PWM: the relay's contacts come to rest before any current can."""
    phase_switch_spacing_s: float = 300.0
    """Least time between two changes of the number of phases in one plug-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletConfig:
    """One outlet as it is wired.

    *max_current_ma* 6 000 … 80 000 per phase; *phases* 1 … 3; *phase_switching*: a 3-to-1 relay is wired;
    *lock* False stands for a fixed cable, whose rating is *cable_a* (None: *max_current_ma* holds). Where there is
    a *thermometer*, a warm outlet offers less. *meter_behind_contactor*: the meter is dark while that is open.
    Raises ValueError for anything else.
    """

    id: int
    max_current_ma: int = 32_000
    phases: int = 3
    voltage_v: int = 230
    lock: bool = True
    ventilation: bool = False
    phase_switching: bool = False
    cable_a: int | None = None
    thermometer: bool = False
    meter_behind_contactor: bool = False
    timings: OutletTimings = field(default_factory=OutletTimings)

    def __post_init__(self) -> None:
        where = f"connector {self.id}"
        if self.id < 1:
            raise ValueError(f"{where}: ids are 1 … n")
        if not 6_000 <= self.max_current_ma <= 80_000:
            raise ValueError(f"{where}: max_current_ma {self.max_current_ma} is outside 6000 … 80000")
        if not 1 <= self.phases <= 3:
            raise ValueError(f"{where}: phases {self.phases} is outside 1 … 3")
        if not 100 <= self.voltage_v <= 260:
            raise ValueError(f"{where}: voltage_v {self.voltage_v} is outside 100 … 260 (phase to neutral)")
        if self.cable_a is not None and self.lock:
            raise ValueError(f"{where}: cable_a is for a fixed cable; a socket reads it from the plug")
        if self.cable_a is not None and not 6 <= self.cable_a <= 80:
            raise ValueError(f"{where}: cable_a {self.cable_a} is outside 6 … 80")
        if self.phase_switching and self.phases != 3:
            raise ValueError(f"{where}: phase_switching needs 3 wired phases")

    @property
    def fixed_cable_a(self) -> int:
        """Rating of the fixed cable in A; where it is not configured, one that does not limit."""
        return self.cable_a if self.cable_a is not None else -(-self.max_current_ma // 1_000)
