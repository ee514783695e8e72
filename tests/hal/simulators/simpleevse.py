"""An EVSE-DIN at the far end of a Modbus RTU line: its registers, its state machine, a vehicle, its faults.

It cuts frames and counts its CRC by itself, knows nothing of the driver, and misbehaves on demand.
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

LATENCY_S = 0.03
DEBOUNCE_S = 0.25
OPENS_S = 0.03
LETS_GO_S = 6.0
SPACING_S = 0.1
EXCEPTION_ADDRESS = 2

CAUSES: Collection[FaultKind] = (
    FaultKind.GROUND_FAULT,
    FaultKind.PILOT_FAULT,
    FaultKind.OVER_CURRENT,
    FaultKind.METER_OFFLINE,
)

Mangle = Callable[[bytes], bytes]


def framed(data: bytes) -> bytes:
    """*data* with its CRC."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return data + crc.to_bytes(2, "little")


class SimpleEvseSimulator:
    """The controller as unit 1. *closed* is its relay; *rushed* counts requests that came too soon, and were lost."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self.vehicle = PluggedVehicle(self._vehicle_changed)
        self.registers = dict.fromkeys([*range(1_000, 1_008), *range(2_000, 2_018)], 0)
        self.registers |= {1_003: 32, 1_005: 12, 2_000: 16, 2_001: 1, 2_002: 6}
        self.eeprom_writes = 0
        self.writes: list[tuple[int, int]] = []

        self.silent = False
        self.delay_s = LATENCY_S
        self.mangle: Mangle = lambda data: data
        self.echoes = False
        self.overdraws_ma = 0

        self.letter = "A"
        self.failed = False
        self.residual_current = False
        self.closed = False
        self.rushed = 0
        self.energy_ws = 3_000 * 3600.0
        self._counted_s = self._answered_s = self._loop.time()
        self._buffer = bytearray()
        self._debouncing: asyncio.TimerHandle | None = None
        self.boot()
        self.eeprom_writes = 0

    @property
    def hundredths(self) -> bool:
        return self.registers[1_005] >= 17 and bool(self.registers[2_005] & 0x80)

    @property
    def allowed_ma(self) -> int:
        """What register 1000 says, and the cable allows."""
        told = self.registers[1_000] * (10 if self.hundredths else 1_000)
        return min(told, self.registers[1_003] * 1_000)

    @property
    def advertised_ma(self) -> int:
        enough = self.allowed_ma >= self.registers[2_002] * 1_000
        off = self.registers[1_004] & 1 or self.failed or self.residual_current
        return self.allowed_ma if enough and not off and self.letter != "A" else 0

    def boot(self) -> None:
        """The controller restarts."""
        self.registers[1_000] = self.registers[2_000]
        self.registers[1_004] = 0
        self._settle()

    def fail(self, *, failed: bool = False, residual_current: bool = False) -> None:
        """Its pilot, or its detector, finds something; or all is healthy again."""
        self.failed, self.residual_current = failed, residual_current
        self._settle()

    def received(self, data: bytes) -> None:
        """The master says *data*."""
        if self.echoes:
            self._send(data)
        self._buffer += data
        wanted = 8
        if len(self._buffer) >= 7 and self._buffer[1] == 16:
            wanted = 9 + self._buffer[6]
        if len(self._buffer) < wanted:
            return
        request, self._buffer = bytes(self._buffer), bytearray()
        if self._loop.time() < self._answered_s + SPACING_S:
            self.rushed += 1
            return
        if self.silent or len(request) != wanted or framed(request[:-2]) != request or request[0] != 1:
            return
        answer = framed(self._obey(request))
        self._loop.call_later(self.delay_s, self._say, answer)

    def _say(self, answer: bytes) -> None:
        self._answered_s = self._loop.time()
        self._send(self.mangle(answer))

    def _obey(self, request: bytes) -> bytes:
        function = request[1]
        address, count = (int.from_bytes(request[at : at + 2], "big") for at in (2, 4))
        touched = range(address, address + count)
        if function not in (3, 16) or any(register not in self.registers for register in touched):
            return bytes((1, function | 0x80, EXCEPTION_ADDRESS))
        if function == 3:
            self._show()
            values = b"".join(self.registers[register].to_bytes(2, "big") for register in touched)
            return bytes((1, 3, len(values))) + values
        for index, register in enumerate(touched):
            value = int.from_bytes(request[7 + 2 * index : 9 + 2 * index], "big")
            self.writes.append((register, value))
            self.registers[register] = value
            if register >= 2_000:
                self.eeprom_writes += 1
        self._settle()
        return request[:6]

    def _show(self) -> None:
        vehicle = {"A": 1, "B": 2, "C": 3, "D": 4}[self.letter]
        failure = self.failed or self.residual_current
        self.registers[1_002] = 5 if failure else vehicle if vehicle < 3 or self.closed else 2
        self.registers[1_001] = self.advertised_ma // (10 if self.hundredths else 1_000)
        self.registers[1_006] = 2 if self.advertised_ma else 3
        self.registers[1_007] = int(self.residual_current)

    def _vehicle_changed(self) -> None:
        if self._debouncing is not None:
            self._debouncing.cancel()
        self._debouncing = self._loop.call_later(DEBOUNCE_S, self._debounced)
        if self.closed and self.vehicle.letter in "AB":
            self._loop.call_later(OPENS_S, self._open)

    def _debounced(self) -> None:
        self.letter = self.vehicle.letter
        self._settle()

    def _settle(self) -> None:
        self._count()
        pwm = self.advertised_ma > 0
        self.vehicle.sees(pwm)
        if pwm and self.letter == "C":
            self.closed = True
        elif self.closed and (self.failed or self.residual_current or self.registers[1_004] & 1):
            self._open()
        elif self.closed:
            self._loop.call_later(LETS_GO_S, self._let_go)

    def _let_go(self) -> None:
        if not self.advertised_ma:
            self._open()

    def _open(self) -> None:
        self._count()
        self.closed = False

    def _count(self) -> None:
        now_s = self._loop.time()
        if self.closed and self.vehicle.s2:
            self.energy_ws += (now_s - self._counted_s) * 3 * self.advertised_ma * 230 / 1_000
        self._counted_s = now_s


class PoleMeter:
    """A `hal.board.Meter` on the three poles of the outlet."""

    def __init__(self, simulator: SimpleEvseSimulator) -> None:
        self._simulator = simulator
        self._loop = asyncio.get_running_loop()
        self.answers = True

    def read(self) -> MeterReading | None:
        if not self.answers:
            return None
        simulator = self._simulator
        simulator._count()
        drawn_ma = simulator.advertised_ma + simulator.overdraws_ma if simulator.closed else 0
        return MeterReading(
            at_s=self._loop.time(),
            energy_wh=int(simulator.energy_ws // 3600),
            power_w=3 * drawn_ma * 230 // 1_000,
            current_ma=(drawn_ma,) * 3,
            voltage_mv=(230_000,) * 3,
        )


class SimpleEvseRig:
    """An `EvseRig` over an EVSE-DIN with three phases, a socket and a meter of its own."""

    causes = CAUSES
    seen_within_s = 1.5

    def __init__(
        self,
        evse: ControlledOutlet,
        simulator: SimpleEvseSimulator,
        device: VirtualDevice,
        heard: list[Callable[[bytes], None]],
        meter: PoleMeter,
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
        match kind:
            case FaultKind.GROUND_FAULT:
                self.simulator.fail(residual_current=active)
            case FaultKind.PILOT_FAULT:
                self.simulator.fail(failed=active)
            case FaultKind.OVER_CURRENT:
                self.simulator.overdraws_ma = 6_000 if active else 0
            case FaultKind.METER_OFFLINE:
                self.meter.answers = not active
            case _:
                raise NotImplementedError(kind)

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
    tmp_path: Path, *, prepare: Callable[[SimpleEvseSimulator], None] = lambda simulator: None
) -> AsyncIterator[SimpleEvseRig]:
    """The driver against the simulator, which *prepare* builds as it is to be before anybody speaks to it."""
    heard: list[Callable[[bytes], None]] = []
    with virtual_device(lambda data: heard[0](data)) as device:
        simulator = SimpleEvseSimulator(device.send)
        heard.append(simulator.received)
        prepare(simulator)
        latches = Latches.load(tmp_path / "state")
        config = ControllerConfig(
            kind="simpleevse", port=PORT, baudrate=9_600, outlet=OutletConfig(id=1, lock=True)
        )
        meter = PoleMeter(simulator)
        async with open_controller(config, latches=latches, meter=meter, open_port=device.open_port) as evse:
            yield SimpleEvseRig(evse, simulator, device, heard, meter)
        await latches.flush()


@asynccontextmanager
async def evse_rig(tmp_path: Path) -> AsyncIterator[SimpleEvseRig]:
    """As the contract suite wants it."""
    async with opened(tmp_path) as rig:
        yield rig
