"""The pilot of a Raspberry Pi as the guard has it: what is driven, what is seen, and what is not certain."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.board import PilotSample
from hal.boards.gpio.adc import AdcModel
from hal.boards.gpio.pilot import SampledPilot, open_pilot
from hal.boards.gpio.pins import GpioOutletConfig
from hal.errors import DeviceUnavailable
from hal.examination import Health
from hal.iec61851 import F_NS, X1_NS, state_for_voltage
from hal.values import PilotState
from tests.hal.gpio import trees
from tests.hal.gpio.fake_spi import FakeSpi
from tests.hal.gpio.pilot_line import Load, PilotLine, raw_of
from tests.hal.gpio.trees import FakeKernel
from tests.virtual_time import run_virtual

UNKNOWN = PilotSample(high_mv=None, low_mv=None)


class Bench:
    """A Raspberry Pi 4 with a line that shows what its PWM really gives."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kernel = FakeKernel(trees.pi_4(root))
        self.line = PilotLine(load=Load.B)
        self.spi = FakeSpi(AdcModel.MCP3208, self._raw)
        (root / "dev").mkdir()
        (root / "dev/spidev0.0").touch()

    @property
    def duty_cycle(self) -> Path:
        return self.root / "sys/class/pwm/pwmchip0/pwm0/duty_cycle"

    def open(self, **keys: object) -> SampledPilot:
        config = GpioOutletConfig(contactor=23, feedback=24, heartbeat=25, **keys)  # type: ignore[arg-type]
        return open_pilot(
            1, config, root=self.root, files=self.kernel, pause=lambda seconds: None, ioctl=self.spi
        )

    def _raw(self, channel: int, now_ns: int) -> int:
        self.line.wire_ns = int(self.duty_cycle.read_text().split()[0])
        return raw_of(self.line.seen_mv(now_ns))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def look(pilot: SampledPilot, times: int = 2) -> None:
    """So many looks, the first one once the line has settled."""
    for _ in range(times):
        await asyncio.sleep(0.005)
        pilot.sampler.look()


def state_of(sample: PilotSample) -> PilotState:
    return (
        PilotState.UNKNOWN
        if sample.high_mv is None
        else state_for_voltage(sample.high_mv, PilotState.UNKNOWN)
    )


