"""Which connectors are in service, by whose word: ChangeAvailability (OCPP 1.6 §5.2) and people at the charger.

A connector is in service where nobody has set it, or the station as a whole, Inoperative. What runs on it goes on
to its end all the same, so a change that has to wait needs no state of its own.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cpd.domain.profiles import STATION


class Origin(StrEnum):
    """Who set a connector Inoperative; the first one is named where both did."""

    CSMS = "csms"
    LOCAL = "local"


class AvailabilityOutcome(StrEnum):
    """Answer to a change (OCPP 1.6 §7.3 AvailabilityStatus)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


@dataclass(frozen=True, slots=True)
class Availability:
    """What was said last of each connector, 0 being the station; nothing said means Operative."""

    operative: Mapping[tuple[Origin, int], bool]

    def changes(
        self, origin: Origin, connector: int, operative: bool, connectors: Iterable[int]
    ) -> Mapping[tuple[Origin, int], bool]:
        """What *origin* says by setting *connector*; for the station it says the same of all *connectors*."""
        named = (STATION, *connectors) if connector == STATION else (connector,)
        return {(origin, one): operative for one in named}

    def changed(self, changes: Mapping[tuple[Origin, int], bool]) -> "Availability":
        """The availability after *changes*."""
        return Availability({**self.operative, **changes})

    def withdrawn_by(self, connector: int) -> Origin | None:
        """Whose word keeps *connector* out of service, None where it is in service; the station's goes first."""
        for origin in Origin:
            if not all(self.operative.get((origin, one), True) for one in (STATION, connector)):
                return origin
        return None


def outcome_of(operative: bool, connector: int, busy: Collection[int]) -> AvailabilityOutcome:
    """The answer to a change that is kept; *busy* are the connectors on which a transaction runs."""
    waits = bool(busy) if connector == STATION else connector in busy
    return AvailabilityOutcome.SCHEDULED if waits and not operative else AvailabilityOutcome.ACCEPTED
