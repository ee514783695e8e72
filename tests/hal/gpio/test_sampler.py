"""When the pilot is looked at, and how soon what it shows is told. On a clock that the bursts and waits advance."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from hal.boards.gpio.adc import AdcModel, SpiAdc
from hal.boards.gpio.agreement import shown
from hal.boards.gpio.bursts import BurstReader, Calibration
from hal.boards.gpio.sampler import Driven, PilotSampler
from hal.iec61851 import F_NS, X1_NS
from hal.values import PilotState
from tests.hal.gpio.fake_spi import FakeSpi
from tests.hal.gpio.pilot_line import Load, PilotLine, raw_of

OVERHEAD_NS = 200_000
"""What a look costs besides its burst."""


@dataclass
class Watch:
    """A sampler on *line*. *at* holds what happens at an instant in s; *told* is when it told of which state."""

    folder: Path
    line: PilotLine
    end_s: float
    driven: Driven
    at: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    told: list[tuple[float, PilotState | None]] = field(default_factory=list)
    looks_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "spidev0.0").touch()
        self.spi = FakeSpi(AdcModel.MCP3208, self._raw)
        adc = SpiAdc(AdcModel.MCP3208, self.folder / "spidev0.0", ioctl=self.spi)
        adc.open()
        self._burst = adc.channel(0, samples=128)
        self.sampler = PilotSampler(
            read=self._read,
            reader=BurstReader(Calibration.nominal(4095)),
            driven=lambda: self.driven,
            now_s=lambda: self.now_s,
            stopped=self._stopped,
            noticed=self._noticed,
        )

    @property
    def now_s(self) -> float:
        return self.spi.now_ns / 1e9

    def run(self) -> "Watch":
        self.sampler.run()
        return self

    def drive(self, high_ns: int) -> None:
        self.line.wire_ns = high_ns
        self.driven = Driven(high_ns=high_ns, since_s=self.now_s)

    def told_s(self, state: PilotState, *, after_s: float) -> float:
        """How long after *after_s* it told of *state*."""
        return next(at_s - after_s for at_s, told in self.told if at_s >= after_s and told is state)

    def _read(self) -> list[int] | None:
        self.looks_s.append(self.now_s)
        values = self._burst.read()
        self.spi.now_ns += OVERHEAD_NS
        return values

    def _raw(self, channel: int, now_ns: int) -> int:
        while self.at and now_ns >= self.at[0][0] * 1e9:
            self.at.pop(0)[1]()
        return raw_of(self.line.seen_mv(now_ns))

    def _stopped(self, seconds: float) -> bool:
        self.spi.now_ns += round(seconds * 1e9)
        return self.now_s >= self.end_s

    def _noticed(self) -> None:
        observation = self.sampler.observation
        assert observation is not None
        self.told.append((self.now_s, shown(observation.levels)))


@pytest.fixture
def watching(tmp_path: Path) -> Callable[..., Watch]:
    def build(high_ns: int = 266_666, load: Load = Load.C, end_s: float = 0.3) -> Watch:
        line = PilotLine(wire_ns=high_ns, load=load, random=Random(1))
        return Watch(tmp_path, line, end_s, Driven(high_ns=high_ns, since_s=-1.0))

    return build


def test_the_pilot_is_looked_at_every_20_ms_without_drift(watching: Callable[..., Watch]):
    watch = watching(end_s=2.0).run()
    steady = watch.looks_s[5:]
    assert len(watch.looks_s) in (100, 101, 102)
    assert max(abs(at_s / 0.02 - round(at_s / 0.02)) for at_s in steady) < 1e-3


def test_after_a_stall_no_look_is_caught_up_with(watching: Callable[..., Watch]):
    watch = watching(end_s=1.0)

    def stall() -> None:
        watch.spi.now_ns += 310_000_000

    watch.at.append((0.2, stall))
    watch.run()
    gaps = [later - earlier for earlier, later in zip(watch.looks_s[4:], watch.looks_s[5:], strict=False)]
    assert sorted(gaps)[-1] > 0.3
    assert min(gaps) > 0.004
    assert sum(gap < 0.015 for gap in gaps) <= 1


@pytest.mark.parametrize("load", [Load.B, Load.A])
@pytest.mark.parametrize("high_ns", [100_000, 266_666, 960_000, X1_NS])
def test_a_vehicle_that_leaves_c_is_told_within_45_ms(
    load: Load, high_ns: int, watching: Callable[..., Watch]
):
    worst_s = 0.0
    for step in range(10):
        watch = watching(high_ns=high_ns, end_s=0.2)
        left_s = 0.1 + step / 500
        watch.at.append((left_s, lambda watch=watch: setattr(watch.line, "load", load)))
        watch.run()
        worst_s = max(worst_s, watch.told_s(PilotState(load.name), after_s=left_s))
    assert worst_s <= 0.045


def test_after_a_first_look_at_another_state_the_next_begins_5_ms_later(watching: Callable[..., Watch]):
    watch = watching()
    watch.at.append((0.2, lambda: setattr(watch.line, "load", Load.B)))
    watch.run()
    gaps_s = [later - earlier for earlier, later in zip(watch.looks_s, watch.looks_s[1:], strict=False)]
    assert min(gaps_s[2:]) < 0.013


def test_an_adc_that_dies_in_c_is_told_within_45_ms(watching: Callable[..., Watch]):
    worst_s = 0.0
    for step in range(10):
        watch = watching(end_s=0.2)
        died_s = 0.1 + step / 500
        watch.at.append((died_s, lambda watch=watch: setattr(watch.spi, "wire", "low")))
        watch.run()
        worst_s = max(worst_s, watch.told_s(PilotState.UNKNOWN, after_s=died_s))
    assert worst_s <= 0.045


def test_noise_is_not_told(watching: Callable[..., Watch]):
    watch = watching(high_ns=500_000, end_s=2.0)
    watch.line.noise_mv = 80
    assert [state for _, state in watch.run().told] == [PilotState.UNKNOWN, PilotState.C]


def test_a_pulse_of_one_look_is_not_told(watching: Callable[..., Watch]):
    watch = watching(load=Load.B)
    watch.at.append((0.2, lambda: setattr(watch.line, "load", Load.C)))
    watch.at.append((0.21, lambda: setattr(watch.line, "load", Load.B)))
    assert PilotState.C not in [state for _, state in watch.run().told]


def test_a_burst_over_which_the_output_changed_tells_nothing(watching: Callable[..., Watch]):
    watch = watching(high_ns=X1_NS, load=Load.B)
    watch.spi.interrupted = lambda: watch.drive(900_000)
    assert not watch.sampler.look()
    assert watch.sampler.observation is None


def test_a_burst_right_after_the_output_changed_tells_nothing(watching: Callable[..., Watch]):
    watch = watching(high_ns=X1_NS, load=Load.B)
    watch.drive(900_000)
    assert not watch.sampler.look()
    assert watch.sampler.observation is None


def test_a_new_output_is_told_with_its_first_levels(watching: Callable[..., Watch]):
    watch = watching(high_ns=X1_NS, load=Load.B)
    watch.at.append((0.2, lambda: watch.drive(500_000)))
    watch.run()
    assert watch.told_s(PilotState.B, after_s=0.2) < 0.03
    observation = watch.sampler.observation
    assert observation is not None
    assert observation.driven is watch.driven
    assert observation.levels.low_mv is not None


def test_another_duty_is_told_though_the_vehicle_shows_the_same(watching: Callable[..., Watch]):
    """Between the two nothing was known of the diode."""
    watch = watching(high_ns=266_666, load=Load.C)
    watch.at.append((0.2, lambda: watch.drive(500_000)))
    watch.run()
    assert watch.told_s(PilotState.C, after_s=0.2) < 0.03


def test_what_was_seen_in_f_is_not_shown_for_the_output_after_it(watching: Callable[..., Watch]):
    watch = watching(high_ns=F_NS, load=Load.C)
    seen: list[tuple[Driven, PilotState | None]] = []
    watch.at.append((0.2, lambda: watch.drive(X1_NS)))
    look = watch.sampler.look

    def noted() -> bool:
        settled = look()
        observation = watch.sampler.observation
        assert observation is not None
        seen.append((observation.driven, shown(observation.levels)))
        return settled

    while watch.now_s < 0.3:
        noted()
    assert {state for driven, state in seen if driven is watch.driven} == {PilotState.C}


def test_an_output_that_the_kernel_did_not_take_is_unknown(watching: Callable[..., Watch]):
    watch = watching()
    watch.driven = Driven(high_ns=266_666, since_s=-1.0, taken=False)
    assert [state for _, state in watch.run().told] == [PilotState.UNKNOWN]
