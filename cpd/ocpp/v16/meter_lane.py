"""Meter values that no journal keeps: those outside of transactions, and those that the CSMS asks for."""

import logging
from collections.abc import Callable

from cpd.domain.metering import MeterSample, SampleContext
from cpd.ocpp.calls import CallFailed
from cpd.ocpp.link import Link
from cpd.ocpp.v16 import translate
from cpd.station.signal import Signal
from cpd.station.station import Station
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)


class MeterLane:
    """Tells the newest value of each connector, or drops it where nobody listens."""

    def __init__(self) -> None:
        self._waiting: dict[int, MeterSample] = {}
        self._put = Signal()

    def put(self, connector: int, sample: MeterSample) -> None:
        """Tell *sample*, unless a newer one comes before its turn."""
        self._waiting[connector] = sample
        self._put.fire()

    async def run(self, station: Station, link: Link, timebase: Timebase, online: Callable[[], bool]) -> None:
        """Send for ever; what comes while not *online* is dropped."""
        while True:
            while not self._waiting:
                await self._put.wait()
            connector = next(iter(self._waiting))
            sample = self._waiting.pop(connector)
            if online():
                try:
                    await self._send(connector, sample, station, link, timebase)
                except CallFailed as error:
                    log.info("meter values connector=%d are dropped: %s", connector, error)

    async def send_now(self, connector: int, station: Station, link: Link, timebase: Timebase) -> None:
        """What the meter says now, because the CSMS asked (OCPP 1.6 §5.17); raises `CallFailed`."""
        sample = station.sampler.sample(connector, SampleContext.TRIGGER)
        if sample is not None:
            await self._send(connector, sample, station, link, timebase)

    async def _send(
        self, connector: int, sample: MeterSample, station: Station, link: Link, timebase: Timebase
    ) -> None:
        # What the clock's grid asked for belongs to no transaction, though one may have begun since.
        transaction = (
            station.ledger.running.get(connector) if sample.context is SampleContext.TRIGGER else None
        )
        if transaction is not None and transaction.csms_id is None:
            transaction = None
        measurands = translate.told_measurands(sample.context, station.configuration.variables)
        began = sample.taken if transaction is None else transaction.started
        at = timebase.date_within(began, sample.taken)
        payload = translate.meter_values(connector, transaction, sample, at, measurands)
        if payload is not None:
            await link.call("MeterValues", payload)
