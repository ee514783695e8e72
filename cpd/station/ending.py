"""The end of one connector's transaction: its cause, latched as it is seen, and when its outlet counts as open."""

from collections.abc import Iterator

from cpd.clock import Clock
from cpd.domain.transactions import StopReason
from hal.evse import OutletSnapshot
from hal.values import ContactorState, Fault, FaultKind, SessionEffect

OPENING_S = 10.0
"""How long an outlet may take to open before the stop is booked all the same (6 s for the vehicle, and margin)."""

_ENDINGS = {
    SessionEffect.ENDS: StopReason.OTHER,
    SessionEffect.ENDS_AS_EMERGENCY: StopReason.EMERGENCY_STOP,
}


class Ending:
    """Why the running transaction is to end, None while it is not; the first cause stands."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opening_since_s: float | None = None
        self.cause: StopReason | None = None

    def latch(self, cause: StopReason) -> None:
        """Something ends the transaction, and stays the cause even where it is gone again."""
        self.cause = self.cause or cause

    def forget(self) -> None:
        """A new transaction begins, or the old one is booked."""
        self.cause = None
        self._opening_since_s = None

    def opening(self) -> None:
        """The outlet was told to open."""
        self._opening_since_s = self._clock.monotonic_s()

    @property
    def is_opening(self) -> bool:
        """True once the outlet was told to open."""
        return self._opening_since_s is not None

    def is_open(self, outlet: OutletSnapshot) -> bool:
        """True once the outlet is open, or has had its time."""
        if (outlet.contactor, outlet.contactor_commanded) == (ContactorState.OPEN, ContactorState.OPEN):
            return True
        since_s = self._opening_since_s
        return since_s is None or self._clock.monotonic_s() >= since_s + OPENING_S

    @property
    def deadlines_s(self) -> Iterator[float]:
        """The instant (monotonic) at which waiting for the outlet ends."""
        if self._opening_since_s is not None:
            yield self._opening_since_s + OPENING_S


def ending_of(fault: Fault, *, stops_without_meter: bool) -> StopReason | None:
    """The reason with which *fault* ends a transaction, None where it leaves it.

    *stops_without_meter*: no energy may flow that nobody measures.
    """
    if fault.kind is FaultKind.METER_OFFLINE and stops_without_meter:
        return StopReason.OTHER
    return _ENDINGS.get(fault.rule.session)
