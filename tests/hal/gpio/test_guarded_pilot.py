"""The guard over the pilot of a Raspberry Pi: PWM files, bursts and the outlet machine, with a vehicle on the line.

The simulated outlet checks at every step that it is safe. The looks are taken on the loop's virtual time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.board import PilotSample
from hal.boards.gpio.adc import AdcModel
from hal.boards.gpio.pilot import SampledPilot, open_pilot
from hal.boards.gpio.pins import GpioOutletConfig
from hal.boards.gpio.sampler import SOON_S, TICK_S
from hal.boards.mock import pilot_circuit
from hal.boards.mock.outlet import MockOutlet
from hal.boards.mock.world import MockWorld
from hal.evse import Offer, PilotChanged
from hal.guarded_outlet import GuardedOutlet
from hal.latches import Latches
from hal.outlet.config import OutletConfig, OutletTimings
from hal.values import PilotState
from tests.hal.gpio import trees
from tests.hal.gpio.fake_spi import FakeSpi
from tests.hal.gpio.pilot_line import Load, PilotLine, raw_of
from tests.hal.gpio.trees import FakeKernel
from tests.virtual_time import run_virtual

BURST_S = 0.007
TIMINGS = OutletTimings()

LOADS = {
    pilot_circuit.Load.NOTHING: Load.A,
    pilot_circuit.Load.WAITING: Load.B,
    pilot_circuit.Load.READY: Load.C,
    pilot_circuit.Load.READY_WITH_VENTILATION: Load.D,
}


class WiredPilot:
    """The pilot under test, with the simulated outlet at the other end of its line."""

    def __init__(self, outlet: MockOutlet, root: Path) -> None:
        self._outlet = outlet
        self._line = PilotLine(noise_mv=60, outliers=0.002)
        (root / "dev").mkdir(parents=True)
        (root / "dev/spidev0.0").touch()
        self.sampled: SampledPilot = open_pilot(
            1,
            GpioOutletConfig(contactor=23, feedback=24, heartbeat=25),
            root=root,
            files=FakeKernel(trees.pi_5_old_kernel(root)),
            pause=lambda seconds: None,
            ioctl=FakeSpi(AdcModel.MCP3208, self._raw),
        )
        self._duty_cycle = root / "sys/class/pwm/pwmchip2/pwm2/duty_cycle"

    def drive(self, high_ns: int) -> None:
        self.sampled.drive(high_ns)
        self._outlet.pilot.drive(int(self._duty_cycle.read_text()))

    def sample(self) -> PilotSample:
        return self.sampled.sample()

    def burst_begins(self) -> None:
        self._line.wire_ns = self._outlet.pilot.high_ns
        self._line.load = LOADS[self._outlet.pilot.load]
        self._line.shorted = self._outlet.pilot.shorted
        self._line.has_diode = not self._outlet.pilot.diode_missing

    def _raw(self, channel: int, now_ns: int) -> int:
        return raw_of(self._line.seen_mv(now_ns))


class WiredOutletBoard:
    """The simulated outlet with another pilot."""

    def __init__(self, outlet: MockOutlet, pilot: WiredPilot) -> None:
        self.pilot = pilot
        self.contactor, self.lock, self.cable = outlet.contactor, outlet.lock, outlet.cable
        self.ground_fault, self.emergency_stop = outlet.ground_fault, outlet.emergency_stop
        self.thermometer, self.meter, self.reader = outlet.thermometer, outlet.meter, outlet.reader
        self.stop_button, self._outlet = outlet.stop_button, outlet
        self.changed: Callable[[], None] = lambda: None

    def watch(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self._outlet.watch(changed)


class Site:
    """One guarded outlet; *states* are the states of the pilot that the guard told of."""

    def __init__(self, folder: Path, timings: OutletTimings) -> None:
        self.outlet = MockOutlet(OutletConfig(id=1, timings=timings), folder)
        self.world = MockWorld({1: self.outlet})
        self.board = WiredOutletBoard(self.outlet, WiredPilot(self.outlet, folder / "root"))
        self.guarded = GuardedOutlet(
            self.outlet.config,
            self.board,
            latches=Latches(folder / "latches.json"),
            witness=self.world.truth,
            failed=lambda error: None,
        )
        self.states: list[PilotState] = []

    async def look(self) -> None:
        while True:
            self.board.pilot.burst_begins()
            await asyncio.sleep(BURST_S)
            settled = self.board.pilot.sampled.sampler.look()
            self.board.changed()
            await asyncio.sleep(TICK_S - BURST_S if settled else SOON_S)

    async def note(self) -> None:
        async for event in self.guarded.events():
            if isinstance(event, PilotChanged):
                self.states.append(event.state)

    async def offer(self, seconds: int) -> None:
        for _ in range(seconds):
            self.guarded.offer(Offer(current_ma=16_000, phases=3))
            await asyncio.sleep(1)

    async def opened_s(self) -> float:
        """How long until the coil is released, a quarter of a second at most."""
        for elapsed_ms in range(250):
            if not self.outlet.contactor.coil:
                return elapsed_ms / 1_000
            await asyncio.sleep(0.001)
        return 0.25


@asynccontextmanager
async def site(folder: Path, timings: OutletTimings = TIMINGS) -> AsyncIterator[Site]:
    here = Site(folder, timings)
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(here.look()), tasks.create_task(here.note())]
        here.guarded.start()
        await asyncio.sleep(0.1)
        yield here
        here.guarded.make_safe()
        for task in background:
            task.cancel()
        assert here.world.violations == ()
    here.outlet.release()
    here.board.pilot.sampled.close()


def test_a_vehicle_charges_and_is_seen_in_each_of_its_states_once(tmp_path: Path):
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.states.clear()
            here.world.plug_in(1)
            await here.offer(3)
            assert here.outlet.contactor.closed
            here.world.ev(1, ready=False)
            await here.offer(2)
            here.world.plug_out(1)
            await asyncio.sleep(1)
            assert here.states == [PilotState.B, PilotState.C, PilotState.B, PilotState.A]
            assert here.guarded.snapshot().faults == ()

    run_virtual(scenario())


@pytest.mark.parametrize("after_ms", [0, 7, 14])
def test_an_unplugged_vehicle_releases_the_coil_within_50_ms(after_ms: int, tmp_path: Path):
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.offer(3)
            assert here.outlet.contactor.closed
            await asyncio.sleep(after_ms / 1_000)
            here.world.plug_out(1)
            assert await here.opened_s() <= 0.05

    run_virtual(scenario())


def test_the_wake_up_pulse_through_state_f_ends_nothing(tmp_path: Path):
    async def scenario() -> None:
        async with site(tmp_path, OutletTimings(wake_after_s=2.0)) as here:
            here.world.ev(1, ready=False)
            here.world.plug_in(1)
            await here.offer(8)
            snapshot = here.guarded.snapshot()
            assert snapshot.woken_at_s is not None
            assert (snapshot.pilot, snapshot.duty_ns, snapshot.faults) == (PilotState.B, 266_666, ())
            assert PilotState.A not in here.states[1:]

    run_virtual(scenario())
