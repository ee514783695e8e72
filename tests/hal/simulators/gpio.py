"""An outlet wired to a Raspberry Pi's header: mock pins, and behind them a contactor, a detector, a bolt, a vehicle.

The pilot is solved as voltages here: how it is made and measured has tests of its own. All runs on the loop's time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from gpiozero import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from hal.board import INTERLOCK_HOLD_S, PilotSample
from hal.boards.gpio.board import BoardParts, GpioBoard, open_board
from hal.boards.gpio.chip import GpioChip
from hal.boards.gpio.pins import GpioOutletConfig
from hal.boards.mock.ev import Vehicle
from hal.boards.mock.meter import MockMeter, RegisterFile
from hal.boards.mock.pilot_circuit import PilotCircuit
from hal.evse import Evse
from hal.examination import Finding, Health
from hal.guarded_outlet import GuardedOutlet
from hal.iec61851 import F_NS, X1_NS, current_ma_for
from hal.latches import Latches
from hal.outlet.config import OutletConfig
from hal.values import FaultKind
from tests.virtual_time import run_virtual

run = run_virtual

CAUSES = (
    FaultKind.GROUND_FAULT,
    FaultKind.CONTACTOR_WELDED,
    FaultKind.CONTACTOR_STUCK_OPEN,
    FaultKind.PILOT_SHORT,
    FaultKind.DIODE_MISSING,
    FaultKind.PILOT_FAULT,
    FaultKind.OVER_CURRENT,
    FaultKind.OVER_TEMPERATURE,
    FaultKind.LOCK_FAILURE,
    FaultKind.EMERGENCY_STOP,
    FaultKind.METER_OFFLINE,
)

PINS = GpioOutletConfig(
    contactor=17,
    feedback=27,
    feedback_closed="high",
    heartbeat=22,
    phase_relay=23,
    ground_fault=24,
    ground_fault_test=25,
    lock_in=5,
    lock_out=6,
    lock_feedback=13,
    emergency_stop=16,
    stop_button=26,
    led_red=19,
    led_green=20,
    led_blue=21,
    buzzer=12,
    proximity_channel=1,
    thermometer=Path("/sys/bus/w1/devices/28-0000/w1_slave"),
)

RELEASE_S = 0.03
STROKE_S = 0.4
TEST_TRIPS_S = 0.1
TEST_RELEASES_S = 0.3
CABLE_32_OHM = 220
_FULL_SCALE = 4095


class PinError(Exception):
    """What lgpio would raise, which is of no family but its own."""


class Driven(MockPWMPin):
    """An output that tells what hangs on it of each new level; it can be broken."""

    def __init__(self, factory: Any, info: Any) -> None:
        self.told: Callable[[bool], None] = lambda high: None
        self.broken = False
        super().__init__(factory, info)

    def _set_state(self, value: float) -> None:
        if self.broken:
            raise PinError("bad handle")
        super()._set_state(value)

    def _change_state(self, value: float) -> bool:
        changed = bool(super()._change_state(value))
        if changed:
            self.told(bool(value))
        return changed


class Wired(MockPin):
    """An input with a contact to ground, open or closed whatever the pin's pull-up wants; it can be broken."""

    def __init__(self, factory: Any, info: Any) -> None:
        self.closed = False
        self.broken = False
        self.tells = True
        super().__init__(factory, info)

    def put(self, closed: bool) -> None:
        """Close or open the contact."""
        self.closed = closed
        self._follow()

    def _get_state(self) -> bool:
        if self.broken:
            raise PinError("bad handle")
        return bool(super()._get_state())

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self._follow()

    def _call_when_changed(self) -> None:
        if self.tells:
            super()._call_when_changed()

    def _follow(self) -> None:
        if self.function != "input":
            return
        if self.closed or self._pull != "up":
            self.drive_low()
        else:
            self.drive_high()


class Header(MockFactory):
    """A header with pins of both kinds: gpiozero's own factory allows but one kind at a time."""

    def pin(self, name: Any, pin_class: Any = None, **options: Any) -> Any:
        known = (self.pins.get(info) for _, info in self.board_info.find_pin(name))
        return next(filter(None, known), None) or super().pin(name, pin_class=pin_class, **options)


