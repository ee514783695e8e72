"""Charging without a card: with the connector's own idTag, where nobody names another.

The CSMS is not asked about that idTag, which the installer chose: its word is the answer to StartTransaction.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cpd.clock import Clock
from cpd.domain.reservations import Driver
from cpd.station.access import Authorisation
from cpd.station.plug import Plug
from cpd.station.reservations import Reservations

OVERRIDE_S = 3.0
"""So long after plugging in a driver may still present a card, or be started by name, to be booked themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoStart:
    """*id_tag* is what a start without a card is booked on; with *free_vend* plugging in is such a start."""

    id_tag: str
    free_vend: bool


class FreeVend:
    """The leave that *connector* gives by itself; *undecided*: somebody is being decided on who may charge there."""

    def __init__(
        self,
        connector: int,
        auto_start: AutoStart | None,
        *,
        plug: Plug,
        reservations: Reservations,
        undecided: Callable[[int], bool],
        clock: Clock,
    ) -> None:
        self._connector = connector
        self._plug = plug
        self._reservations = reservations
        self._undecided = undecided
        self._clock = clock
        self.auto_start = auto_start

    def leave(self) -> Authorisation | None:
        """Leave to charge without a card, once for each plug-in, after everybody who was named."""
        auto_start, from_s = self.auto_start, self._from_s
        if auto_start is None or not auto_start.free_vend or self._plug.ended:
            return None
        if from_s is None or self._clock.monotonic_s() < from_s or self._undecided(self._connector):
            return None
        if not self._reservations.admits(self._connector, Driver(id_tag=auto_start.id_tag)):
            return None
        return Authorisation(id_tag=auto_start.id_tag, parent_id_tag=None, until_s=float("inf"))

    @property
    def deadline_s(self) -> float | None:
        """The instant (monotonic) from which there may be leave; None where there is nobody to get it."""
        return self._from_s if self.auto_start is not None and self.auto_start.free_vend else None

    @property
    def _from_s(self) -> float | None:
        plugged_at_s = self._plug.plugged_at_s
        return None if plugged_at_s is None else plugged_at_s + OVERRIDE_S
