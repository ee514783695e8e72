"""What the station needs kept, and the promise that it is kept.

`cpd.storage` implements these over SQLite. Repositories are used only inside `Store.commit` and `Store.relaxed`,
whose work runs on the store's own thread as one SQL transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from cpd.domain.authorization import IdTagInfo
from cpd.domain.metering import MeterSample
from cpd.domain.profile_book import InstalledProfile
from cpd.domain.transactions import FactKind, Moment, Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A fact that waits for the CSMS. *seq* is its place in the strict order of delivery.

    *transaction* is the transaction as it is stored now, so that ids are filled in at send time. *sample* is set
    for METERED. *attempts* counts sends that were not answered well; *dead* entries wait for a technician.
    """

    seq: int
    kind: FactKind
    transaction: Transaction
    sample: MeterSample | None
    attempts: int
    last_error: str | None
    dead: bool
    created: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAvailability:
    """Whether a connector (0: the station) is operative, and the change that waits for a transaction to end."""

    operative: bool
    scheduled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVariable:
    """A configuration value that differs from the file's, and who set it: ``csms`` or ``local``."""

    value: str
    source: Literal["csms", "local"]


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

    def number(self, local_id: str, csms_id: int) -> None:
        """Keep the number that the CSMS gave a transaction."""

    def metered(self, local_id: str, last_meter_wh: int) -> None:
        """Keep the last register of a running transaction; a lower one than kept is ignored."""

    def running(self) -> Sequence[Transaction]:
        """Transactions whose stop is not booked, oldest first."""

    def recent(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        """The newest *limit* transactions, newest first, each with: has the CSMS taken all of it?"""

    def date(self, boot: str, at_zero: datetime) -> None:
        """Date every undated moment of *boot*: *at_zero* is the wall time at which its monotonic clock was 0."""

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

    def delivered(self, seq: int) -> None:
        """The CSMS has it: remove the entry."""

    def failed(self, seq: int, error: str) -> None:
        """One attempt more was in vain."""

    def bury(self, seq: int, error: str) -> None:
        """Give an entry up: keep it for a technician, out of the way of the others."""

    def revive(self, seq: int) -> bool:
        """Put a dead entry back in its place with no attempts; False where there is none."""

    def entries(self, *, dead: bool | None = None) -> Sequence[JournalEntry]:
        """All entries in order, or only the dead or the living ones."""

    def counts(self) -> tuple[int, int]:
        """How many wait, and how many are dead."""


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


class AvailabilityRepository(Protocol):
    """Operative states as they were answered."""

    def all(self) -> Mapping[int, StoredAvailability]:
        """By connector; a connector never changed is absent (operative)."""

    def put(self, connector: int, availability: StoredAvailability) -> None:
        """Keep a state."""


class AuditRepository(Protocol):
    """What people changed through the control socket."""

    def append(self, *, uid: int, method: str, params: str, at: Moment) -> None:
        """Record one mutating call."""

    def prune(self, before: datetime) -> int:
        """Forget calls made before *before*; returns how many."""


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
    def availability(self) -> AvailabilityRepository: ...
    @property
    def audit(self) -> AuditRepository: ...


class Store(Protocol):
    """The store, used from the event loop; both calls raise `StorageError` with nothing changed."""

    async def commit(self, work: Callable[[Repositories], T]) -> T:
        """Run *work* as one SQL transaction that survives a power cut once this returns."""

    async def relaxed(self, work: Callable[[Repositories], T]) -> T:
        """Run *work* as one SQL transaction that a power cut may undo whole (queue deletions, reads, traces)."""
