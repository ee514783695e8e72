"""What is sampled from a meter, and when the next sample is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from cpd.domain.transactions import Moment


def energy_lasts_s(energy_wh: int, power_w: int) -> float:
    """How long *energy_wh* lasts at *power_w*; 0 where it is spent, for ever where nothing flows."""
    if energy_wh <= 0:
        return 0.0
    return energy_wh * 3_600 / power_w if power_w > 0 else float("inf")


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
    *interval_wh* is what flowed since the sample before it of the same grid. Values that the meter lacks, or that
    were too old to be called fresh, are None.
    """

    taken: Moment
    context: SampleContext
    energy_wh: int | None
    power_w: int | None
    current_ma: tuple[int, ...] | None
    voltage_mv: tuple[int, ...] | None
    offered_ma: int
    offered_w: int
    interval_wh: int | None = None
    phase_power_w: tuple[int, ...] | None = None
    reactive_var: int | None = None
    power_factor_permille: int | None = None
    frequency_mhz: int | None = None
    temperature_mc: int | None = None


def next_sample_at(started_s: float, interval_s: int, now_s: float) -> float | None:
    """The next instant of the grid *started_s* + k · *interval_s* after *now_s*; None where *interval_s* is 0."""
    if interval_s <= 0:
        return None
    next_s = started_s + ((now_s - started_s) // interval_s + 1) * interval_s
    # Rounding can bring the division back to the instant that is now, whose sample was taken.
    return next_s if next_s > now_s else next_s + interval_s


def next_aligned_at(now: datetime, interval_s: int) -> datetime | None:
    """The next instant of the day's grid after *now*: midnight UTC + k · *interval_s* (OCPP 1.6 §9.1.3).

    The grid begins anew with each day, also where *interval_s* does not divide it; None where *interval_s* is 0.
    """
    if interval_s <= 0:
        return None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    interval = timedelta(seconds=interval_s)
    return min(midnight + ((now - midnight) // interval + 1) * interval, midnight + timedelta(days=1))


def evenly(instants_s: Sequence[float], keep: int) -> list[int]:
    """At most *keep* (1 or more) places of *instants_s*, evenly apart in time.

    The first is among them and, where *keep* is 2 or more, the last. An instant before the one in front of it,
    after a step of the clock, counts as that one.
    """
    count = len(instants_s)
    if keep >= count:
        return list(range(count))
    if keep == 1:
        return [0]
    elapsed_s = [instant_s - instants_s[0] for instant_s in accumulate(instants_s, max)]
    width_s = elapsed_s[-1] / (keep - 1)
    if width_s == 0:
        return [0, count - 1]
    buckets = [int(one_s / width_s) for one_s in elapsed_s]
    kept = [place for place in range(count) if place == 0 or buckets[place] > buckets[place - 1]]
    return [*(kept if len(kept) < keep else kept[: keep - 1]), count - 1] if kept[-1] != count - 1 else kept


def thinned(
    contexts: Sequence[SampleContext], instants_s: Sequence[float], sizes: Sequence[int], budget: int
) -> list[int]:
    """Which samples of a transaction fit into *budget*, in order: the first and last of each context stay longest.

    Each context is thinned by the same part and evenly in time, so that none of them crowds out another.
    Beginning and end of the transaction go last of all; where not even they fit, nothing does.
    """
    groups = [
        [place for place, context in enumerate(contexts) if context is one] for one in dict.fromkeys(contexts)
    ]
    keep = most = max((len(group) for group in groups), default=0)
    while keep >= 0:
        kept = sorted(
            group[place]
            for group in groups
            if keep > 0 or contexts[group[0]] in _BRACKET
            # The same part of each, and one of each at least.
            for place in evenly([instants_s[one] for one in group], max(1, len(group) * keep // max(1, most)))
        )
        size = sum(sizes[place] for place in kept)
        if size <= budget:
            return kept
        keep = min(keep - 1, keep * budget // size) if keep > 2 else keep - 1
    return []


_BRACKET = (SampleContext.BEGIN, SampleContext.END)
