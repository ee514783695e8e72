"""What is remembered of an outlet that a controller runs, and what happens to it: values only, no rule.

Instants (`*_s`) are on one monotonic clock. None stands for "never", "not now" or "not known".
"""

from dataclasses import dataclass

from hal.evse import Offer
from hal.iec61851 import MIN_CURRENT_MA
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, Fault, FaultKind, MeterReading, PilotState, StopReason

LOST_AFTER_S = 3.0
"""A controller that said nothing for longer is lost: what its outlet does is not known any more."""

EXCHANGE_S = 5.0
"""A vehicle unlocks its plug, somebody pulls it and puts another one in: that takes at least so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a controller said of itself in one round.

    *advertised_ma* is what its pilot carries, 0 while that is steady. *cable_a*: the ampacity of the cable, None
    where it is not known. *replugged*: the vehicle was exchanged since the report before; None where the controller
    cannot tell. *thermal_limit_ma*: what it has lowered its pilot to for heat, None where it has not.
    *min_current_ma*: the least that its pilot can carry, 6 000 and more.
    """

    pilot: PilotState
    contactor: ContactorState
    advertised_ma: int
    cable_a: int | None
    faults: frozenset[FaultKind] = frozenset()
    temperature_mc: int | None = None
    thermal_limit_ma: int | None = None
    min_current_ma: int = MIN_CURRENT_MA
    replugged: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the controller is to do: allow *current_ma* per phase, or nothing (0).

    *at_once*: open, even under load. *in_service* False: the pilot may say so while nothing is plugged.
    """

    current_ma: int
    at_once: bool
    in_service: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The controller was found, or found again, and told to hold before anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The controller said *report* after it was given *order*; *meter* None where that is silent."""

    report: Report
    order: Order
    meter: MeterReading | None
    reader_online: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The user gives, renews or changes its permission, or withdraws it (None)."""

    offer: Offer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The user ends its permission."""

    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilitySet:
    """The user takes the outlet out of service, or back."""

    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Somebody has serviced the outlet."""

    kind: FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Nothing but time: `Supervised.deadline_s` was reached."""


Input = Begun | Reported | Offered | Stopped | AvailabilitySet | Acknowledged | Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """Everything that is remembered of the outlet; *given_ma* is what the controller is allowed now.

    *lost*: nothing is known of the controller; *begun*: it was told to hold since. *exchanged*: another vehicle may
    be there since *report*. *stopped_s* and *increased_s*: when a permission was last withdrawn, and last raised.
    *at_once*: an emergency stands that is not carried out yet. *reference*: what was allowed before, as long as a
    vehicle may still draw it. *suspected* and *healthy*: since when the cause of a fault stands, or is gone.
    """

    config: OutletConfig
    deadline_s: float | None = None
    report: Report | None = None
    reported_s: float = 0.0
    lost: bool = False
    begun: bool = False
    exchanged: bool = False
    meter: MeterReading | None = None
    reader_online: bool = True
    offer: Offer | None = None
    offer_until_s: float = 0.0
    available: bool = True
    at_once: bool = False
    given_ma: int = 0
    given_since_s: float = 0.0
    increased_s: float | None = None
    stopped_s: float | None = None
    blocked_until_s: float | None = None
    reference: tuple[tuple[float, int], ...] = ()
    faults: tuple[Fault, ...] = ()
    suspected: tuple[tuple[FaultKind, float], ...] = ()
    healthy: tuple[tuple[FaultKind, float], ...] = ()

    @property
    def pilot(self) -> PilotState:
        """The state that the controller read; UNKNOWN while it is lost."""
        return PilotState.UNKNOWN if self.lost or self.report is None else self.report.pilot

    @property
    def contactor(self) -> ContactorState:
        """What is known of the contactor; UNKNOWN while the controller is lost."""
        return ContactorState.UNKNOWN if self.lost or self.report is None else self.report.contactor

    @property
    def advertised_ma(self) -> int:
        """What the pilot carries; 0 while that is not known."""
        return 0 if self.lost or self.report is None else self.report.advertised_ma

    @property
    def cable_a(self) -> int | None:
        """The ampacity of the cable, None where it is not known or nothing is plugged."""
        if not self.config.lock:
            return self.config.fixed_cable_a
        return self.report.cable_a if self.report is not None and self.pilot.plugged else None

    @property
    def thermal_limit_ma(self) -> int | None:
        """What a warm controller bears, None where the temperature limits nothing or is not known."""
        return None if self.lost or self.report is None else self.report.thermal_limit_ma

    @property
    def min_current_ma(self) -> int:
        """The least that can be offered, as the controller said last."""
        return MIN_CURRENT_MA if self.report is None else self.report.min_current_ma

    @property
    def order(self) -> Order:
        """What the controller is to do now."""
        return Order(
            current_ma=self.given_ma,
            at_once=self.at_once or (self.is_faulted and self.contactor is ContactorState.CLOSED),
            in_service=self.available,
        )

    @property
    def is_charging(self) -> bool:
        """True while the vehicle asks for energy."""
        return self.pilot in (PilotState.C, PilotState.D)

    @property
    def is_faulted(self) -> bool:
        """True while a fault keeps the outlet from charging."""
        return any(fault.rule.opens for fault in self.faults)

    def has_fault(self, kind: FaultKind) -> bool:
        """True while *kind* stands."""
        return any(fault.kind is kind for fault in self.faults)

    def offer_is_live(self, now_s: float) -> bool:
        """True while the user's permission stands."""
        return self.offer is not None and now_s < self.offer_until_s
