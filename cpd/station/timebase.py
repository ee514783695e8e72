"""This boot's place in time: moments are stamped here and dated here.

What is known of a moment without a date: its order, and how far it is from the others of its boot. So it is dated by
the first trusted time of its boot, also by one that a restarted daemon learns. Where that boot ended without one, the
last moment kept of it is taken to be the start of the daemon that reads it, the latest that it can have been: the
order and the durations are right then, the dates too late by as long as nothing ran.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from cpd.clock import Clock
from cpd.domain.present import Present
from cpd.domain.transactions import Moment, UndatedBoot


class Timebase:
    """Stamps moments with the boot they belong to, so that they can be dated once the wall clock is trusted."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.boot = clock.boot
        self._started_s = clock.monotonic_s()
        self._earlier_s: dict[str, float] = {}
        self._settled_zero: datetime | None = None

    def recall(self, undated: Iterable[UndatedBoot], latest: datetime | None) -> None:
        """What the store says of time: the boots that nobody dated, newest first, and the latest date in it."""
        before_s = 0.0
        for earlier in undated:
            if earlier.boot != self.boot:
                # In seconds after this daemon's start, where the monotonic clock of that boot was 0.
                zero_s = before_s - earlier.last_s
                self._earlier_s[earlier.boot] = zero_s
                before_s = zero_s + earlier.first_s
        if latest is not None:
            self.clock.not_before(latest)

    def moment(self) -> Moment:
        """Now; undated while the wall clock is not trusted."""
        at = self.clock.now() if self.clock.trusted else None
        return Moment(boot=self.boot, monotonic_s=self.clock.monotonic_s(), at=at)

    def date(self, moment: Moment) -> datetime:
        """The wall time of *moment*, as well as it can be known now."""
        zero = self.zeros.get(moment.boot) or self.boot_at - timedelta(seconds=moment.monotonic_s)
        return moment.dated(zero)

    def settle(self) -> Mapping[str, datetime]:
        """The clock is trusted now: what had no date has one for good, told by `zeros`, which is returned."""
        self._settled_zero = self.at_zero
        return self.zeros

    @property
    def zeros(self) -> Mapping[str, datetime]:
        """By each boot with undated moments, this one included: the wall time at which its monotonic clock was 0."""
        zero = self._settled_zero or self.at_zero
        started_at = zero + timedelta(seconds=self._started_s)
        earlier = {boot: started_at + timedelta(seconds=zero_s) for boot, zero_s in self._earlier_s.items()}
        return {self.boot: zero, **earlier}

    def date_within(self, began: Moment, moment: Moment) -> datetime:
        """The wall time of *moment* in what *began* before it: as much later as it really was.

        All of a session is told on the clock that its start was told on: where the wall clock is stepped meanwhile,
        its duration would be wrong otherwise, and a bill with it.
        """
        start = self.date(began)
        if moment.boot == began.boot:
            return start + timedelta(seconds=moment.monotonic_s - began.monotonic_s)
        return max(start, self.date(moment))

    @property
    def boot_at(self) -> datetime:
        """When this process started."""
        return self.clock.now() - timedelta(seconds=self.uptime_s)

    @property
    def uptime_s(self) -> float:
        """How long this process has run."""
        return self.clock.monotonic_s() - self._started_s

    @property
    def present(self) -> Present:
        """The present in every measure that there is."""
        return Present(
            boot=self.boot,
            began_s=self._started_s,
            monotonic_s=self.clock.monotonic_s(),
            now=self.clock.now(),
            trusted=self.clock.trusted,
        )

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
