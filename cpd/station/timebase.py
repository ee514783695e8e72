"""This boot's place in time: moments are stamped here and dated here."""

import uuid
from datetime import UTC, datetime, timedelta

from cpd.clock import Clock
from cpd.domain.transactions import Moment


class Timebase:
    """Stamps moments with the boot they belong to, so that they can be dated once the wall clock is trusted."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.boot = uuid.uuid4().hex
        self._boot_monotonic_s = clock.monotonic_s()

    def moment(self) -> Moment:
        """Now; undated while the wall clock is not trusted."""
        at = self.clock.now() if self.clock.trusted else None
        return Moment(boot=self.boot, monotonic_s=self.clock.monotonic_s(), at=at)

    def date(self, moment: Moment) -> datetime:
        """The wall time of *moment*, as well as it can be known now."""
        return moment.dated(
            boot=self.boot, monotonic_s=self.clock.monotonic_s(), now=self.clock.now(), boot_at=self.boot_at
        )

    def date_within(self, began: Moment, moment: Moment) -> datetime:
        """The wall time of *moment* in what *began* before it, and no sooner after that than it really was.

        Where the wall clock was set back meanwhile, a session would otherwise be told to end before it began.
        """
        start, at = self.date(began), self.date(moment)
        if began.at is None or moment.boot != began.boot:
            return max(start, at)
        return max(at, start + timedelta(seconds=moment.monotonic_s - began.monotonic_s))

    @property
    def boot_at(self) -> datetime:
        """When this process started."""
        return self.clock.now() - timedelta(seconds=self.uptime_s)

    @property
    def uptime_s(self) -> float:
        """How long this process has run."""
        return self.clock.monotonic_s() - self._boot_monotonic_s

    @property
    def at_zero(self) -> datetime:
        """The wall time at which this boot's monotonic clock was 0."""
        return self.clock.now() - timedelta(seconds=self.clock.monotonic_s())

    def wall_time(self, epoch_s: int | None) -> datetime | None:
        """Seconds since 1970 UTC as a date; None stays None."""
        return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)

    def wall_time_of(self, monotonic_s: float) -> datetime | None:
        """The wall time of an instant of this boot, None while the clock is not trusted."""
        return self.at_zero + timedelta(seconds=monotonic_s) if self.clock.trusted else None

    def epoch_s(self, moment: Moment | None = None) -> int:
        """Whole seconds since 1970 UTC of *moment* (None: now), rounded down.

        A moment of this boot is placed by its monotonic time: when the wall clock steps, what began with it steps
        too, and its duration stays what it was.
        """
        now = self.clock.now()
        if moment is None:
            return int(now.timestamp())
        if moment.boot != self.boot:
            return int(self.date(moment).timestamp())
        return int((now - timedelta(seconds=self.clock.monotonic_s() - moment.monotonic_s)).timestamp())
