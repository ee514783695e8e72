"""The pilot's line as a converter samples it: generator, vehicle, edges, noise."""

import math
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from hal.boards.gpio.adc import AdcModel
from hal.iec61851 import F_NS, PERIOD_NS, X1_NS

SOURCE_MV = 12_000
R1_OHM = 1_000
DIODE_MV = 700
SLEW_NS = 5_000


class Load(Enum):
    """What hangs on the line, in ohm to earth behind the diode."""

    A = None
    B = 2_740
    C = 882
    D = 246


@dataclass(kw_only=True)
class PilotLine:
    """What is physically there. *wire_ns* is the high time on the wire, whatever was commanded."""

    wire_ns: int = X1_NS
    load: Load = Load.A
    source_mv: int = SOURCE_MV
    has_diode: bool = True
    shorted: bool = False
    noise_mv: int = 20
    outliers: float = 0.0
    interval_ns: int = 44_000
    jitter: float = 0.1
    random: Random = field(default_factory=lambda: Random(1))

    def burst_mv(self, samples: int = 128, *, phase_ns: int | None = None) -> list[int]:
        """Levels of the line at so many instants, the first *phase_ns* after a rising edge (None: anywhere)."""
        at_ns = self.random.randrange(PERIOD_NS) if phase_ns is None else phase_ns
        high, low = self.plateau_mv(self.source_mv), self.plateau_mv(-self.source_mv)
        levels = []
        for _ in range(samples):
            levels.append(self._seen_mv(at_ns % PERIOD_NS, high, low))
            at_ns += round(self.interval_ns * (1 + self.jitter * (2 * self.random.random() - 1)))
        return levels

    def burst(self, samples: int = 128, *, phase_ns: int | None = None) -> list[int]:
        """The same as raw values of an MCP3208."""
        return [raw_of(level_mv) for level_mv in self.burst_mv(samples, phase_ns=phase_ns)]

    def seen_mv(self, at_ns: int) -> int:
        """The level at *at_ns*, noise included; each period begins with the rising edge."""
        high, low = self.plateau_mv(self.source_mv), self.plateau_mv(-self.source_mv)
        return self._seen_mv(at_ns % PERIOD_NS, high, low)

    def plateau_mv(self, source_mv: int) -> int:
        """The settled level while the generator gives *source_mv*."""
        if self.shorted:
            return 0
        if self.load is Load.A or (self.has_diode and source_mv < 0):
            return source_mv
        drop_mv = DIODE_MV if self.has_diode else 0
        return (source_mv - drop_mv) * self.load.value // (self.load.value + R1_OHM) + drop_mv

    def _seen_mv(self, phase_ns: int, high: int, low: int) -> int:
        if self.outliers and self.random.random() < self.outliers:
            return self.random.randrange(-14_500, 14_500)
        is_high = phase_ns < self.wire_ns
        level: float = high if is_high else low
        since_edge_ns = phase_ns if is_high else phase_ns - self.wire_ns
        if since_edge_ns < 10 * SLEW_NS and self.wire_ns not in (F_NS, X1_NS):
            before = low if is_high else high
            level += (before - level) * math.exp(-since_edge_ns / SLEW_NS)
        return round(level + self.random.gauss(0, self.noise_mv))


def raw_of(level_mv: int, model: AdcModel = AdcModel.MCP3208) -> int:
    """What the converter makes of *level_mv*, behind an input stage without tolerances."""
    return min(model.full_scale, max(0, (level_mv + 15_000) * (model.full_scale + 1) // 30_000))
