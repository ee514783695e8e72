"""The pilot circuit of IEC 61851-1 Figure A.1, solved in mV: source, R1, the vehicle's diode and resistors."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hal.board import PilotSample
from hal.iec61851 import F_NS, X1_NS

SOURCE_MV = 12_000
SOURCE_OHM = 1_000
DIODE_MV = 700

_R2_OHM = 2_740
_R3_READY_OHM = 1_300
_R3_VENTILATION_OHM = 270


class Load(Enum):
    """What the vehicle puts on the pilot."""

    NOTHING = None
    WAITING = _R2_OHM
    READY = _R2_OHM * _R3_READY_OHM // (_R2_OHM + _R3_READY_OHM)
    READY_WITH_VENTILATION = _R2_OHM * _R3_VENTILATION_OHM // (_R2_OHM + _R3_VENTILATION_OHM)


@dataclass(slots=True, kw_only=True)
class PilotCircuit:
    """One generator, its line and what hangs on it. *changed* is called with the old high time on each drive."""

    changed: Callable[[int], None]
    high_ns: int = X1_NS
    load: Load = Load.NOTHING
    diode_missing: bool = False
    shorted: bool = False
    unreadable: bool = False

    def drive(self, high_ns: int) -> None:
        """Set the high time of each period."""
        before_ns, self.high_ns = self.high_ns, high_ns
        self.changed(before_ns)

    def sample(self) -> PilotSample:
        """The levels behind R1."""
        if self.unreadable:
            return PilotSample(high_mv=None, low_mv=None)
        if self.high_ns == F_NS:
            return PilotSample(high_mv=self._level_mv(-SOURCE_MV), low_mv=None)
        steady = self.high_ns == X1_NS
        return PilotSample(
            high_mv=self._level_mv(SOURCE_MV), low_mv=None if steady else self._level_mv(-SOURCE_MV)
        )

    def _level_mv(self, source_mv: int) -> int:
        load_ohm: int | None = self.load.value
        if self.shorted:
            return 0
        if load_ohm is None:
            return source_mv
        if self.diode_missing:
            return source_mv * load_ohm // (load_ohm + SOURCE_OHM)
        if source_mv < 0:
            return source_mv
        return DIODE_MV + (source_mv - DIODE_MV) * load_ohm // (load_ohm + SOURCE_OHM)
