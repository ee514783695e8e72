"""Takes meter samples of every connector on the clock's grid: each ClockAlignedDataInterval from midnight UTC."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from cpd.domain.metering import SampleContext, next_aligned_at
from cpd.station.configuration import Configuration
from cpd.station.csms import Csms
from cpd.station.ledger import Ledger
from cpd.station.metering import MeterSampler
from cpd.station.timebase import Timebase


class AlignedSampler:
    """Follows the wall clock and its steps; while nobody vouches for it, nothing is sampled.

    In a transaction a sample belongs to it, and is delivered for sure; outside one it is told or dropped.
    """

    def __init__(
        self,
        connectors: Iterable[int],
        *,
        sampler: MeterSampler,
        ledger: Ledger,
        configuration: Configuration,
        csms: Csms,
        timebase: Timebase,
    ) -> None:
        self._connectors = tuple(connectors)
        self._sampler = sampler
        self._ledger = ledger
        self._configuration = configuration
        self._csms = csms
        self._clock = timebase.clock

    async def run(self) -> None:
        """Sample for ever."""
        async with asyncio.TaskGroup() as tasks:
            replan = asyncio.Event()
            tasks.create_task(self._follow_clock(replan), name="aligned-clock-steps")
            tasks.create_task(self._follow_configuration(replan), name="aligned-configuration")
            while True:
                replan.clear()
                if await self._reached(replan):
                    await self._sample_all()

    async def _follow_clock(self, replan: asyncio.Event) -> None:
        while True:
            await self._clock.stepped()
            replan.set()

    async def _follow_configuration(self, replan: asyncio.Event) -> None:
        while True:
            await self._configuration.changed.wait()
            replan.set()

    async def _reached(self, replan: asyncio.Event) -> bool:
        """Wait for the next instant of the grid; False where it is to be worked out anew."""
        interval_s = self._configuration.variables.integer("ClockAlignedDataInterval")
        now = self._clock.now()
        at = next_aligned_at(now, interval_s) if self._clock.trusted else None
        with suppress(TimeoutError):
            async with asyncio.timeout(None if at is None else (at - now).total_seconds()):
                await replan.wait()
        # The wall clock may be slewed against the monotonic one that timed this wait.
        while at is not None and not replan.is_set() and self._clock.now() < at:
            await self._clock.sleep((at - self._clock.now()).total_seconds())
        return not replan.is_set()

    async def _sample_all(self) -> None:
        for connector in self._connectors:
            transaction = self._ledger.running.get(connector)
            if transaction is not None and transaction.stop_reason is not None:
                # Its last reading goes with its StopTransaction.
                continue
            sample = self._sampler.sample(connector, SampleContext.CLOCK)
            if sample is None:
                continue
            if transaction is not None:
                await self._sampler.take(self._ledger.running[connector], sample)
            else:
                self._csms.metered(connector, sample)
