"""What the store has kept of a station when it starts, read at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cpd.domain.availability import Availability
from cpd.domain.diagnostics import Upload
from cpd.domain.firmware import FirmwareUpdate
from cpd.domain.local_limits import LocalLimit
from cpd.domain.profile_book import InstalledProfile
from cpd.domain.register import Register
from cpd.domain.reservations import Reservation
from cpd.domain.transactions import Transaction, UndatedBoot
from cpd.station.repositories import Repositories, StoredVariable, UntoldStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """*running* are transactions that were interrupted; *queued* and *dead* count the facts for the CSMS.

    *undated* are the boots whose wall clock was never set, newest first; *latest* is the latest date of all.
    """

    profiles: tuple[InstalledProfile, ...]
    running: tuple[Transaction, ...]
    variables: Mapping[str, StoredVariable]
    availability: Availability
    local_limits: tuple[LocalLimit, ...]
    registers: Mapping[int, Register]
    reservations: tuple[Reservation, ...]
    firmware: FirmwareUpdate | None
    diagnostics: Upload | None
    file_statuses: tuple[UntoldStatus, ...]
    queued: int
    dead: int
    next_order: int
    undated: tuple[UndatedBoot, ...]
    latest: datetime | None


def read_kept(repositories: Repositories) -> Kept:
    """Everything that a station starts from."""
    queued, dead = repositories.journal.counts()
    return Kept(
        profiles=tuple(repositories.profiles.all()),
        running=tuple(repositories.transactions.running()),
        variables=dict(repositories.variables.all()),
        availability=Availability(dict(repositories.availability.all())),
        local_limits=tuple(repositories.local_limits.all()),
        registers=repositories.registers.all(),
        reservations=tuple(repositories.reservations.all()),
        firmware=repositories.firmware.update(),
        diagnostics=repositories.diagnostics.upload(),
        file_statuses=tuple(repositories.file_statuses.untold()),
        queued=queued,
        dead=dead,
        next_order=repositories.transactions.next_order(),
        undated=tuple(repositories.transactions.undated()),
        latest=repositories.transactions.latest(),
    )
