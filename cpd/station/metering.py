"""Takes meter samples: on the grid of each running transaction, and when somebody asks."""

import asyncio
import logging
from collections.abc import Mapping

from cpd.domain.metering import MeterSample, SampleContext, next_sample_at
from cpd.domain.transactions import Transaction
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.csms import Csms
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.repositories import Store
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from hal.evse import Evse

log = logging.getLogger(__name__)

FRESH_S = 10.0
"""A reading older than this is not reported as the present truth."""

KEEP_S = 300.0
"""The register of a running transaction is kept in the store at least this often."""


class MeterSampler:
    """Samples every running transaction each MeterValueSampleInterval, counted from its start."""

    def __init__(
        self,
        evses: Mapping[int, Evse],
        *,
        ledger: Ledger,
        journal: Journal,
        store: Store,
        configuration: Configuration,
        csms: Csms,
        timebase: Timebase,
        replan: Signal,
        nominal_v: Mapping[int, int],
    ) -> None:
        self._evses = evses
        self._ledger = ledger
        self._journal = journal
        self._store = store
        self._configuration = configuration
        self._csms = csms
        self._timebase = timebase
        self._replan = replan
        self._nominal_v = nominal_v
        self._due_s: dict[tuple[str, int], float] = {}
        self._kept_s: dict[str, float] = {}

    async def run(self) -> None:
        """Sample for ever; *replan* tells of transactions that begin or end, and of changed keys."""
        while True:
            self._plan()
            now_s = self._timebase.clock.monotonic_s()
            wait_s = min(self._due_s.values()) - now_s if self._due_s else None
            try:
                async with asyncio.timeout(wait_s):
                    await self._replan.wait()
            except TimeoutError:
                await self._sample_due()

    def sample(self, connector: int, context: SampleContext) -> MeterSample | None:
        """What the meter of *connector* says now; None where it says nothing.

        A transaction that runs there remembers it: its stop is never told lower than what was told before.
        """
        snapshot = self._evses[connector].snapshot()
        reading = snapshot.meter
        if reading is None:
            return None
        if connector in self._ledger.running:
            self._ledger.metered(connector, reading.energy_wh)
        fresh = self._timebase.clock.monotonic_s() - reading.at_s <= FRESH_S
        return MeterSample(
            taken=self._timebase.moment(),
            context=context,
            energy_wh=reading.energy_wh,
            power_w=reading.power_w if fresh else None,
            current_ma=reading.current_ma if fresh else None,
            voltage_mv=reading.voltage_mv if fresh else None,
            offered_ma=snapshot.offer_ma,
            offered_w=snapshot.offer_ma * snapshot.phases * self._nominal_v[connector] // 1_000,
        )

    def _plan(self) -> None:
        interval_s = self._configuration.variables.integer("MeterValueSampleInterval")
        now_s = self._timebase.clock.monotonic_s()
        running = self._running
        planned: dict[tuple[str, int], float] = {}
        for transaction in running:
            key = (transaction.local_id, interval_s)
            due_s = self._due_s.get(key, self._next_s(transaction, interval_s, now_s))
            if due_s is not None:
                planned[key] = due_s
        self._due_s = planned
        self._kept_s = {one.local_id: self._kept_s.get(one.local_id, now_s) for one in running}

    def _next_s(self, transaction: Transaction, interval_s: int, now_s: float) -> float | None:
        started_s = (
            transaction.started.monotonic_s if transaction.started.boot == self._timebase.boot else now_s
        )
        return next_sample_at(started_s, interval_s, now_s)

    async def _sample_due(self) -> None:
        now_s = self._timebase.clock.monotonic_s()
        due = [key for key, due_s in self._due_s.items() if due_s <= now_s]
        for local_id, _ in due:
            # One sample may wait for the store while the transaction of another one ends.
            transaction = next((one for one in self._running if one.local_id == local_id), None)
            sample = None
            if transaction is not None:
                sample = self.sample(transaction.connector, SampleContext.PERIODIC)
            if transaction is not None and sample is not None:
                await self._take(transaction.connector, sample)
        for key in due:
            del self._due_s[key]

    @property
    def _running(self) -> list[Transaction]:
        """The transactions that are sampled: one that is being stopped has its last reading in StopTransaction."""
        return [one for one in self._ledger.running.values() if one.stop_reason is None]

    async def _take(self, connector: int, sample: MeterSample) -> None:
        transaction = self._ledger.running[connector]
        try:
            await self._journal.sample(transaction, sample, answered=self._csms.online)
            if sample.taken.monotonic_s - self._kept_s[transaction.local_id] >= KEEP_S:
                self._kept_s[transaction.local_id] = sample.taken.monotonic_s
                await self._store.relaxed(
                    lambda repositories: repositories.transactions.metered(
                        transaction.local_id, transaction.last_meter_wh
                    )
                )
        except StorageError as error:
            log.error("sample connector=%d is lost, the store refuses it: %s", connector, error)
