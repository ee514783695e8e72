"""What the control interface asks of the daemon; it knows neither sockets nor JSON.

Methods return at once and never wait for the CSMS; the asynchronous ones wait at most for the store.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cpd.control.api import ErrorCode, TraceDocument
from cpd.domain.availability import AvailabilityOutcome
from cpd.domain.composite import CompositeSchedule
from cpd.domain.diagnostics import Window
from cpd.domain.profile_book import InstalledProfile, ProfileFilter
from cpd.domain.profiles import RateUnit
from cpd.domain.transactions import Transaction
from cpd.domain.variables import ChangeOutcome
from cpd.errors import CpdError
from cpd.settings.changes import Changes
from cpd.station.card_watch import CardSheet
from cpd.station.configuration import ConfigurationKey
from cpd.station.diagnostics import Bundle
from cpd.station.explanation import Explanation
from cpd.station.repositories import JournalEntry
from cpd.station.reset import ResetKind
from cpd.station.snapshot import StationSnapshot
from hal.examination import Finding
from hal.values import FaultKind, UnlockResult


class ControlRefused(CpdError):
    """What was asked will not be done; the text is one sentence, *next_step* what a person may do instead."""

    def __init__(self, code: ErrorCode, message: str, next_step: str) -> None:
        super().__init__(message)
        self.code = code
        self.next_step = next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class EvWishes:
    """What the simulated EV is to want from now on; None leaves a wish as it is."""

    ready: bool | None = None
    max_current_ma: int | None = None
    phases: int | None = None
    ventilation: bool | None = None
    personality: str | None = None


class MockWorld(Protocol):
    """The world around the mock board. What it cannot do it refuses with `ControlRefused`."""

    async def plug_in(self, connector: int, cable_a: int | None) -> None:
        """Plug the EV in; *cable_a* is the ampacity of its cable, None: as before."""

    async def plug_out(self, connector: int) -> None:
        """Unplug the EV."""

    async def ev(self, connector: int, wishes: EvWishes) -> None:
        """Change what the EV wants."""

    async def swipe(self, id_tag: str, connector: int | None) -> None:
        """Present a card; swipes queue."""

    async def press_stop(self, connector: int) -> None:
        """Press the stop button."""

    async def fault(self, connector: int, kind: FaultKind, active: bool) -> None:
        """Raise a fault, or take its cause away."""

    async def deceive(self, connector: int, defect: str, active: bool) -> None:
        """Let a part deceive the outlet, or mend it."""

    async def meter(self, connector: int, energy_wh: int | None, voltage_mv: int | None) -> None:
        """Set the simulated register or the mains voltage; None leaves it as it is."""


class ControlTarget(Protocol):
    """The daemon as a technician sees it. Every method may raise `ControlRefused`.

    The server has checked the types and ranges of all arguments, and that *connector* exists.
    """

    def snapshot(self) -> StationSnapshot:
        """Everything that the status shows."""

    async def changed(self) -> None:
        """Return after the next change of anything in `snapshot`; may return without need."""

    def dated(self, monotonic_s: float) -> datetime | None:
        """The wall time of an instant of this boot, None while the clock is not trusted."""

    def schedule(self, connector: int, duration_s: int, unit: RateUnit | None) -> CompositeSchedule:
        """The composite schedule from now on; *connector* 0 is the station."""

    def profiles(self) -> Sequence[InstalledProfile]:
        """The installed charging profiles."""

    def profile_document(self, installed: InstalledProfile) -> dict[str, object]:
        """The profile as the CSMS would send it."""

    async def clear_profiles(self, which: ProfileFilter) -> int:
        """Remove profiles; returns how many went."""

    async def transactions(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        """The newest *limit* transactions, newest first, each with: has the CSMS taken all of it?"""

    async def set_local_limit(self, connector: int, current_ma: int, for_s: int) -> datetime:
        """Hold *connector* to *current_ma* for *for_s* seconds; returns the end. Refused where it would not lower."""

    def skip_delay(self, connector: int) -> bool:
        """End the random delay of *connector*; False where none runs."""

    async def end_local_limit(self, connector: int) -> None:
        """End the local limit of *connector*; without effect where there is none."""

    async def queue(self, dead: bool | None) -> Sequence[JournalEntry]:
        """What the CSMS has not taken, in the order of delivery; *dead*: only what was given up, or only the rest."""

    async def retry(self, seqs: Collection[int]) -> Sequence[JournalEntry]:
        """Let the dead messages of these numbers wait again, and the stop of each start; returns what waits anew."""

    def configuration(self) -> Sequence[ConfigurationKey]:
        """All configuration keys, in the order in which they are to be shown."""

    async def set_configuration(self, key: str, value: str) -> ChangeOutcome:
        """Change a value as ChangeConfiguration would (OCPP 1.6 §5.3)."""

    async def reset_configuration(self, key: str) -> None:
        """Let the file's value hold again."""

    async def explain(self, id_tag: str) -> Explanation:
        """What would become of *id_tag*, and why; the CSMS is not asked."""

    def watch_cards(self) -> CardSheet:
        """From now on cards are only shown, for a minute at most, and while `watched_cards` is asked."""

    async def watched_cards(self, after: int) -> CardSheet:
        """The cards that were shown behind number *after*."""

    async def authorize(self, id_tag: str, connector: int | None) -> None:
        """Go on as if the card had been presented."""

    async def start(self, connector: int, id_tag: str | None) -> None:
        """Start a transaction, once *id_tag* is authorised; None: as the connector does it without a card."""

    async def stop(self, connector: int) -> None:
        """End the transaction; it is going to end also where `StorageError` is raised."""

    async def unlock(self, connector: int) -> UnlockResult:
        """End the transaction and give the plug back, which may take some seconds."""

    async def set_availability(self, connector: int, operative: bool) -> AvailabilityOutcome:
        """Take a connector (0: the station) out of service at the charger, or back."""

    async def acknowledge_fault(self, connector: int, kind: FaultKind) -> bool:
        """Clear a fault that waits for service; False where its cause still stands."""

    async def reload(self) -> Changes:
        """Read the configuration file again, and follow what can be; refused with its mistake, nothing changed."""

    async def accept_machine(self) -> bool:
        """The store belongs to this machine from now on; False where nobody doubted it."""

    def reset(self, kind: ResetKind) -> None:
        """Restart as soon as everything has ended in good order."""

    def csms_hold(self) -> None:
        """Keep the OCPP link down."""

    def csms_release(self) -> None:
        """Let the OCPP link up again, at once."""

    @property
    def mock(self) -> MockWorld | None:
        """The mock's world, None on real hardware."""

    async def trace(self, after: int | None, limit: int, since_s: float | None) -> TraceDocument:
        """The newest *limit* OCPP frames in memory, without secrets; those behind number *after* where that is given.

        With *since_s* instead those of that many seconds, also what only the disk has.
        """

    async def examine(self) -> tuple[Finding, ...]:
        """What every part says of itself now, without side effects; may take some seconds."""

    async def bundle(self, window: Window) -> Bundle:
        """Everything that helps to find out what the charger does, without secrets; may take some seconds."""

    async def audit(self, uid: int, method: str, params: str) -> None:
        """Record who changes what (*params* as JSON, without secrets); raises `StorageError`."""
