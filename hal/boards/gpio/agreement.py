"""Which of the readings of a pilot counts: two in a row must agree before another state is shown. Pure."""

from hal.board import PilotSample
from hal.iec61851 import is_undecided, state_for_voltage
from hal.values import PilotState

UNKNOWN = PilotSample(high_mv=None, low_mv=None)
"""A pilot that cannot be read."""

_ENERGISING = (PilotState.C, PilotState.D)
_MOST_DOUBTS = 3


def shown(levels: PilotSample) -> PilotState | None:
    """The state that *levels* show by themselves; None between the windows of two states."""
    if levels.high_mv is None:
        return PilotState.UNKNOWN
    return None if is_undecided(levels.high_mv) else state_for_voltage(levels.high_mv, PilotState.UNKNOWN)


class Agreement:
    """The levels that hold, and the doubt about them.

    A vehicle that lets energy flow must be seen to leave within two readings, whatever else these say.
    """

    def __init__(self) -> None:
        self.held = UNKNOWN
        self._doubted: PilotSample | None = None
        self._doubts = 0

    def take(self, levels: PilotSample) -> bool:
        """Take in the next reading; False where another one is wanted soon."""
        if shown(levels) is shown(self.held):
            return self._settle(levels)
        first, self._doubted = self._doubted, levels
        self._doubts += 1
        if first is None:
            return False
        if shown(first) is shown(levels):
            return self._settle(levels)
        if shown(self.held) in _ENERGISING:
            ends = (seen for seen in (levels, first) if shown(seen) not in (*_ENERGISING, None))
            return self._settle(next(ends, UNKNOWN))
        return self._settle(UNKNOWN) if self._doubts >= _MOST_DOUBTS else False

    def _settle(self, levels: PilotSample) -> bool:
        self.held = levels
        self._doubted = None
        self._doubts = 0
        return True
