"""The meter samples that go with a StopTransaction: kept as they are taken, few enough for any length of session.

The first goes into the store with the start of its transaction and the last with its end. What lies between is
written every `KEEP_S`, so that a power cut costs no more than that and the SD card is spared.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.transactions import Transaction
from cpd.station.configuration import Configuration
from cpd.station.readings import Readings
from cpd.station.repositories import Repositories, Store

KEEP_S = 300.0
"""What is known of a running transaction's meter is kept in the store at least this often."""

MOST_KEPT = 600
"""With more than this of one transaction half of them are dropped, evenly in time."""

_KEYS = {SampleContext.CLOCK: "StopTxnAlignedData"}


class TransactionSamples:
    """Keeps the samples that StopTxnSampledData and StopTxnAlignedData ask for."""

    def __init__(self, store: Store, configuration: Configuration, readings: Readings) -> None:
        self._store = store
        self._configuration = configuration
        self._readings = readings
        self._unwritten: dict[str, list[MeterSample]] = {}

    def add(self, transaction: Transaction, sample: MeterSample) -> None:
        """Take a sample of a running transaction; one that no key asks for is dropped."""
        if self._asked_for(sample.context):
            self._unwritten.setdefault(transaction.local_id, []).append(sample)

    def keep(self, transaction: Transaction) -> Callable[[Repositories], None]:
        """The work that keeps what is not written yet of a running transaction; where it fails, that is lost."""
        return _appending(transaction.local_id, self._unwritten.pop(transaction.local_id, []))

    def retain(self, running: Collection[str]) -> None:
        """Only the transactions with these keys run: nothing more comes of the others."""
        self._unwritten = {key: samples for key, samples in self._unwritten.items() if key in running}

    def bracket(self, transaction: Transaction, context: SampleContext) -> Callable[[Repositories], None]:
        """The work that keeps the first or the last sample of *transaction*, in the SQL transaction of its fact.

        With the last one goes what is not written yet; where the work failed, it is asked for again.
        """
        local_id = transaction.local_id
        samples = list(self._unwritten.get(local_id, ()))
        if self._asked_for(context):
            samples.append(self._edge(transaction, context))

        return _appending(local_id, samples)

    async def of(self, transaction: Transaction) -> Sequence[MeterSample]:
        """What goes with the StopTransaction of *transaction*, in order. Raises `StorageError`."""
        return await self._store.relaxed(
            lambda repositories: repositories.transaction_samples.of(transaction.local_id)
        )

    def _asked_for(self, context: SampleContext) -> bool:
        return bool(self._configuration.variables.names(_KEYS.get(context, "StopTxnSampledData")))

    def _edge(self, transaction: Transaction, context: SampleContext) -> MeterSample:
        """The register that the start or the stop itself tells, with what else the meter says now."""
        taken, energy_wh = transaction.started, transaction.meter_start_wh
        if transaction.stopped is not None and transaction.meter_stop_wh is not None:
            taken, energy_wh = transaction.stopped, transaction.meter_stop_wh
        now = self._readings.sample(transaction.connector, context)
        if now is not None:
            interval_wh = self._readings.intervals.energy_wh(transaction.connector, context, energy_wh)
            return replace(now, taken=taken, energy_wh=energy_wh, interval_wh=interval_wh)
        return MeterSample(
            taken=taken,
            context=context,
            energy_wh=energy_wh,
            power_w=None,
            current_ma=None,
            voltage_mv=None,
            offered_ma=0,
            offered_w=0,
        )


def _appending(local_id: str, samples: Sequence[MeterSample]) -> Callable[[Repositories], None]:
    def work(repositories: Repositories) -> None:
        if samples:
            repositories.transaction_samples.append(local_id, samples, at_most=MOST_KEPT)

    return work
