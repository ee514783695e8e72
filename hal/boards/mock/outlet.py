"""The parts of one simulated outlet, wired together: pilot, contactor, lock, cable, detectors, meter, vehicle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from hal.boards.mock.contactor import MockContactor
from hal.boards.mock.detector import MockDetector
from hal.boards.mock.ev import Vehicle
from hal.boards.mock.memory import RememberedVehicle, VehicleMemory
from hal.boards.mock.meter import MockMeter, RegisterFile
from hal.boards.mock.pilot_circuit import PilotCircuit
from hal.boards.mock.plug_lock import MockPlugLock
from hal.boards.mock.truth import OutletTruth
from hal.iec61851 import X1_NS
from hal.outlet.config import OutletConfig
from hal.values import FaultKind, SelfTest

CABLE_OHM: Mapping[int, int] = MappingProxyType({13: 1_500, 20: 680, 32: 220, 63: 100})
"""Coding resistors of IEC 61851-1 Annex B by ampacity in A."""

AMBIENT_MC = 25_000
HOT_MC = 80_000
LOW_PERCENT = 75
HIGH_PERCENT = 125


class Defect(StrEnum):
    """A part that deceives the outlet: it may see a fault where there is none, or none where there is one."""

    MIRROR_SHOWS_OPEN = "mirror_shows_open"
    LOCK_STUCK = "lock_stuck"
    CURRENT_STUCK = "current_stuck"
    METER_FROZEN = "meter_frozen"
    READER_BOUNCES = "reader_bounces"


HARMLESS: frozenset[FaultKind | Defect] = frozenset(
    {FaultKind.METER_OFFLINE, FaultKind.READER_OFFLINE, Defect.READER_BOUNCES}
)
"""What keeps no outlet from being used, or from being safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """The plug in the socket: its coding resistor, and the rating in A that it stands for."""

    resistance_ohm: int
    rating_a: int


@dataclass(slots=True)
class MockInputs:
    """Everything that is only read: proximity contact, detectors, temperature, the reader's health."""

    causes: set[FaultKind] = field(default_factory=set)
    defects: set[Defect] = field(default_factory=set)
    plug: Plug | None = None
    proximity_broken: bool = False
    ambient_mc: int = AMBIENT_MC

    def resistance_ohm(self) -> int | None:
        """Resistance between PP and PE."""
        return None if self.plug is None or self.proximity_broken else self.plug.resistance_ohm

    def tripped(self) -> bool:
        """True while a residual current flows."""
        return FaultKind.GROUND_FAULT in self.causes

    def pressed(self) -> bool:
        """True while the emergency stop is pressed."""
        return FaultKind.EMERGENCY_STOP in self.causes

    def temperature_mc(self) -> int | None:
        """Temperature in thousandths of a degree Celsius."""
        return HOT_MC if FaultKind.OVER_TEMPERATURE in self.causes else self.ambient_mc

    def online(self) -> bool:
        """True while the card reader answers."""
        return FaultKind.READER_OFFLINE not in self.causes


class MockStopButton:
    """The button that ends the session."""

    def __init__(self) -> None:
        self.press: Callable[[], None] = lambda: None

    def watch(self, pressed: Callable[[], None]) -> None:
        """Call *pressed* for each press."""
        self.press = pressed


