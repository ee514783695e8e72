"""What the store has kept of a station when it starts, read at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from cpd.domain.profile_book import InstalledProfile
from cpd.domain.transactions import Transaction
from cpd.station.repositories import Repositories, StoredAvailability, StoredVariable


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """*running* are transactions that were interrupted; *queued* and *dead* count the facts for the CSMS."""

    profiles: tuple[InstalledProfile, ...]
    running: tuple[Transaction, ...]
    variables: Mapping[str, StoredVariable]
    availability: Mapping[int, StoredAvailability]
    queued: int
    dead: int
    next_order: int


def read_kept(repositories: Repositories) -> Kept:
    """Everything that a station starts from."""
    queued, dead = repositories.journal.counts()
    return Kept(
        profiles=tuple(repositories.profiles.all()),
        running=tuple(repositories.transactions.running()),
        variables=dict(repositories.variables.all()),
        availability=dict(repositories.availability.all()),
        queued=queued,
        dead=dead,
        next_order=repositories.transactions.next_order(),
    )
