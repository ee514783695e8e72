"""What the station says of itself: values for the control interface, without a format."""

from dataclasses import dataclass
from datetime import datetime

from cpd.clock import ClockSource
from cpd.domain.blockers import Blocker
from cpd.domain.composite import ActiveLimit
from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.reservations import Reservation
from cpd.domain.transactions import Transaction
from cpd.station.repositories import StoreHealth
from hal.evse import OutletSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class StationIdentity:
    """Who this charge point is; vendor and model as BootNotification carries them (≤ 20 characters)."""

    id: str
    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSnapshot:
    """The link to the CSMS; *url* is None where the charger works alone.

    *online*: the boot is accepted, and a call was answered over the connection that stands. *next_step* is what to do
    about *last_error*, where that is known.
    """

    url: str | None
    connected: bool
    since: datetime | None
    registration: str | None
    online: bool
    last_answer_at: datetime | None
    last_error: str | None
    held: bool
    security_profile: int
    verify_hostname: bool
    next_step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSnapshot:
    """One connector. *transactions_wh* is what the running transaction has taken; *meter_age_s* the reading's age."""

    id: int
    status: ConnectorStatus
    error_code: str
    operative: bool
    outlet: OutletSnapshot
    meter_age_s: float | None
    limit: ActiveLimit
    limit_until: datetime | None
    offer_ma: int
    transaction: Transaction | None
    transaction_started_at: datetime | None
    transaction_energy_wh: int | None
    reservation: Reservation | None = None
    blockers: tuple[Blocker, ...]


_WELL = StoreHealth()


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSnapshot:
    """Everything that `cpd status` shows."""

    identity: StationIdentity
    uptime_s: float
    now: datetime
    clock_source: ClockSource
    clock_trusted: bool
    link: LinkSnapshot
    queued: int
    dead: int
    hal_backend: str
    hal_process: str
    connectors: tuple[ConnectorSnapshot, ...]
    store: StoreHealth = _WELL
