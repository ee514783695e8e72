"""The course of one connector's transaction: begun, to be ended, booked; each step kept before it counts."""

import logging
from collections.abc import Iterator

from cpd.clock import Clock
from cpd.domain.authorization import shortened
from cpd.domain.transactions import StopReason, Transaction
from cpd.station.access import Authorisation
from cpd.station.ending import Ending
from cpd.station.ledger import Ledger
from cpd.station.plug import Plug
from cpd.station.reservations import Reservations
from hal.evse import Evse
from hal.values import StopReason as Opening

log = logging.getLogger(__name__)


class TransactionCourse:
    """What *connector* does with its transaction; *deauthorised*: the CSMS refused it, and it gets no current."""

    def __init__(
        self,
        connector: int,
        evse: Evse,
        *,
        plug: Plug,
        ledger: Ledger,
        reservations: Reservations,
        clock: Clock,
    ) -> None:
        self._connector = connector
        self._evse = evse
        self._plug = plug
        self._ledger = ledger
        self._reservations = reservations
        self._ending = Ending(clock)
        self._starting = False
        self.deauthorised = False

    @property
    def transaction(self) -> Transaction | None:
        """The transaction until its stop is booked."""
        return self._ledger.running.get(self._connector)

    @property
    def is_ending(self) -> bool:
        """True from the moment that something ends the transaction, kept yet or not, until its stop is booked."""
        transaction = self.transaction
        return transaction is not None and (
            transaction.stop_reason is not None or self._ending.cause is not None
        )

    @property
    def is_starting(self) -> bool:
        """True while the store writes the beginning of a transaction."""
        return self._starting

    @property
    def is_open(self) -> bool:
        """True once the outlet is open, or has had its time for it."""
        return self._ending.is_open(self._evse.snapshot())

    def open(self) -> None:
        """Have the outlet open for a transaction that is ending, where this daemon has not told it to: an earlier one
        was interrupted.
        """
        if not self._ending.is_opening:
            self._evse.stop(Opening.NORMAL)
            self._ending.opening()

    @property
    def cause(self) -> StopReason | None:
        """What was seen that ends the transaction, its intent kept yet or not."""
        return self._ending.cause

    @property
    def deadlines_s(self) -> Iterator[float]:
        """The instants (monotonic) at which `is_open` changes by time alone."""
        return self._ending.deadlines_s

    def latch(self, cause: StopReason) -> None:
        """The transaction that runs, or is just being written, is to end; the first cause stands."""
        if self._starting or self.transaction is not None:
            self._ending.latch(cause)

    def pulled(self) -> None:
        """The vehicle is gone."""
        self._plug.pulled(None if self.is_ending else self.transaction)
        if self._plug.stops_when_pulled:
            self.latch(StopReason.EV_DISCONNECTED)

    async def start(self, authorisation: Authorisation) -> bool:
        """Begin a transaction; False while the meter says nothing: its return is an event. Raises `StorageError`."""
        meter = self._evse.snapshot().meter
        if meter is None:
            return False
        self._ending.forget()
        self._starting = True
        try:
            async with self._reservations.using(self._connector, authorisation.driver) as reservation_id:
                transaction = await self._ledger.start(
                    self._connector,
                    authorisation.id_tag,
                    authorisation.parent_id_tag,
                    meter.energy_wh,
                    bind_profile=authorisation.with_profile,
                    reservation_id=reservation_id,
                )
        finally:
            self._starting = False
        self._plug.started()
        log.info(
            "transaction connector=%d started local_id=%s id_tag=%s meter_wh=%d",
            self._connector,
            transaction.local_id,
            shortened(transaction.id_tag),
            transaction.meter_start_wh,
        )
        return True

    async def stop(self, reason: StopReason, id_tag: str | None) -> None:
        """End the transaction, if one runs that is not ending already; returns once the intent is kept.

        The stop is booked when the outlet is open. Raises `StorageError`: it is going to end all the same.
        """
        transaction = self.transaction
        if transaction is None or transaction.stop_reason is not None:
            return
        emergency = reason is StopReason.EMERGENCY_STOP
        self._evse.stop(Opening.EMERGENCY if emergency else Opening.NORMAL)
        self._ending.opening()
        self._plug.stopping(self._ending.cause)
        await self._ledger.intend_stop(self._connector, reason, id_tag)

    async def book_stop(self) -> None:
        """Book the stop of the transaction. Raises `StorageError`."""
        meter = self._evse.snapshot().meter
        transaction = await self._ledger.end(self._connector, None if meter is None else meter.energy_wh)
        self._ending.forget()
        self.deauthorised = False
        log.info(
            "transaction connector=%d stopped local_id=%s reason=%s meter_wh=%s",
            self._connector,
            transaction.local_id,
            transaction.stop_reason,
            transaction.meter_stop_wh,
        )
