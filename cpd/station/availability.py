"""Takes connectors out of service and back, kept before it is answered; the status of the station as a whole.

What is in service follows from what was said and what runs now, so that nothing is left to do when a transaction
ends, or when the power comes back.
"""

import asyncio
import logging
from collections.abc import Callable, Collection

from cpd.domain.availability import Availability, AvailabilityOutcome, Origin, outcome_of
from cpd.domain.connector_status import NO_ERROR, ConnectorStatus
from cpd.domain.profiles import STATION
from cpd.errors import StorageError
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.ledger import Ledger
from cpd.station.repositories import Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

LOCAL_LIST_CONFLICT = "LocalListConflict"
"""The station's error code (OCPP 1.6 §7.6 ChargePointErrorCode)."""


class OperativeStates:
    """Whose word keeps which connector out of service; *changed* is called after each change of it."""

    def __init__(
        self,
        kept: Availability,
        connectors: Collection[int],
        *,
        store: Store,
        ledger: Ledger,
        csms: Csms,
        timebase: Timebase,
        list_contradicted: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        """*list_contradicted*: the CSMS has said otherwise than the list that it gave (OCPP 1.6 §3.5.2)."""
        self._said = kept
        self._connectors = connectors
        self._store = store
        self._ledger = ledger
        self._csms = csms
        self._timebase = timebase
        self._list_contradicted = list_contradicted
        self._changed = changed
        # What was said is read, committed and then replaced: two changes must not read the same.
        self._changing = asyncio.Lock()
        self.report = self._present_report()

    def withdrawn_by(self, connector: int) -> Origin | None:
        """Whose word keeps *connector* out of service, None where it is in service."""
        return self._said.withdrawn_by(connector)

    async def change(self, origin: Origin, connector: int, operative: bool) -> AvailabilityOutcome:
        """Set *connector* (0: the station and all of them); kept, and in force where nothing runs, on return."""
        if connector != STATION and connector not in self._connectors:
            return AvailabilityOutcome.REJECTED
        async with self._changing:
            changes = self._said.changes(origin, connector, operative, self._connectors)
            try:
                await self._store.commit(lambda repositories: repositories.availability.put(changes))
            except StorageError as error:
                log.error("availability connector=%d is refused, the store failed: %s", connector, error)
                return AvailabilityOutcome.REJECTED
            self._said = self._said.changed(changes)
        outcome = outcome_of(operative, connector, self._ledger.running.keys())
        log.info(
            "availability connector=%d operative=%s by=%s %s", connector, operative, origin.value, outcome
        )
        self.look()
        self._changed()
        return outcome

    def look(self) -> None:
        """Tell the CSMS of the station's own status where it has changed."""
        report = self._present_report()
        if (report.status, report.error_code) != (self.report.status, self.report.error_code):
            self.report = report
            self._csms.status_changed(report)

    def _present_report(self) -> ConnectorReport:
        """The station is out of service once nothing runs on it any more."""
        origin = self.withdrawn_by(STATION)
        out_of_service = origin is not None and not self._ledger.running
        info = "STORE_DAMAGED" if self._store.health.damage is not None else None
        if out_of_service and origin is not None:
            info = f"UNAVAILABLE_{origin.upper()}"
        return ConnectorReport(
            connector=STATION,
            status=ConnectorStatus.UNAVAILABLE if out_of_service else ConnectorStatus.AVAILABLE,
            error_code=LOCAL_LIST_CONFLICT if self._list_contradicted() else NO_ERROR,
            info=info,
            since=self._timebase.moment(),
        )
