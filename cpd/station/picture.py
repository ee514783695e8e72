"""The station as others see it: the status for technicians, the reports for the CSMS, the list of transactions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cpd.domain.transactions import Transaction
from cpd.station.availability import OperativeStates
from cpd.station.connector import ConnectorTask
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.limits import LimitScheduler
from cpd.station.repositories import Store
from cpd.station.snapshot import ConnectorSnapshot, StationIdentity, StationSnapshot
from cpd.station.timebase import Timebase


class Picture:
    """Puts together what is true of the station now; it changes nothing."""

    def __init__(
        self,
        connectors: Mapping[int, ConnectorTask],
        *,
        identity: StationIdentity,
        hal_backend: str,
        hal_process: str,
        availability: OperativeStates,
        ledger: Ledger,
        limits: LimitScheduler,
        journal: Journal,
        store: Store,
        csms: Csms,
        timebase: Timebase,
    ) -> None:
        self._connectors = connectors
        self._identity = identity
        self._hal_backend = hal_backend
        self._hal_process = hal_process
        self._availability = availability
        self._ledger = ledger
        self._limits = limits
        self._journal = journal
        self._store = store
        self._csms = csms
        self._timebase = timebase

    @property
    def reports(self) -> tuple[ConnectorReport, ...]:
        """The present status of the station (connector 0) and of every connector."""
        return (self._availability.report, *(task.report for task in self._connectors.values()))

    def snapshot(self) -> StationSnapshot:
        """Everything that is true now."""
        clock = self._timebase.clock
        return StationSnapshot(
            identity=self._identity,
            uptime_s=self._timebase.uptime_s,
            now=clock.now(),
            clock_source=clock.source,
            clock_trusted=clock.trusted,
            link=self._csms.link,
            queued=self._journal.queued,
            dead=self._journal.dead,
            hal_backend=self._hal_backend,
            hal_process=self._hal_process,
            connectors=tuple(self._connector_snapshot(task) for task in self._connectors.values()),
            store=self._store.health,
        )

    async def transactions(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        """The newest *limit* transactions, newest first, each with: has the CSMS taken all of it?

        Running ones are as they are now, what they have taken included. Raises `StorageError`.
        """
        recent = await self._store.relaxed(lambda repositories: repositories.transactions.recent(limit))
        return [(self._as_it_runs(transaction), delivered) for transaction, delivered in recent]

    def _as_it_runs(self, kept: Transaction) -> Transaction:
        running = self._ledger.running.get(kept.connector)
        if running is None or running.local_id != kept.local_id:
            return kept
        meter = self._connectors[kept.connector].evse.snapshot().meter
        register_wh = 0 if meter is None else meter.energy_wh
        return replace(running, last_meter_wh=max(running.last_meter_wh, register_wh))

    def _connector_snapshot(self, task: ConnectorTask) -> ConnectorSnapshot:
        outlet = task.evse.snapshot()
        transaction = task.transaction
        meter = outlet.meter
        limit = self._limits.applied[task.id].limit
        energy_wh = None
        if transaction is not None and meter is not None:
            energy_wh = max(meter.energy_wh, transaction.last_meter_wh) - transaction.meter_start_wh
        return ConnectorSnapshot(
            id=task.id,
            status=task.report.status,
            error_code=task.report.error_code,
            operative=task.operative,
            outlet=outlet,
            meter_age_s=None if meter is None else self._timebase.clock.monotonic_s() - meter.at_s,
            limit=limit,
            limit_until=self._timebase.wall_time(limit.valid_until_s),
            offer_ma=outlet.offer_ma,
            transaction=transaction,
            transaction_started_at=None if transaction is None else self._timebase.date(transaction.started),
            transaction_energy_wh=energy_wh,
            reservation=task.reservation,
            blockers=task.blockers(),
        )
