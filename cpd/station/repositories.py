"""What the station needs kept, and the promise that it is kept.

`cpd.storage` implements these over SQLite. Repositories are used only inside `Store.commit` and `Store.relaxed`,
whose work runs on the store's own thread as one SQL transaction.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from cpd.domain.authorization import IdTagInfo
from cpd.domain.availability import Origin
from cpd.domain.diagnostics import DiagnosticsStatus, Upload
from cpd.domain.firmware import FirmwareStatus, FirmwareUpdate
from cpd.domain.local_limits import LocalLimit
from cpd.domain.local_list import ListUpdate
from cpd.domain.metering import MeterSample
from cpd.domain.profile_book import InstalledProfile
from cpd.domain.register import Register
from cpd.domain.reservations import Reservation
from cpd.domain.transactions import FactKind, Moment, Transaction, UndatedBoot

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A fact that waits for the CSMS. *seq* is its place in the strict order of delivery, None while it goes
    straight out and was never written.

    *transaction* is the transaction as it is stored now, so that ids are filled in at send time. *sample* is set
    for METERED. *attempts* counts sends that were not answered well; *dead* entries wait for a technician.
    """

    seq: int | None
    kind: FactKind
    transaction: Transaction
    sample: MeterSample | None
    attempts: int
    last_error: str | None
    dead: bool
    created: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVariable:
    """A configuration value that differs from the file's, and who set it: ``csms`` or ``local``."""

    value: str
    source: Literal["csms", "local"]


