"""Takes meter samples: on the grid of each running transaction, and when somebody asks."""

import asyncio
import logging
from collections.abc import Callable

from cpd.domain.metering import MeterSample, SampleContext, next_sample_at
from cpd.domain.transactions import Transaction
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.csms import Csms
from cpd.station.journal import Journal
from cpd.station.ledger import Ledger
from cpd.station.readings import Readings
from cpd.station.repositories import Repositories, Store
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from cpd.station.transaction_samples import KEEP_S, TransactionSamples

log = logging.getLogger(__name__)


class MeterSampler:
    """Samples every running transaction each MeterValueSampleInterval, counted from its start."""

    def __init__(
        self,
        readings: Readings,
        samples: TransactionSamples,
        *,
        ledger: Ledger,
        journal: Journal,
        store: Store,
        configuration: Configuration,
        csms: Csms,
        timebase: Timebase,
        replan: Signal,
        keep_register: Callable[[int], Callable[[Repositories], None]],
    ) -> None:
        self._readings = readings
        self._samples = samples
        self._ledger = ledger
        self._journal = journal
        self._store = store
        self._configuration = configuration
        self._csms = csms
        self._timebase = timebase
        self._replan = replan
        self._keep_register = keep_register
        self._due_s: dict[tuple[str, int], float] = {}
        self._kept_s: float | None = None

    async def run(self) -> None:
        """Sample for ever; *replan* tells of transactions that begin or end, and of changed keys."""
        while True:
            self._plan()
            now_s = self._timebase.clock.monotonic_s()
            due_s = [*self._due_s.values(), *([] if self._kept_s is None else [self._kept_s + KEEP_S])]
            try:
                async with asyncio.timeout(min(due_s) - now_s if due_s else None):
                    await self._replan.wait()
            except TimeoutError:
                await self._sample_due()
                await self._keep_in_time()

    def sample(self, connector: int, context: SampleContext) -> MeterSample | None:
        """What the meter of *connector* says now; None where it says nothing.

        A transaction that runs there remembers it: its stop is never told lower than what was told before.
        """
        sample = self._readings.sample(connector, context)
        if sample is not None and sample.energy_wh is not None and connector in self._ledger.running:
            self._ledger.metered(connector, sample.energy_wh)
        return sample

    def speaks(self, connector: int) -> bool:
        """True where `sample` would have something to tell."""
        return self._readings.speaks(connector)

    async def take(self, transaction: Transaction, sample: MeterSample) -> None:
        """A sample of a running transaction: for the CSMS now, and for its StopTransaction."""
        await self._take(transaction, sample, answered=self._csms.online)

    async def interruption(self, context: SampleContext) -> None:
        """What runs is about to be interrupted by a planned restart, or goes on after an interruption.

        A power cut lets nobody measure where it begins: of that one, only the end is told. Everything is kept before
        this returns, as far as the store takes it.
        """
        for transaction in self._running:
            sample = self.sample(transaction.connector, context)
            if sample is not None:
                await self._take(transaction, sample, answered=False)
        await self._keep()

    async def _take(self, transaction: Transaction, sample: MeterSample, *, answered: bool) -> None:
        self._samples.add(transaction, sample)
        if not self._told(sample.context):
            return
        try:
            await self._journal.sample(transaction, sample, answered=answered)
        except StorageError as error:
            log.error("sample connector=%d is lost, the store refuses it: %s", transaction.connector, error)

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
        if not running:
            self._kept_s = None
        elif self._kept_s is None:
            # The start itself was kept just now.
            self._kept_s = now_s
        self._readings.intervals.follow(self._ledger.running)
        self._samples.retain({one.local_id for one in self._ledger.running.values()})

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
                await self.take(self._ledger.running[transaction.connector], sample)
        for key in due:
            del self._due_s[key]

    @property
    def _running(self) -> list[Transaction]:
        """The transactions that are sampled: one that is being stopped has its last reading in StopTransaction."""
        return [one for one in self._ledger.running.values() if one.stop_reason is None]

    def _told(self, context: SampleContext) -> bool:
        key = "MeterValuesAlignedData" if context is SampleContext.CLOCK else "MeterValuesSampledData"
        return bool(self._configuration.variables.names(key))

    async def _keep_in_time(self) -> None:
        if self._kept_s is not None and self._timebase.clock.monotonic_s() >= self._kept_s + KEEP_S:
            await self._keep()

    async def _keep(self) -> None:
        """Keep the registers and the samples of all that runs, in one commit."""
        self._kept_s = self._timebase.clock.monotonic_s()
        for transaction in self._running:
            # Where nothing is sampled, nothing else reads the register.
            self.sample(transaction.connector, SampleContext.TRIGGER)
        running = self._running
        works = [
            work for one in running for work in (self._keep_register(one.connector), self._samples.keep(one))
        ]

        def work(repositories: Repositories) -> None:
            for one in running:
                repositories.transactions.metered(one.local_id, one.last_meter_wh)
            for kept in works:
                kept(repositories)

        try:
            await self._store.relaxed(work)
            await self._journal.keep()
        except StorageError as error:
            log.error("registers of %d transactions are not kept: %s", len(running), error)
