"""What is sampled from a meter, and when the next sample is due."""

from dataclasses import dataclass
from enum import StrEnum

from cpd.domain.transactions import Moment


class SampleContext(StrEnum):
    """Why a sample was taken (OCPP 1.6 §7.31 ReadingContext)."""

    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    PERIODIC = "Sample.Periodic"
    CLOCK = "Sample.Clock"
    TRIGGER = "Trigger"
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSample:
    """One sample of one connector: everything the hardware measured; the edge picks the measurands.

    *offered_ma* per phase is what the pilot advertised, *offered_w* the same over all phases at nominal voltage.
    Values that the meter lacks, or that were too old to be called fresh, are None.
    """

    taken: Moment
    context: SampleContext
    energy_wh: int | None
    power_w: int | None
    current_ma: tuple[int, ...] | None
    voltage_mv: tuple[int, ...] | None
    offered_ma: int
    offered_w: int


def next_sample_at(started_s: float, interval_s: int, now_s: float) -> float | None:
    """The next instant of the grid *started_s* + k · *interval_s* after *now_s*; None where *interval_s* is 0."""
    if interval_s <= 0:
        return None
    next_s = started_s + ((now_s - started_s) // interval_s + 1) * interval_s
    # Rounding can bring the division back to the instant that is now, whose sample was taken.
    return next_s if next_s > now_s else next_s + interval_s