FileStatus = FirmwareStatus | DiagnosticsStatus
"""A step of a firmware update, or of an upload of diagnostics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UntoldStatus:
    """A step that the CSMS is to be told, in the order of *seq*."""

    seq: int
    status: FileStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMachine:
    """A machine by what it says of itself, hashed, and the charge point that it was.

    *held_on*: the other machine at whose first start what this one had not told was held back; None: none.
    """

    identity: str
    station_id: str
    held_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedCall:
    """What somebody changed through the control socket; *params* is JSON without secrets, *at* None where unknown."""

    uid: int
    method: str
    params: str
    at: datetime | None


class ProfileRepository(Protocol):
    """Installed charging profiles."""

    def all(self) -> Sequence[InstalledProfile]:
        """Every stored profile in the order of its arrival."""

    def replace(self, added: InstalledProfile, removed: Sequence[InstalledProfile]) -> None:
        """Put *added* in the place of *removed*."""

    def remove(self, removed: Sequence[InstalledProfile]) -> None:
        """Take profiles out; unknown ones are no error."""


class TransactionRepository(Protocol):
    """Transactions, running and ended."""

    def next_order(self) -> int:
        """A number larger than every transaction's *order*."""

    def put(self, transaction: Transaction) -> None:
        """Insert or replace by *local_id*; the CSMS's number, once kept, is never taken back."""

    def number(
        self, local_id: str, csms_id: int, *, refused: bool = False, parent_id_tag: str | None = None
    ) -> None:
        """Keep the number that the CSMS gave a transaction, whether it refused its idTag, and its group if told."""

    def metered(self, local_id: str, last_meter_wh: int) -> None:
        """Keep the last register of a running transaction; a lower one than kept is ignored."""

    def told(self, local_id: str) -> bool:
        """True where the CSMS has given a transaction its number, or a fact of it is kept for the CSMS."""

    def running(self) -> Sequence[Transaction]:
        """Transactions whose stop is not booked, oldest first."""

    def recent(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        """The newest *limit* transactions, newest first, each with: has the CSMS taken all of it?"""

    def date(self, boot: str, at_zero: datetime) -> None:
        """Date every undated moment of *boot*: *at_zero* is the wall time at which its monotonic clock was 0."""

    def date_start(self, local_id: str, at: datetime) -> None:
        """Date the start of a transaction, where it has no date yet."""

    def undated(self) -> Sequence[UndatedBoot]:
        """The boots of which moments of transactions have no date, newest first."""

    def latest(self) -> datetime | None:
        """The latest date of a transaction; None where there is none."""

    def prune(self, before: datetime) -> int:
        """Forget what ended before *before* and is delivered to the last entry; returns how many."""


class JournalRepository(Protocol):
    """Facts on their way to the CSMS, strictly in order."""

    def append(
        self, kind: FactKind, local_id: str, created: Moment, sample: MeterSample | None = None
    ) -> int:
        """Add a fact at the end; returns its *seq*."""

    def head(self) -> JournalEntry | None:
        """The first living entry, or None."""

    def delivered(self, seq: int) -> bool:
        """The CSMS has it: remove the entry; False where it is gone already."""

    def failed(self, seq: int, error: str) -> None:
        """One attempt more was in vain."""

    def bury(self, seq: int, error: str) -> bool:
        """Give an entry up: keep it for a technician, out of the way of the others; False where it is gone."""

    def revive(self, seq: int) -> bool:
        """Put a dead entry back in its place with no attempts; False where there is none."""

    def entries(self, *, dead: bool | None = None) -> Sequence[JournalEntry]:
        """All entries in order, or only the dead or the living ones."""

    def counts(self) -> tuple[int, int]:
        """How many wait, and how many are dead."""

    def thin(self, quota_bytes: int, *, spared: Collection[int]) -> int:
        """Where the store takes more than *quota_bytes*, drop every other sample of each transaction, dead ones too.

        The first and the last of a transaction stay, those numbered *spared*, and whatever is no sample of a grid.
        Returns how many went.
        """


class VariableRepository(Protocol):
    """Configuration values that were changed at run time; they win over the file."""

    def all(self) -> Mapping[str, StoredVariable]:
        """By key, as it is spelt in the specification."""

    def put(self, key: str, variable: StoredVariable) -> None:
        """Keep a value."""

    def remove(self, key: str) -> None:
        """Forget a value: the file's holds again."""


class AuthorizationCacheRepository(Protocol):
    """The last answer of the CSMS about each idTag, compared without regard to case."""

    def get(self, id_tag: str) -> IdTagInfo | None:
        """What is known of *id_tag*."""

    def put(self, id_tag: str, info: IdTagInfo) -> None:
        """Remember an answer."""

    def clear(self) -> None:
        """Forget all answers, and nothing else."""


class LocalListRepository(Protocol):
    """The local authorization list, compared without regard to case; one that is not whole any more is emptied."""

    def version(self) -> int:
        """The version of the last update; 0 while the list is empty."""

    def get(self, id_tag: str) -> IdTagInfo | None:
        """What the list says of *id_tag*."""

    def apply(self, update: ListUpdate) -> int:
        """Make *update*, and forget cached answers about what is listed; returns how long the list is then."""


class AvailabilityRepository(Protocol):
    """Operative states as they were answered, by who said so and the connector (0: the station)."""

    def all(self) -> Mapping[tuple[Origin, int], bool]:
        """True is Operative; what was never said is absent."""

    def put(self, changes: Mapping[tuple[Origin, int], bool]) -> None:
        """Keep what was said."""


class LocalLimitRepository(Protocol):
    """What people at the charger allow for a while, at most one limit for each connector."""

    def all(self) -> Sequence[LocalLimit]:
        """Every limit that was not removed, ended or not."""

    def put(self, limit: LocalLimit) -> None:
        """Keep *limit* in the place of its connector's."""

    def remove(self, connector: int) -> None:
        """Forget the limit of *connector*; no error where there is none."""


class ReservationRepository(Protocol):
    """Reservations that were neither used nor cancelled."""

    def all(self) -> Sequence[Reservation]:
        """Every reservation that was not removed, over or not."""

    def put(self, reservation: Reservation) -> None:
        """Keep *reservation* in the place of the one with its id."""

    def remove(self, reservation_id: int) -> None:
        """Forget a reservation; no error where there is none."""


class FirmwareRepository(Protocol):
    """The firmware update on its way."""

    def update(self) -> FirmwareUpdate | None:
        """The update, None where there is none."""

    def put(self, update: FirmwareUpdate) -> None:
        """Keep *update* in the place of any other."""

    def remove(self) -> None:
        """Forget the update; no error where there is none."""


class DiagnosticsRepository(Protocol):
    """The file of diagnostics on its way."""

    def upload(self) -> Upload | None:
        """The upload, None where there is none."""

    def put(self, upload: Upload) -> None:
        """Keep *upload* in the place of any other."""

    def remove(self) -> None:
        """Forget the upload; no error where there is none."""


class FileStatusRepository(Protocol):
    """What the CSMS is to be told of firmware and diagnostics."""

    def tell(self, status: FileStatus) -> UntoldStatus:
        """The CSMS is to be told *status*, behind what waits."""

    def told(self, seq: int) -> None:
        """It need not be told any more; no error where it was not to be."""

    def untold(self) -> Sequence[UntoldStatus]:
        """All that is to be told, in order."""


class TransactionSampleRepository(Protocol):
    """What the meter said during a transaction, for its StopTransaction."""

    def append(self, local_id: str, samples: Sequence[MeterSample], *, at_most: int) -> None:
        """Add samples of a transaction; where it has more than *at_most* then, half of them go, evenly in time."""

    def of(self, local_id: str) -> Sequence[MeterSample]:
        """The samples of a transaction in the order in which they were taken."""

    def remove(self, local_id: str) -> None:
        """Forget the samples of a transaction; no error where there are none."""


class RegisterRepository(Protocol):
    """The lifetime energy register of each connector."""

    def all(self) -> Mapping[int, Register]:
        """By connector; one whose meter was never read is absent."""

    def put(self, connector: int, register: Register) -> None:
        """Keep a register."""


class AuditRepository(Protocol):
    """What people changed through the control socket."""

    def append(self, *, uid: int, method: str, params: str, at: Moment) -> None:
        """Record one mutating call."""

    def recent(self, limit: int) -> Sequence[AuditedCall]:
        """The newest *limit* calls, newest first."""

    def prune(self, before: datetime) -> int:
        """Forget calls made before *before*; returns how many."""


class MachineRepository(Protocol):
    """The machine that the store belongs to."""

    def get(self) -> KnownMachine | None:
        """The machine; None in a store that has met none yet."""

    def put(self, machine: KnownMachine) -> None:
        """Keep *machine* in the place of any other."""


class Repositories(Protocol):
    """All repositories of one SQL transaction."""

    @property
    def profiles(self) -> ProfileRepository: ...
    @property
    def transactions(self) -> TransactionRepository: ...
    @property
    def journal(self) -> JournalRepository: ...
    @property
    def variables(self) -> VariableRepository: ...
    @property
    def authorizations(self) -> AuthorizationCacheRepository: ...
    @property
    def local_list(self) -> LocalListRepository: ...
    @property
    def availability(self) -> AvailabilityRepository: ...
    @property
    def audit(self) -> AuditRepository: ...
    @property
    def machine(self) -> MachineRepository: ...
    @property
    def local_limits(self) -> LocalLimitRepository: ...
    @property
    def transaction_samples(self) -> TransactionSampleRepository: ...
    @property
    def registers(self) -> RegisterRepository: ...
    @property
    def reservations(self) -> ReservationRepository: ...
    @property
    def firmware(self) -> FirmwareRepository: ...
    @property
    def diagnostics(self) -> DiagnosticsRepository: ...
    @property
    def file_statuses(self) -> FileStatusRepository: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """What a technician should know of the store, in sentences; None where there is nothing to know.

    *failure*: why a work failed; the next one that writes takes it back. *damage*: this start found the
    store damaged; what was saved, and where the damaged one is now. *moved*: it seems to be another machine's.
    """

    failure: str | None = None
    damage: str | None = None
    moved: str | None = None


class Store(Protocol):
    """The store, used from the event loop; both calls raise `StorageError` with nothing changed."""

    @property
    def health(self) -> StoreHealth:
        """Whether it takes what it is given."""

    async def commit(self, work: Callable[[Repositories], T]) -> T:
        """Run *work* as one SQL transaction that survives a power cut once this returns."""

    async def relaxed(self, work: Callable[[Repositories], T]) -> T:
        """Run *work* as one SQL transaction that a power cut may undo whole (queue deletions, reads, traces)."""
