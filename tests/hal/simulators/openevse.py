"""An OpenEVSE at the far end of a serial line: its console byte for byte, its state machine, a vehicle, its faults.

It parses RAPI by itself, knows nothing of the driver, and misbehaves on demand.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from hal.controllers.controlled_outlet import ControlledOutlet
from hal.controllers.opening import ControllerConfig, open_controller
from hal.examination import Finding
from hal.latches import Latches
from hal.outlet.config import OutletConfig
from hal.values import FaultKind, MeterReading
from tests.hal.simulators.vehicle import PluggedVehicle
from tests.hal.simulators.virtual_device import PORT, VirtualDevice, virtual_device
from tests.virtual_time import run_virtual

run = run_virtual

LATENCY_S = 0.005
DEBOUNCE_S = 0.25
UNPLUG_DEBOUNCE_S = 0.025
DECIDES_S = 0.1
BOOTS_S = 1.5
SLEEP_OPENS_S = 3.0
UNPLUGGED_OPENS_S = 0.03

CODES = {
    FaultKind.DIODE_MISSING: 0x05,
    FaultKind.GROUND_FAULT: 0x06,
    FaultKind.CONTACTOR_WELDED: 0x08,
    FaultKind.OVER_TEMPERATURE: 0x0A,
    FaultKind.OVER_CURRENT: 0x0B,
    FaultKind.CONTACTOR_STUCK_OPEN: 0x0E,
    FaultKind.PILOT_FAULT: 0x0C,
}
CAUSES: Collection[FaultKind] = (*CODES, FaultKind.METER_OFFLINE)

Mangle = Callable[[bytes], bytes]


def line(body: str) -> bytes:
    """*body* with its checksum and CR."""
    check = 0
    for char in body:
        check ^= ord(char)
    return f"{body}^{check:02X}\r".encode()


class OpenEvseSimulator:
    """The controller. What its firmware was built with is in the attributes; *closed* is its relay.

    *total_runs*: its total counts what flows; else each session is added to it once the vehicle has left.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._heard = bytearray()
        self.vehicle = PluggedVehicle(self._vehicle_changed)

        self.auth_lock = True
        self.boot_lock = False
        self.supervises = True
        self.echoes_ids = True
        self.ammeter = True
        self.flags = 0x0000
        self.max_a = 32
        self.min_a = 6
        self.minimum_is_kept = False
        self.temperature: int | None = 251
        self.total_runs = True

        self.silent = False
        self.delay_s = LATENCY_S
        self.mangle: Mangle = lambda data: data
        self.refused: set[str] = set()
        self.commands: list[str] = []

        self.mode = "enabled"
        self.locked = True
        self.boot_locked = False
        self.fault = 0
        self.pilot_a = 16
        self.letter = "A"
        self.closed = False
        self.under_load = 0
        self.deciding = False
        self.booting = False
        self.session_ws = 0.0
        self.total_ws = 12_000 * 3600.0
        self._counted_s = self._loop.time()
        self._shown: tuple[int, int, int, int] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._debouncing: asyncio.TimerHandle | None = None
        self._heartbeat_s: float | None = None
        self.trigger = 0

    @property
    def pwm(self) -> bool:
        """The pilot carries a PWM."""
        enabled = self.mode == "enabled" and not self.fault and not self.deciding and not self.booting
        free = not (self.auth_lock and self.locked) and not self.boot_locked
        return enabled and free and self.letter != "A"

    @property
    def advertised_ma(self) -> int:
        return self.pilot_a * 1_000 if self.pwm else 0

    @property
    def code(self) -> int:
        if self.mode == "disabled":
            return 0xFF
        if self.fault:
            return self.fault
        if self.mode == "asleep":
            return 0xFE
        if self.deciding:
            return 0x00
        return self._pilot_code

    @property
    def _pilot_code(self) -> int:
        return {"A": 1, "B": 2, "C": 3, "D": 4}[self.letter]

    @property
    def _flags(self) -> int:
        locked = 0x0008 if self.auth_lock and self.locked else 0
        boot = 0x4000 if self.boot_locked else 0
        return locked | boot | (0x0040 if self.closed else 0) | (0x0100 if self.vehicle.plugged else 0)

    def received(self, data: bytes) -> None:
        """The host says *data*."""
        if self.silent or self.booting:
            return
        self._heard += data
        while b"\r" in self._heard:
            command, _, rest = bytes(self._heard).partition(b"\r")
            self._heard = bytearray(rest)
            self._answer(command.decode("ascii", errors="replace"))

    def say(self, data: bytes) -> None:
        """Bytes on the line, as they are."""
        self._send(data)

    def boot(self, post: int = 0) -> None:
        """The controller restarts: enabled at its EEPROM's current, locked where it was built to be."""
        self.mode, self.locked, self.boot_locked = "enabled", True, self.boot_lock
        self.pilot_a, self.fault, self.booting = 32, 0, True
        self.session_ws = 0.0
        self._heard.clear()
        self._heartbeat_s, self.trigger = None, 0
        self._settle()
        self._loop.call_later(BOOTS_S, self._booted, post)

    def fail(self, code: int) -> None:
        """A protection trips, or (0) is healthy again."""
        self.fault = code
        self._settle()

    def press_button(self) -> None:
        """The button on the front: from asleep to enabled, and back."""
        self.mode = "enabled" if self.mode != "enabled" else "asleep"
        self._settle()

    def _booted(self, post: int) -> None:
        self.booting = False
        self._send(self.mangle(line(f"$AB {post:02X} 8.2.3")))
        self._settle()

    def _vehicle_changed(self) -> None:
        if self._debouncing is not None:
            self._debouncing.cancel()
        after_s = UNPLUG_DEBOUNCE_S if self.vehicle.letter == "A" else DEBOUNCE_S
        self._debouncing = self._loop.call_later(after_s, self._debounced)
        if self.closed and self.vehicle.letter in "AB":
            self._loop.call_later(UNPLUGGED_OPENS_S, self._open)

    def _debounced(self) -> None:
        before, self.letter = self.letter, self.vehicle.letter
        if before != "A" and self.letter == "A" and not self.total_runs:
            self._count()
            self.total_ws += self.session_ws
        if before == "A" and self.letter != "A":
            self._count()
            self.session_ws = 0.0
        self._settle()

    def _settle(self) -> None:
        """Pilot and relay as the state has them; tells where that is another than it was."""
        self._count()
        self.vehicle.sees(self.pwm)
        wanted = self.pwm and self.letter == "C"
        if wanted and self.fault != 0x0E:
            self.closed = True
        elif self.closed and self.fault != 0x08:
            locked = self.auth_lock and self.locked
            if self.mode == "asleep" and self.letter == "C" and not self.fault and not locked:
                self._loop.call_later(SLEEP_OPENS_S, self._sleep_opens)
            else:
                self._open()
        self._tell()

    def _sleep_opens(self) -> None:
        if self.closed and self.mode == "asleep":
            self._open()

    def _open(self) -> None:
        self._count()
        if self.fault != 0x08:
            self.under_load += int(self.closed and self.vehicle.s2)
            self.closed = False
        self._tell()

    def _tell(self) -> None:
        shown = (self.code, self._pilot_code, self.pilot_a, self._flags)
        if shown != self._shown and not self.silent and not self.booting:
            self._shown = shown
            text = f"$AT {shown[0]:02X} {shown[1]:02X} {shown[2]} {shown[3]:04X}"
            self._loop.call_later(2 * self.delay_s, lambda: self._send(self.mangle(line(text))))

    def _count(self) -> None:
        now_s = self._loop.time()
        if self.closed and self.vehicle.s2:
            drawn_ws = (now_s - self._counted_s) * min(self.pilot_a, 32) * 230
            self.session_ws += drawn_ws
            if self.total_runs:
                self.total_ws += drawn_ws
        self._counted_s = now_s

    def _answer(self, text: str) -> None:
        body, mark, check = text[:-3], text[-3:-2], text[-2:]
        if mark != "^" or line(body)[:-1].decode()[-2:] != check:
            self._reply("$NK", "")
            return
        words = body.removeprefix("$").split(" ")
        sequence = ""
        if self.echoes_ids and words[-1].startswith(":"):
            sequence = f" {words.pop()}"
        self.commands.append(" ".join(word for word in words if not word.startswith(":")))
        answer = None if words[0] in self.refused else self._obey(words)
        self._reply("$NK" if answer is None else f"$OK{answer}", sequence)

    def _reply(self, body: str, sequence: str) -> None:
        self._loop.call_later(self.delay_s, lambda: self._send(self.mangle(line(body + sequence))))

    def _obey(self, words: list[str]) -> str | None:
        """The parameters of the answer, each with a blank before it; None is NK."""
        match words:
            case ["GS", *_]:
                pilot = 0 if self.deciding else self._pilot_code
                return f" {self.code:02X} 120 {pilot:02X} {self._flags:04X}"
            case ["GC", *_]:
                return f" {self.min_a} {self.max_a} {self.pilot_a} {self.max_a}"
            case ["GG", *_]:
                self._count()
                drawn_ma = self.pilot_a * 1_000 if self.closed and self.vehicle.s2 else 0
                return f" {drawn_ma if self.ammeter else -1} 230000"
            case ["GU", *_]:
                self._count()
                return f" {int(self.session_ws)} {int(self.total_ws // 3600)}"
            case ["GP", *_]:
                return None if self.temperature is None else f" {self.temperature} -2560 -2560"
            case ["GV", *_]:
                return " 8.2.3 5.2.1"
            case ["GE", *_]:
                return f" {self.pilot_a} {self.flags:04X}"
            case ["FE", *_]:
                return self._enter("enabled")
            case ["FS", *_]:
                return self._enter("asleep")
            case ["FD", *_]:
                return self._enter("disabled")
            case ["S4", lock]:
                if not self.auth_lock:
                    return None
                self.locked = lock == "1"
                self._settle()
                return ""
            case ["SB", *_]:
                if not self.boot_lock:
                    return None
                self.boot_locked = False
                self._settle()
                return ""
            case ["SC", amperes, *_]:
                return self._set_current(int(amperes))
            case ["SY", *rest]:
                return self._supervise(rest)
            case _:
                return None

    def _enter(self, mode: str) -> str:
        if mode == "enabled" and self.mode != "enabled":
            self.deciding = True
            self._loop.call_later(DECIDES_S, self._decide)
        self.mode = mode
        if mode == "asleep":
            self.fault = 0
        self._settle()
        return ""

    def _decide(self) -> None:
        self.deciding = False
        self._settle()

    def _set_current(self, amperes: int) -> str | None:
        least = 16 if self.minimum_is_kept else self.min_a
        taken = max(least, min(self.max_a, amperes))
        self.pilot_a = taken
        self._settle()
        return "" if taken == amperes else None

    def _supervise(self, words: list[str]) -> str | None:
        if not self.supervises:
            return None
        now_s = self._loop.time()
        if self._heartbeat_s is not None and now_s > self._heartbeat_s + 10:
            self.trigger = 2
        if words == ["165"]:
            self.trigger = 1
        elif self.trigger == 2:
            return None
        self._heartbeat_s = now_s
        return f" 10 6 {self.trigger}"