def test_it_opens_with_x1_and_knows_nothing_yet(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        assert bench.duty_cycle.read_text() == "1000000\n"
        assert pilot.sample() == UNKNOWN
        pilot.close()

    run_virtual(scenario())


def test_a_high_time_is_on_the_wire_when_the_call_returns(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        pilot.drive(266_666)
        assert bench.duty_cycle.read_text() == "266666\n"
        bench.kernel.written.clear()
        pilot.drive(266_666)
        assert bench.kernel.written == []
        pilot.close()

    run_virtual(scenario())


def test_the_levels_are_those_of_the_line(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        pilot.drive(500_000)
        await look(pilot)
        sample = pilot.sample()
        assert sample.high_mv is not None and abs(sample.high_mv - 8_980) < 100
        assert sample.low_mv is not None and abs(sample.low_mv + 12_000) < 100
        pilot.close()

    run_virtual(scenario())


def test_a_new_output_shows_the_state_from_before_and_no_low_level_yet(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        pilot.drive(266_666)
        await look(pilot)
        before = pilot.sample()
        assert before.low_mv is not None
        for high_ns in (533_333, X1_NS):
            pilot.drive(high_ns)
            assert pilot.sample() == PilotSample(high_mv=before.high_mv, low_mv=None)
        pilot.close()

    run_virtual(scenario())


def test_after_f_nothing_is_known_until_it_was_seen(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        await look(pilot)
        pilot.drive(F_NS)
        await look(pilot)
        assert state_of(pilot.sample()) is PilotState.F
        pilot.drive(X1_NS)
        assert pilot.sample() == UNKNOWN
        await look(pilot, times=1)
        assert pilot.sample() == UNKNOWN
        await look(pilot, times=1)
        assert state_of(pilot.sample()) is PilotState.B
        pilot.close()

    run_virtual(scenario())


def test_a_level_that_is_older_than_100_ms_is_unknown(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        await look(pilot)
        await asyncio.sleep(0.09)
        assert state_of(pilot.sample()) is PilotState.B
        await asyncio.sleep(0.02)
        assert pilot.sample() == UNKNOWN
        pilot.close()

    run_virtual(scenario())


def test_whoever_was_told_of_late_looks_is_told_of_their_end(bench: Bench):
    """Though no check fell into the time between."""

    async def scenario() -> None:
        pilot = bench.open()
        told: list[PilotState] = []
        pilot.start(lambda: told.append(state_of(pilot.sample())))
        pilot.stop_looking()
        await look(pilot, times=4)
        await asyncio.sleep(0.02)
        pilot.sampler.look()
        await asyncio.sleep(0.105)
        told.clear()
        assert pilot.sample() == UNKNOWN
        pilot.sampler.look()
        await asyncio.sleep(0.05)
        assert told == [PilotState.B]
        pilot.close()

    run_virtual(scenario())


def test_a_pilot_that_nobody_looks_at_in_time_is_not_up_to_date(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        assert not pilot.is_up_to_date
        pilot.start(lambda: None)
        pilot.stop_looking()
        await look(pilot, times=4)
        assert pilot.is_up_to_date
        await asyncio.sleep(0.105)
        assert not pilot.is_up_to_date
        pilot.close()

    run_virtual(scenario())


def test_an_output_that_is_not_taken_is_unknown_and_tried_again(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        pilot.drive(533_333)
        await look(pilot)
        bench.kernel.broken = errno.EIO
        pilot.drive(266_666)
        assert pilot.sample() == UNKNOWN
        await asyncio.sleep(3.0)
        bench.kernel.broken = None
        await asyncio.sleep(5.0)
        assert bench.duty_cycle.read_text() == "266666\n"
        await look(pilot)
        assert state_of(pilot.sample()) is PilotState.B
        pilot.close()

    run_virtual(scenario())


def test_what_was_not_taken_is_tried_at_once_when_it_is_asked_for_again(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        bench.kernel.broken = errno.EIO
        pilot.drive(F_NS)
        bench.kernel.broken = None
        pilot.drive(F_NS)
        assert bench.duty_cycle.read_text() == "0\n"
        pilot.close()

    run_virtual(scenario())


def test_what_is_asked_last_wins_over_what_was_not_taken(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        bench.kernel.broken = errno.EIO
        pilot.drive(533_333)
        bench.kernel.broken = None
        pilot.drive(X1_NS)
        await asyncio.sleep(20.0)
        assert bench.duty_cycle.read_text() == "1000000\n"
        pilot.close()

    run_virtual(scenario())


def test_a_generator_that_does_not_follow_is_unknown(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        bench.kernel.deaf = frozenset({"duty_cycle"})
        pilot.drive(500_000)
        await look(pilot, times=5)
        assert pilot.sample() == UNKNOWN
        pilot.close()

    run_virtual(scenario())


def test_closing_leaves_the_last_output_running(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        pilot.drive(F_NS)
        pilot.close()
        assert bench.duty_cycle.read_text() == "0\n"
        assert (bench.duty_cycle.parent / "enable").read_text() == "1\n"

    run_virtual(scenario())


def test_without_an_adc_the_output_of_a_dead_guard_is_ended(bench: Bench):
    tree = bench.kernel.tree
    tree.export(tree.pwm / "pwmchip0", 0, period="1000000", duty_cycle="533333", enable="1")
    (bench.root / "dev/spidev0.0").unlink()

    async def scenario() -> None:
        with pytest.raises(DeviceUnavailable, match="dtparam=spi=on"):
            bench.open()

    run_virtual(scenario())
    assert bench.duty_cycle.read_text() == "0\n"


@pytest.mark.parametrize(
    "points", [{"pilot_low": (400, -12_000)}, {"pilot_low": (3_700, -12_000), "pilot_high": (400, 12_000)}]
)
def test_a_calibration_that_is_no_line_is_refused(points: dict[str, object], bench: Bench):
    async def scenario() -> None:
        with pytest.raises(DeviceUnavailable, match="calibration of the pilot of connector 1"):
            bench.open(**points)

    run_virtual(scenario())


def test_generator_and_measurement_are_told_of(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        pilot.drive(500_000)
        await look(pilot, times=5)
        generator, measurement = pilot.examine()
        assert (generator.health, generator.part, generator.connector) == (
            Health.OK,
            "pilot PWM on GPIO18",
            1,
        )
        assert generator.evidence == "Raspberry Pi 4 Model B Rev 1.5, fe20c000.pwm, 50.0 % of 1000 µs"
        assert measurement.health is Health.OK
        assert measurement.evidence.startswith("-12.0 … +9.0 V, ")
        pilot.close()

    run_virtual(scenario())


def test_an_output_that_somebody_else_has_changed_is_told(bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        bench.duty_cycle.write_text("100000\n")
        generator, _ = pilot.examine()
        assert generator.health is Health.FAILED
        assert "not as it was set" in generator.evidence
        assert generator.next_step == "end what else uses the PWM"
        pilot.close()

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("break_it", "evidence"),
    [
        (lambda bench: setattr(bench.spi, "wire", "high"), "it does not answer"),
        (
            lambda bench: setattr(bench.kernel, "deaf", frozenset({"duty_cycle"})),
            "not the pilot that is driven",
        ),
    ],
)
def test_a_measurement_that_fails_is_told(break_it: Callable[[Bench], None], evidence: str, bench: Bench):
    async def scenario() -> None:
        pilot = bench.open()
        break_it(bench)
        pilot.drive(500_000)
        await look(pilot, times=5)
        _, measurement = pilot.examine()
        assert measurement.health is Health.FAILED
        assert evidence in measurement.evidence
        assert measurement.next_step
        pilot.close()

    run_virtual(scenario())


async def test_its_thread_tells_the_loop_of_a_vehicle_and_ends(bench: Bench):
    pilot = bench.open()
    changed = asyncio.Event()
    pilot.start(changed.set)

    async def shows(state: PilotState) -> None:
        while state_of(pilot.sample()) is not state:
            changed.clear()
            await changed.wait()

    async with asyncio.timeout(30):
        await shows(PilotState.B)
        bench.line.load = Load.C
        await shows(PilotState.C)
        pilot.drive(500_000)
        while pilot.sample().low_mv is None:
            changed.clear()
            await changed.wait()
        bench.line.load = Load.A
        await shows(PilotState.A)
    pilot.close()
    assert not pilot.is_looking


async def test_a_thread_that_does_not_look_any_more_is_told_by_the_loop(bench: Bench):
    pilot = bench.open()
    changed = asyncio.Event()
    pilot.start(changed.set)

    async with asyncio.timeout(30):
        while pilot.sample() == UNKNOWN:
            changed.clear()
            await changed.wait()
        pilot.stop_looking()
        while pilot.sample() != UNKNOWN:
            changed.clear()
            await changed.wait()
    pilot.close()