class LoopJob:
    """A job beside the safety loop, done on the loop's time instead of on a thread."""

    def __init__(self, name: str, period_s: float, job: Callable[[], None]) -> None:
        self._period_s = period_s
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._job()
        self._timer = self._loop.call_later(self._period_s, self.start)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class SimulatedPilot:
    """A `PilotDevice` on a solved circuit; whoever samples sees the present."""

    def __init__(self, site: "WiredOutlet") -> None:
        self._site = site
        self.closed = False
        self.is_up_to_date = True

    def drive(self, high_ns: int) -> None:
        self._site.circuit.drive(high_ns)

    def sample(self) -> PilotSample:
        return self._site.circuit.sample()

    def start(self, changed: Callable[[], None]) -> None:
        self._site.sampled = changed

    def examine(self) -> tuple[Finding, ...]:
        return (Finding(part="pilot", connector=1, health=Health.OK, evidence="simulated"),)

    def close(self) -> None:
        self.closed = True


class WiredOutlet:
    """What hangs on the pins of `PINS`. *closed* is the physical truth of the contactor."""

    def __init__(self, factory: Header, config: GpioOutletConfig, folder: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self.config = config
        self.inputs = {part: factory.pin(pin, pin_class=Wired) for part, pin in config.contacts.items()}
        self.outputs = {
            part: factory.pin(pin, pin_class=Driven)
            for part, pin in (*config.power_outputs.items(), *config.other_outputs.items())
        }
        self.sampled: Callable[[], None] = lambda: None
        self.circuit = PilotCircuit(changed=self._pilot_driven)
        self.pilot = SimulatedPilot(self)
        self.vehicle = Vehicle(self._changed)
        self.meter = MockMeter(
            RegisterFile(folder / "register"), phases=3, voltage_mv=230_000, reported=lambda wh: None
        )
        self.resistor_ohm: int | None = None
        self.causes: set[FaultKind] = set()
        self.closed = False
        self.mirror_wire_cut = False
        self.bolt_in = False
        self.test_fails = False
        self._held: asyncio.TimerHandle | None = None
        self._timers: list[asyncio.TimerHandle] = []
        for part, tell in (
            ("contactor", lambda high: self._settle_later()),
            ("heartbeat", lambda high: self._beat()),
            ("ground fault test", self._test),
            ("lock in", lambda high: self._motor(high, bolt_in=True)),
            ("lock out", lambda high: self._motor(high, bolt_in=False)),
        ):
            if part in self.outputs:
                self.outputs[part].told = tell
        self.leak(False)
        self.press_emergency_stop(False)
        self._show_mirror()

    @property
    def coil(self) -> bool:
        return bool(self.outputs["contactor"]._state)

    def convert(self) -> Sequence[int] | None:
        """The proximity contact under 1 000 Ω, at the ADC."""
        if self.resistor_ohm is None:
            return [_FULL_SCALE - 3] * 15
        return [_FULL_SCALE * self.resistor_ohm // (self.resistor_ohm + 1_000)] * 15

    def plug_in(self, resistor_ohm: int = CABLE_32_OHM) -> None:
        self.resistor_ohm = resistor_ohm
        self.vehicle.plug_in(self.circuit.high_ns)
        self._changed()

    def plug_out(self) -> None:
        self.resistor_ohm = None
        self.vehicle.plug_out()

    def leak(self, leaks: bool) -> None:
        self._contact("ground fault", not leaks)
        self._settle_later()

    def press_emergency_stop(self, pressed: bool) -> None:
        self._contact("emergency stop", not pressed)
        self._settle_later()

    def press_stop(self) -> None:
        """A finger on the button for 0.2 s."""
        self._contact("stop button", True)
        self._later(0.2, lambda: self._contact("stop button", False))

    def warm(self, file: Path, temperature_mc: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"50 01 : crc=12 YES\n50 01 t={temperature_mc}\n")

    def set_cause(self, kind: FaultKind, active: bool) -> None:
        (self.causes.add if active else self.causes.discard)(kind)
        self.circuit.shorted = FaultKind.PILOT_SHORT in self.causes
        self.circuit.diode_missing = FaultKind.DIODE_MISSING in self.causes
        self.circuit.unreadable = FaultKind.PILOT_FAULT in self.causes
        self.vehicle.overdraws = FaultKind.OVER_CURRENT in self.causes
        self.meter.offline = FaultKind.METER_OFFLINE in self.causes
        if kind is FaultKind.GROUND_FAULT:
            self.leak(active)
        if kind is FaultKind.EMERGENCY_STOP:
            self.press_emergency_stop(active)
        if kind is FaultKind.LOCK_FAILURE and active:
            self._stroke(False)
        self.vehicle.see(X1_NS if self.circuit.shorted else self.circuit.high_ns)
        self.settle()

    def settle(self) -> None:
        """Bring the contacts of the contactor where coil, interlock, detector, emergency stop and wear put them."""
        chain = all(
            self.inputs[part].closed for part in ("ground fault", "emergency stop") if part in self.inputs
        )
        energised = self.coil and self._held is not None and chain
        stuck = FaultKind.CONTACTOR_STUCK_OPEN in self.causes
        self.closed = FaultKind.CONTACTOR_WELDED in self.causes or (energised and not stuck)
        self._show_mirror()
        self._changed()

    def release(self) -> None:
        for timer in (self._held, *self._timers):
            if timer is not None:
                timer.cancel()
        self.vehicle.release()
        self.meter.close()

    def _changed(self) -> None:
        self.circuit.load = self.vehicle.load
        self.meter.flow((self.vehicle.wants_ma if self.closed else 0,) * 3)
        self.sampled()

    def _pilot_driven(self, before_ns: int) -> None:
        self.vehicle.see(X1_NS if self.circuit.shorted else self.circuit.high_ns)
        self._changed()

    def _settle_later(self) -> None:
        self._later(RELEASE_S, self.settle)

    def _beat(self) -> None:
        if self._held is not None:
            self._held.cancel()
        elif self.coil:
            self._settle_later()
        self._held = self._loop.call_later(INTERLOCK_HOLD_S, self._let_go)

    def _let_go(self) -> None:
        self._held = None
        self._settle_later()

    def _show_mirror(self) -> None:
        closed_at_pin = self.closed is (self.config.feedback_closed == "low")
        self._contact("feedback", closed_at_pin and not self.mirror_wire_cut)

    def _test(self, high: bool) -> None:
        if self.test_fails:
            return
        if high:
            self._later(TEST_TRIPS_S, lambda: self.leak(True))
        else:
            self._later(TEST_RELEASES_S, lambda: self.leak(FaultKind.GROUND_FAULT in self.causes))

    def _motor(self, high: bool, *, bolt_in: bool) -> None:
        assert not (self.outputs["lock in"]._state and self.outputs["lock out"]._state), (
            "the bridge is shorted"
        )
        if high and FaultKind.LOCK_FAILURE not in self.causes:
            self._later(STROKE_S, lambda: self._stroke(bolt_in))

    def _stroke(self, bolt_in: bool) -> None:
        self.bolt_in = bolt_in
        self._contact("lock feedback", bolt_in)

    def _contact(self, part: str, closed: bool) -> None:
        if part in self.inputs:
            self.inputs[part].put(closed)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        self._timers = [one for one in self._timers if one.when() > self._loop.time() and not one.cancelled()]
        self._timers.append(self._loop.call_later(delay_s, act))


def machine(root: Path) -> Path:
    """The system of a Raspberry Pi 4 that is set up as it must be, under *root*."""
    for name, text in (
        ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0"),
        ("proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0"),
        ("boot/firmware/config.txt", "[all]\ndtparam=spi=on\ndtparam=strict_gpiod\n"),
        ("sys/bus/w1/devices/28-0000/w1_slave", "50 01 : crc=12 YES\n50 01 t=25000\n"),
        ("dev/gpiochip0", ""),
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


class Bench:
    """One outlet under guard on the simulated header."""

    def __init__(self, wired: WiredOutlet, board: GpioBoard, guarded: GuardedOutlet, root: Path) -> None:
        self.wired = wired
        self.board = board
        self.evse = guarded
        self.root = root

    @property
    def faults(self) -> list[str]:
        return [str(fault.kind) for fault in self.evse.snapshot().faults]


def board_parts(factory: Header, sites: dict[int, WiredOutlet]) -> BoardParts:
    """The parts of a board whose pins are those of *factory*, with *sites* at them by connector."""

    @contextmanager
    def chip(root: Path) -> Iterator[GpioChip]:
        try:
            yield GpioChip(factory=factory, errors=(GPIOZeroError, PinError), user_of=lambda pin: None)
        finally:
            factory.close()

    @contextmanager
    def proximity(config: GpioOutletConfig, root: Path) -> Iterator[Callable[[], Sequence[int] | None]]:
        yield next(site for site in sites.values() if site.config is config).convert

    return BoardParts(
        chip=chip,
        pilot=lambda connector, config, root: sites[connector].pilot,
        proximity=proximity,
        beside=LoopJob,
    )


@asynccontextmanager
async def bench(
    tmp_path: Path,
    config: GpioOutletConfig = PINS,
    *,
    changed: Callable[[BoardParts, WiredOutlet], BoardParts] = lambda parts, wired: parts,
    **outlet: Any,
) -> AsyncIterator[Bench]:
    """The board with one outlet, guarded, its detector tested; its pins are let go at the end.

    *changed* puts other parts in the place of simulated ones.
    """
    root = machine(tmp_path / "root")
    loop = asyncio.get_running_loop()
    factory = Header()
    wired = WiredOutlet(factory, config, tmp_path)
    latches = await loop.run_in_executor(None, Latches.load, tmp_path / "hal")
    errors: list[BaseException] = []
    outlet = {"lock": config.lock_in is not None, "thermometer": config.thermometer is not None} | outlet
    try:
        parts = changed(board_parts(factory, {1: wired}), wired)
        with open_board({1: config}, root=root, meters={1: wired.meter}, parts=parts) as board:
            guarded = GuardedOutlet(
                OutletConfig(id=1, **outlet),
                board.outlets[1],
                latches=latches,
                witness=None,
                failed=errors.append,
            )
            guarded.start()
            try:
                await asyncio.sleep(1)
                yield Bench(wired, board, guarded, root)
            finally:
                guarded.make_safe()
                await latches.flush()
    finally:
        wired.release()
    assert not errors


class GpioRig:
    """An `EvseRig` over the header."""

    causes = CAUSES
    has_link = False
    seen_within_s = 0.15

    def __init__(self, opened: Bench) -> None:
        self._bench = opened
        self.evse: Evse = opened.evse

    def examine(self) -> tuple[Finding, ...]:
        return (*self._bench.board.examine(), *self._bench.evse.examine())

    def plug_in(self) -> None:
        self._bench.wired.plug_in()

    def plug_out(self) -> None:
        self._bench.wired.plug_out()

    def ready(self, ready: bool) -> None:
        self._bench.wired.vehicle.ready = ready
        self._bench.wired.vehicle.wish()

    def cause(self, kind: FaultKind, active: bool) -> None:
        if kind is FaultKind.OVER_TEMPERATURE:
            file = self._bench.root / "sys/bus/w1/devices/28-0000/w1_slave"
            self._bench.wired.warm(file, 80_000 if active else 25_000)
        else:
            self._bench.wired.set_cause(kind, active)

    def link(self, up: bool) -> None:
        raise NotImplementedError("the pins are in this machine")

    @property
    def live(self) -> bool:
        return self._bench.wired.closed

    @property
    def advertised_ma(self) -> int:
        high_ns = self._bench.wired.circuit.high_ns
        return 0 if high_ns in (F_NS, X1_NS) else current_ma_for(high_ns)


@asynccontextmanager
async def evse_rig(tmp_path: Path) -> AsyncIterator[GpioRig]:
    """The header with one outlet."""
    async with bench(tmp_path) as opened:
        yield GpioRig(opened)
