"""What keeps a connector from charging, or from charging faster: codes, causes and the situation they are found in.

Status, `cpd why` and StatusNotification.info say the same. Codes are stable and fit info (≤ 50 characters); the
evidence and the next step are short sentences for a technician. Which causes hold is decided in `causes`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cpd.domain.authorization import CardVerdict
from cpd.domain.availability import Origin
from cpd.domain.composite import ActiveLimit
from cpd.domain.supply import Constraint
from hal.evse import OutletSnapshot


class BlockerCode(StrEnum):
    """The codes besides ``FAULT_<KIND>``, in order of precedence."""

    EMERGENCY_STOP = "EMERGENCY_STOP"
    UNAVAILABLE_CSMS = "UNAVAILABLE_CSMS"
    UNAVAILABLE_LOCAL = "UNAVAILABLE_LOCAL"
    UPDATING_FIRMWARE = "UPDATING_FIRMWARE"
    NO_CABLE = "NO_CABLE"
    CABLE_UNKNOWN = "CABLE_UNKNOWN"
    LOCK_OPEN = "LOCK_OPEN"
    RESERVED = "RESERVED"
    WAITING_FOR_CARD = "WAITING_FOR_CARD"
    AUTHORIZING = "AUTHORIZING"
    CARD_REFUSED = "CARD_REFUSED"
    CARD_UNKNOWN_OFFLINE = "CARD_UNKNOWN_OFFLINE"
    TRANSACTION_ENDED = "TRANSACTION_ENDED"
    STORE_FAILED = "STORE_FAILED"
    BOOT_NOT_ACCEPTED = "BOOT_NOT_ACCEPTED"
    LIMIT_ZERO_CSMS = "LIMIT_ZERO_CSMS"
    LIMIT_BELOW_6A_CSMS = "LIMIT_BELOW_6A_CSMS"
    LIMIT_LOCAL = "LIMIT_LOCAL"
    LIMIT_OFFLINE = "LIMIT_OFFLINE"
    LIMIT_STATION = "LIMIT_STATION"
    LIMIT_SHARED = "LIMIT_SHARED"
    LIMIT_TEMPERATURE = "LIMIT_TEMPERATURE"
    CLOCK_UNTRUSTED = "CLOCK_UNTRUSTED"
    WAIT_RANDOM_DELAY = "WAIT_RANDOM_DELAY"
    WAIT_MIN_PAUSE = "WAIT_MIN_PAUSE"
    WAIT_PHASE_SWITCH = "WAIT_PHASE_SWITCH"
    WAKING_EV = "WAKING_EV"
    EV_NOT_READY = "EV_NOT_READY"
    EV_NEEDS_VENTILATION = "EV_NEEDS_VENTILATION"
    EV_STAYS_IN_C = "EV_STAYS_IN_C"
    EV_DRAWS_NOTHING = "EV_DRAWS_NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause before it is dated: its code, what constrains, what shows it, what to do.

    *until_s* is an instant of the monotonic clock, *until_epoch_s* one in seconds since 1970 UTC; both None
    where the end is open. *flowing*: current flows all the same, less than the limit allows or than it could be;
    the CSMS is not told of that.
    """

    code: str
    evidence: str
    next_step: str
    constraint: Constraint | None = None
    until_s: float | None = None
    until_epoch_s: int | None = None
    flowing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A cause with its dates: since and until when it holds (*until* None: open).

    *set_at* is when the charging profile was received that constrains, None where it is none.
    """

    code: str
    since: datetime
    until: datetime | None
    constraint: Constraint | None
    set_at: datetime | None = None
    evidence: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that can keep *connector* from charging.

    *withdrawn_by*: who took it out of service, None while it is in service; *with_station*: the station as a whole,
    at the charger. *reserved*: for another card than any
    that is here, until *reserved_until_epoch_s*. *store_failed*: a start could not be kept, and so is not made.
    *limit* is the engine's answer, *waits_until_s* the end of a wait that holds an increase back, and
    *delayed_until_s* that of a random delay (both monotonic).
    *boot_refused*: a link stands, but the CSMS has not accepted the boot. *alone*: there is to be no CSMS at all.
    """

    connector: int
    outlet: OutletSnapshot
    withdrawn_by: Origin | None
    with_station: bool = False
    updating_firmware: bool = False
    reserved: bool = False
    reserved_until_epoch_s: int | None = None
    in_transaction: bool
    stopping: bool
    ended: bool
    authorised: bool
    authorising: bool
    deauthorised: bool
    verdict: CardVerdict | None
    boot_refused: bool
    alone: bool = False
    store_failed: bool = False
    limit: ActiveLimit | None
    waits_until_s: float | None
    delayed_until_s: float | None = None
    fixed_cable: bool
