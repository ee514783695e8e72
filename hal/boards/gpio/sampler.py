"""Looks at the pilot every 20 ms, on a thread that nothing else holds up, and says so when it shows something new.

What it sees is published by assigning one immutable value, which the loop reads without waiting. Nothing is logged
here, and no lock is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hal.board import PilotSample
from hal.boards.gpio.agreement import Agreement, shown
from hal.boards.gpio.bursts import BurstReader
from hal.iec61851 import DIODE_LOW_MV

TICK_S = 0.020
SOON_S = 0.005
"""After a first reading of another state the next burst begins so soon."""

EDGE_S = 0.002
"""The generator takes a new high time over at the end of a period; with the line settled, so long after the call."""

BURST_SAMPLES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What the generator was set to, at *since_s*; not *taken* where it refused: nobody knows what it gives."""

    high_ns: int
    since_s: float
    taken: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The levels that hold under *driven*, as of *at_s*; *duty_ns* is the measured high time of a PWM.

    *samples* are the raw values of the last burst, which took *burst_s*; None where it failed.
    """

    levels: PilotSample
    driven: Driven
    at_s: float
    duty_ns: int | None
    samples: Sequence[int] | None
    burst_s: float


class PilotSampler:
    """The looks at one pilot.

    *read* gives a burst of raw values, *driven* what the generator is set to, *now_s* the loop's time. *stopped*
    waits so many seconds, and is True at once when the sampling is to end. *noticed* is called on this thread.
    """

    def __init__(
        self,
        *,
        read: Callable[[], Sequence[int] | None],
        reader: BurstReader,
        driven: Callable[[], Driven],
        now_s: Callable[[], float],
        stopped: Callable[[float], bool],
        noticed: Callable[[], None],
    ) -> None:
        self.observation: Observation | None = None
        self._read = read
        self._reader = reader
        self._driven = driven
        self._now_s = now_s
        self._stopped = stopped
        self._noticed = noticed
        self._agreement = Agreement()
        self._told: object = None

    def run(self) -> None:
        """Sample until stopped. After a stall the next look is at the next tick: none is caught up with."""
        tick_s = self._now_s()
        wait_s = 0.0
        while not self._stopped(wait_s):
            settled = self.look()
            now_s = self._now_s()
            if now_s >= tick_s:
                tick_s += TICK_S * (int((now_s - tick_s) / TICK_S) + 1)
            wait_s = tick_s - now_s if settled else min(tick_s - now_s, SOON_S)

    def look(self) -> bool:
        """Take one burst; False where the next one is wanted soon."""
        driven = self._driven()
        began_s = self._now_s()
        samples = self._read()
        ended_s = self._now_s()
        if self._driven() is not driven or began_s < driven.since_s + EDGE_S:
            return False
        reading = self._reader.read(samples if driven.taken else None, driven.high_ns)
        settled = self._agreement.take(reading.levels)
        before = self.observation
        self.observation = Observation(
            levels=self._agreement.held,
            driven=driven if before is None or settled else before.driven,
            at_s=ended_s,
            duty_ns=reading.duty_ns,
            samples=samples,
            burst_s=ended_s - began_s,
        )
        self._tell(self.observation)
        return settled

    def _tell(self, observation: Observation) -> None:
        """Call the loop where the guard would decide anew; noise is none of its business."""
        news = (observation.driven, shown(observation.levels), _diode(observation.levels))
        if news != self._told:
            self._told = news
            self._noticed()


def _diode(levels: PilotSample) -> bool | None:
    return None if levels.low_mv is None else levels.low_mv <= DIODE_LOW_MV