class MockOutlet:
    """An `OutletBoard` whose insides the world can reach.

    *remembers_vehicle*: whoever was plugged in when the process ended, in whatever way, still is.
    """

    def __init__(self, config: OutletConfig, state_dir: Path, *, remembers_vehicle: bool = False) -> None:
        self.config: OutletConfig = config
        self.inputs = MockInputs()
        self.stop_button = MockStopButton()
        self.pilot: PilotCircuit = PilotCircuit(changed=self._pilot_driven)
        self.contactor: MockContactor = MockContactor(
            self.changed,
            lambda closed: self.truth.contactor_commanded(closed),
            lambda phases: self.truth.phases_selected(phases),
        )
        self.contactor.phases = config.phases
        self.lock = MockPlugLock(self.changed, lambda locked: self.truth.lock_driven(locked))
        self.detector = MockDetector(self.changed, self.inputs.tripped)
        self.vehicle: Vehicle = Vehicle(self.changed)
        self.vehicle.max_current_ma = config.max_current_ma
        self.voltage_mv = config.voltage_v * 1_000
        self.meter = MockMeter(
            RegisterFile(state_dir / f"mock-meter-{config.id}.register"),
            phases=config.phases,
            voltage_mv=self.voltage_mv,
            reported=lambda energy_wh: self.truth.metered(energy_wh),
        )
        self.meter.power(not config.meter_behind_contactor)
        self._changed: Callable[[], None] = lambda: None
        self.truth = OutletTruth(self)
        self._memory: VehicleMemory | None = None
        if remembers_vehicle:
            self._memory = VehicleMemory(state_dir / f"mock-vehicle-{config.id}.state")
            self._recall(self._memory)

    @property
    def cable(self) -> MockInputs:
        """The proximity contact."""
        return self.inputs

    @property
    def ground_fault(self) -> MockDetector:
        """The residual-current detector."""
        return self.detector

    @property
    def emergency_stop(self) -> MockInputs:
        """The emergency-stop circuit."""
        return self.inputs

    @property
    def thermometer(self) -> MockInputs:
        """The temperature sensor."""
        return self.inputs

    @property
    def reader(self) -> MockInputs:
        """The card reader, as far as its health goes."""
        return self.inputs

    @property
    def hazards(self) -> frozenset[FaultKind | Defect]:
        """What is physically wrong with this outlet, whether anybody noticed or not."""
        overdraws = self.vehicle.personality.draws_percent > 100
        untested = self.detector.self_test() is SelfTest.FAILED
        return (
            frozenset(self.inputs.causes)
            | self.inputs.defects
            | ({FaultKind.OVER_CURRENT} if overdraws else set())
            | ({FaultKind.GROUND_FAULT} if untested else set())
        ) - HARMLESS

    def watch(self, changed: Callable[[], None]) -> None:
        """Call *changed* whenever a part shows something new."""
        self._changed = changed

    def changed(self) -> None:
        """Something moved: solve the circuit anew, and tell the witness and the guard."""
        self.pilot.load = self.vehicle.load
        self.meter.flow(self._current_ma())
        self.meter.power(self.contactor.closed or not self.config.meter_behind_contactor)
        self.truth.check()
        self._changed()

    def set_cause(self, kind: FaultKind, active: bool) -> None:
        """Break the outlet in the way that shows as *kind*, or mend it."""
        if active:
            self.inputs.causes.add(kind)
        else:
            self.inputs.causes.discard(kind)
        self._apply_causes()
        self.vehicle.see(self._visible_ns())
        self.contactor.settle()

    def set_defect(self, defect: Defect, active: bool) -> None:
        """Let a part deceive, or mend it."""
        if active:
            self.inputs.defects.add(defect)
        else:
            self.inputs.defects.discard(defect)
        self.contactor.mirror_lies = Defect.MIRROR_SHOWS_OPEN in self.inputs.defects
        self.lock.stuck = Defect.LOCK_STUCK in self.inputs.defects
        if defect is Defect.CURRENT_STUCK:
            self.meter.freeze_current(active)
        if defect is Defect.METER_FROZEN:
            self.meter.freeze(active)
        self.changed()

    def release(self) -> None:
        """Stop every timer and let go of the files."""
        for part in (self.contactor, self.lock, self.detector, self.vehicle, self.truth):
            part.release()
        self.meter.close()
        if self._memory is not None:
            self._memory.close()

    def plug_in(self, cable_a: int) -> None:
        """A cable of *cable_a* (one of `CABLE_OHM`) with a vehicle at its end."""
        self.inputs.plug = Plug(resistance_ohm=CABLE_OHM[cable_a], rating_a=cable_a)
        self.remember()
        self.vehicle.plug_in(self._visible_ns())
        self.changed()

    def plug_out(self) -> None:
        """Nothing in the socket any more."""
        self.inputs.plug = None
        self.remember()
        self.vehicle.plug_out()

    def remember(self) -> None:
        """Something was done to the vehicle: keep how it is now."""
        if self._memory is not None:
            plug = self.inputs.plug
            self._memory.keep(RememberedVehicle.of(self.vehicle, None if plug is None else plug.rating_a))

    def set_voltage(self, voltage_mv: int) -> None:
        """The mains voltage of every phase, as far as no cause overrules it."""
        self.voltage_mv = voltage_mv
        self._apply_causes()
        self.changed()

    def _recall(self, memory: VehicleMemory) -> None:
        remembered = memory.recall()
        if remembered is None:
            return
        remembered.shape(self.vehicle)
        if remembered.cable_a is not None:
            self.plug_in(remembered.cable_a)

    def _apply_causes(self) -> None:
        causes = self.inputs.causes
        self.contactor.welded = FaultKind.CONTACTOR_WELDED in causes
        self.contactor.stuck_open = FaultKind.CONTACTOR_STUCK_OPEN in causes
        self.contactor.mirror_lost = FaultKind.POWER_SWITCH_FAILURE in causes
        self.pilot.shorted = FaultKind.PILOT_SHORT in causes
        self.pilot.diode_missing = FaultKind.DIODE_MISSING in causes
        self.pilot.unreadable = FaultKind.PILOT_FAULT in causes
        self.vehicle.overdraws = FaultKind.OVER_CURRENT in causes
        self.lock.jammed = FaultKind.LOCK_FAILURE in causes
        self.meter.offline = FaultKind.METER_OFFLINE in causes
        nominal_mv = self.config.voltage_v * 10
        if FaultKind.UNDER_VOLTAGE in causes:
            self.meter.set_voltage(nominal_mv * LOW_PERCENT)
        elif FaultKind.OVER_VOLTAGE in causes:
            self.meter.set_voltage(nominal_mv * HIGH_PERCENT)
        else:
            self.meter.set_voltage(self.voltage_mv)

    def _pilot_driven(self, before_ns: int) -> None:
        self.truth.pilot_driven(before_ns)
        self.vehicle.see(self._visible_ns())
        self.changed()

    def _visible_ns(self) -> int:
        """The pilot at the vehicle's end: a shorted line carries nothing."""
        return X1_NS if self.pilot.shorted else self.pilot.high_ns

    def _current_ma(self) -> tuple[int, ...]:
        drawn_ma = self.vehicle.wants_ma if self.contactor.closed else 0
        active = min(self.vehicle.phases, self.contactor.phases)
        return tuple(drawn_ma if phase < active else 0 for phase in range(self.config.phases))
