"""What an outlet is to its user: offers as leases in, facts out.

The same interface is served in process by the guard and, over a socket, by a guard process. Nothing behind it
can be told to close a contactor: an `Offer` only permits it, and withdraws itself when it is not renewed.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from hal.examination import Finding
from hal.iec61851 import MIN_CURRENT_MA
from hal.light import Light
from hal.values import (
    ContactorState,
    Fault,
    FaultKind,
    LockState,
    MeterReading,
    PilotState,
    StopReason,
    UnlockResult,
)

LEASE_S = 3.0
"""How long an offer stands without renewal; its giver renews it each second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Permission to charge with at most *current_ma* per phase on *phases* phases for *valid_for_s* seconds.

    6 000 … 80 000 mA; 1 … 3 phases. A current below 6 000 mA cannot be offered (IEC 61851-1 Annex A): the
    caller passes no offer instead. What is out of range is refused with `ValueError`.
    """

    current_ma: int
    phases: int
    valid_for_s: float = LEASE_S

    def __post_init__(self) -> None:
        if isinstance(self.current_ma, bool) or not isinstance(self.current_ma, int):
            raise ValueError(f"current_ma {self.current_ma!r} is not a whole number of mA")
        if not 6_000 <= self.current_ma <= 80_000:
            raise ValueError(f"current_ma {self.current_ma} is outside 6000 … 80000")
        if not 1 <= self.phases <= 3:
            raise ValueError(f"phases {self.phases} is outside 1 … 3")
        if not 0 < self.valid_for_s <= LEASE_S:
            raise ValueError(f"valid_for_s {self.valid_for_s} is outside 0 … {LEASE_S}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletSnapshot:
    """What is true of an outlet now.

    *duty_ns* is the high time of the 1 kHz pilot, None while the pilot is steady. *offer_ma* is what the pilot
    advertises now, 0 while nothing is offered. *cable_a* is the ampacity of the plugged cable (the fixed cable's
    rating where there is no socket), None while unplugged or not readable. *increase_at_s* is the instant at
    which a larger offer, held back by the 5 s between increases, takes effect. *closing_at_s* is the earliest
    instant of the next close where a pause or the rate of closes holds it back. *woken_at_s* is the start of the
    wake-up pulse of this plug-in. *thermal_limit_ma* is what a warm outlet allows, None where the temperature
    limits nothing. *switching_at_s* is the earliest instant at which the phases are switched that the offer needs.
    *overstayed_s* is when the contactor had to be opened on a vehicle of this plug-in that asked on without a PWM.
    *min_current_ma* is the least that can be offered, 6 000 and more: some controllers are set to offer no less.
    *temperature_mc* is what is measured inside, in thousandths of a degree Celsius. *unplugged_at_s* is when the
    pilot came to A last, and *ended* what ended a session last; None where nothing did since there is somebody who
    would know: the guard that outlives its user.
    """

    pilot: PilotState
    duty_ns: int | None
    contactor_commanded: ContactorState
    contactor: ContactorState
    phases: int
    offer_ma: int
    cable_a: int | None
    lock: LockState
    available: bool
    waking: bool
    woken_at_s: float | None
    increase_at_s: float | None
    closing_at_s: float | None
    faults: tuple[Fault, ...]
    meter: MeterReading | None
    thermal_limit_ma: int | None = None
    switching_at_s: float | None = None
    overstayed_s: float | None = None
    temperature_mc: int | None = None
    min_current_ma: int = MIN_CURRENT_MA
    unplugged_at_s: float | None = None
    ended: "SessionEnd | None" = None

    @property
    def opening_fault(self) -> Fault | None:
        """The oldest fault that keeps the contactor open, or None."""
        return next((fault for fault in self.faults if fault.rule.opens), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotChanged:
    """The debounced pilot state changed to *state*."""

    state: PilotState


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyChanged:
    """The pilot output changed: high time *duty_ns*, or None for a steady pilot."""

    duty_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactorChanged:
    """The mirror contacts confirmed *state*."""

    state: ContactorState


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRaised:
    """A fault began."""

    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCleared:
    """A fault ended."""

    kind: FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CableChanged:
    """The ampacity of the plugged cable became known, or unknown (None)."""

    cable_a: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChanged:
    """The plug lock reached *state*."""

    state: LockState


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedUnderLoad:
    """The vehicle asked on for all the time that it has to let go, and the contactor is opened on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeChanged:
    """The wake-up pulse began (*waking*) or ended."""

    waking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPressed:
    """Somebody pressed the outlet's stop button: the session is to end as its driver would end it."""


OutletEvent = (
    PilotChanged
    | DutyChanged
    | ContactorChanged
    | FaultRaised
    | FaultCleared
    | CableChanged
    | LockChanged
    | OpenedUnderLoad
    | WakeChanged
    | StopPressed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """*event* ended whatever session there was, at *at_s*; what raised it may be over."""

    event: FaultRaised | StopPressed
    at_s: float


class Evse(Protocol):
    """One outlet. Wishes are taken at once; their effects are seen in `snapshot()` and `events()`.

    What has an answer may take a moment, as the way to the outlet may be a socket.
    """

    def offer(self, offer: Offer | None) -> None:
        """Permit charging, renew or change the permission, or withdraw it (None: PWM off, orderly opening)."""

    def stop(self, reason: StopReason) -> None:
        """Withdraw the offer; EMERGENCY opens at once, NORMAL once the vehicle stopped drawing (≤ 6 s)."""

    def set_available(self, available: bool) -> None:
        """False: no offer is taken and the pilot says so (state F once nothing is plugged)."""

    def hold_plug(self, held: bool) -> None:
        """True: the bolt stays in where the vehicle's end is pulled, until False or `unlock`."""

    async def unlock(self) -> UnlockResult:
        """Release the plug; refused (FAILED) while the contactor is closed or welded."""

    def wake(self) -> None:
        """Ask for the one wake-up pulse of this plug-in; without effect where it was spent or is not due."""

    async def acknowledge_fault(self, kind: FaultKind) -> bool:
        """Clear a fault that waits for service; False where there is none such, or its cause still stands."""

    def snapshot(self) -> OutletSnapshot:
        """The present truth, meter included; always consistent in itself."""

    def events(self) -> AsyncIterator[OutletEvent]:
        """What happens from now on, in order; a slow reader loses telemetry first, never a fault or a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRead:
    """A card was held to a reader; *connector* where the reader belongs to one outlet, else None.

    *id_tag* is what is sent for it. *uid* is what the reader read, as hexadecimal digits in its own order of bytes;
    None where it told a name.
    """

    id_tag: str
    connector: int | None = None
    uid: str | None = None


class Hal(Protocol):
    """Everything on the hardware's side: the outlets by connector number, and the readers."""

    @property
    def evses(self) -> Mapping[int, Evse]:
        """The outlets, 1 … n."""

    @property
    def lights(self) -> Mapping[int, Light]:
        """The lights of those outlets that have one."""

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are presented: one held to the reader counts once, and again after 1 s out of its sight."""

    async def examine(self) -> tuple[Finding, ...]:
        """What every part says of itself now, without side effects; over a socket it takes a moment."""