class PoleMeter:
    """A `hal.board.Meter` of its own on the outlet's three poles."""

    def __init__(self, simulator: OpenEvseSimulator) -> None:
        self._simulator = simulator
        self._loop = asyncio.get_running_loop()
        self.answers = True

    def read(self) -> MeterReading | None:
        if not self.answers:
            return None
        self._simulator._count()
        drawn_ma = self._simulator.advertised_ma if self._simulator.closed else 0
        return MeterReading(
            at_s=self._loop.time(),
            energy_wh=int(self._simulator.total_ws // 3600),
            power_w=3 * drawn_ma * 230 // 1_000,
            current_ma=(drawn_ma,) * 3,
            voltage_mv=(230_000,) * 3,
        )


class OpenEvseRig:
    """An `EvseRig` over an OpenEVSE with three phases, a fixed cable and a meter of its own."""

    causes = CAUSES
    seen_within_s = 1.5

    def __init__(
        self,
        evse: ControlledOutlet,
        simulator: OpenEvseSimulator,
        device: VirtualDevice,
        heard: list[Callable[[bytes], None]],
        meter: PoleMeter | None,
    ) -> None:
        self.evse = evse
        self.simulator = simulator
        self.meter = meter
        self._device = device
        self._heard = heard

    def examine(self) -> tuple[Finding, ...]:
        return self.evse.examine()

    def plug_in(self) -> None:
        self.simulator.vehicle.plug_in()

    def plug_out(self) -> None:
        self.simulator.vehicle.plug_out()

    def ready(self, ready: bool) -> None:
        self.simulator.vehicle.ready(ready)

    def cause(self, kind: FaultKind, active: bool) -> None:
        if kind is FaultKind.METER_OFFLINE:
            assert self.meter is not None
            self.meter.answers = not active
        else:
            self.simulator.fail(CODES[kind] if active else 0)

    def hear(self, received: Callable[[bytes], None]) -> None:
        """From now on what the driver says is handed to *received*."""
        self._heard[0] = received

    def link(self, up: bool) -> None:
        if up:
            self._device.plug_in()
        else:
            self._device.pull_out()

    @property
    def live(self) -> bool:
        return self.simulator.closed

    @property
    def advertised_ma(self) -> int:
        return self.simulator.advertised_ma


@asynccontextmanager
async def opened(
    tmp_path: Path,
    *,
    phases: int = 1,
    metered: bool = False,
    prepare: Callable[[OpenEvseSimulator], None] = lambda simulator: None,
    max_current_a: int = 32,
) -> AsyncIterator[OpenEvseRig]:
    """The driver against the simulator, which *prepare* builds as it is to be before anybody speaks to it."""
    heard: list[Callable[[bytes], None]] = []
    with virtual_device(lambda data: heard[0](data)) as device:
        simulator = OpenEvseSimulator(device.send)
        heard.append(simulator.received)
        prepare(simulator)
        latches = Latches.load(tmp_path / "state")
        config = ControllerConfig(
            kind="openevse",
            port=PORT,
            baudrate=115_200,
            outlet=OutletConfig(id=1, max_current_ma=max_current_a * 1_000, phases=phases, lock=False),
        )
        meter = PoleMeter(simulator) if metered else None
        async with open_controller(config, latches=latches, meter=meter, open_port=device.open_port) as evse:
            yield OpenEvseRig(evse, simulator, device, heard, meter)
        await latches.flush()


@asynccontextmanager
async def evse_rig(tmp_path: Path) -> AsyncIterator[OpenEvseRig]:
    """As the contract suite wants it: three phases, and a meter on its poles."""
    async with opened(tmp_path, phases=3, metered=True) as rig:
        yield rig
