"""One connector's plug: since when a vehicle is there, what it may still want, and whether the socket keeps it."""

import logging

from cpd.clock import Clock
from cpd.domain.authorization import same_id_tag
from cpd.domain.transactions import StopReason, Transaction
from cpd.station.configuration import Configuration
from hal.evse import Evse
from hal.values import LockState, PilotState

log = logging.getLogger(__name__)


class Plug:
    """The plug of one outlet, by what its pilot has shown.

    *ended*: a transaction has ended and its plug is still here: the next one begins by somebody's wish only.
    """

    def __init__(self, evse: Evse, clock: Clock, configuration: Configuration) -> None:
        self._evse = evse
        self._clock = clock
        self._configuration = configuration
        self._kept_from: Transaction | None = None
        # Told once in any case: a guard that has outlived an earlier daemon may still hold the plug for that.
        self._held: bool | None = None
        self.plugged_at_s = clock.monotonic_s() if self.is_in else None
        self.ended = False

    @property
    def is_in(self) -> bool:
        """True while a vehicle shows."""
        return self._evse.snapshot().pilot.plugged

    @property
    def is_kept(self) -> bool:
        """True while the socket keeps the cable of a driver whose vehicle is gone: nobody else can plug in."""
        return self._kept_from is not None and not self.is_in

    @property
    def stops_when_pulled(self) -> bool:
        """The present word on a vehicle that is unplugged within its transaction (OCPP 1.6 §9.1)."""
        return self._configuration.variables.boolean("StopTransactionOnEVSideDisconnect")

    @property
    def _keeps_when_pulled(self) -> bool:
        """A transaction that goes on keeps its cable, whatever the key of the lock says (OCPP 1.6 §4.10)."""
        unlocks = self._configuration.variables.boolean("UnlockConnectorOnEVSideDisconnect")
        return not (self.stops_when_pulled and unlocks)

    def seen(self, state: PilotState) -> None:
        """The pilot changed to *state*."""
        if state.plugged and self.plugged_at_s is None:
            self.plugged_at_s = self._clock.monotonic_s()

    def pulled(self, running: Transaction | None) -> None:
        """The vehicle is gone; *running* is the transaction that it leaves behind, where nobody is stopping it."""
        self.plugged_at_s = None
        locks = self._evse.snapshot().lock is not LockState.NONE
        if running is not None and locks and self.stops_when_pulled and self._keeps_when_pulled:
            self._kept_from = running
        self.ended = self._kept_from is not None

    def stopping(self, reason: StopReason | None) -> None:
        """The transaction is to end for *reason*; what is plugged in after an unplugging is another wish."""
        # A pilot that cannot be read unplugs nobody.
        stayed = self.plugged_at_s is not None and reason is not StopReason.EV_DISCONNECTED
        self.ended = self.is_kept or stayed

    def started(self) -> None:
        """A transaction has begun with what is plugged in."""
        self._kept_from = None
        self.ended = False

    def settle(self, running: Transaction | None) -> None:
        """Have the bolt hold the plug, or let it go, by the transaction that is *running* and by the keys."""
        pulled = running is not None and running.stop_reason is StopReason.EV_DISCONNECTED
        goes_on = running is not None and (running.stop_reason is None or pulled)
        held = self._kept_from is not None or (goes_on and self._keeps_when_pulled)
        if held != self._held:
            self._held = held
            self._evse.hold_plug(held)

    def belongs_to(self, id_tag: str | None, parent_id_tag: str | None) -> bool:
        """True where the kept cable is that of *id_tag*, or of its group."""
        owner = self._kept_from
        if owner is None or self.is_in:
            return False
        return same_id_tag(owner.id_tag, id_tag) or same_id_tag(owner.parent_id_tag, parent_id_tag)

    def give_back(self) -> None:
        """Its driver asks for the cable, or somebody on their behalf."""
        self._kept_from = None
        self.ended = self.ended and self.is_in
