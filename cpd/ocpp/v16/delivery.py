"""The journal's way to the CSMS: transaction messages strictly in order, with the retries that its keys set.

JSON is made here, at send time, with the transaction number as it is known by then (OCPP 1.6 §3.7, §9.1).
"""

import logging
from typing import Any

from cpd.domain.transactions import FactKind
from cpd.errors import StorageError
from cpd.ocpp.calls import MAX_LOSSES, CallFailed, FrameTooBig, Lane, LinkLost, LostInFlight
from cpd.ocpp.link import Link
from cpd.ocpp.v16 import translate
from cpd.ocpp.v16.transaction_data import MOST_BYTES, size_of, with_transaction_data
from cpd.station.journal import Delivery
from cpd.station.station import Station
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

STORE_RETRY_S = 5.0
"""What the store refused is tried again this much later."""


class JournalDelivery:
    """Sends what the journal says is due."""

    def __init__(self, station: Station, link: Link, timebase: Timebase) -> None:
        self._station = station
        self._link = link
        self._timebase = timebase
        self._most_bytes = MOST_BYTES
        self._lost: tuple[int | None, int] = (None, 0)
        """The journal's number of the message that was lost last, and how often in a row."""

    async def deliver_next(self) -> None:
        """Deliver the next fact, waiting for one, or note why not; raises `StorageError`."""
        journal = self._station.journal
        delivery = await journal.next()
        delivery.transaction = await self._station.ledger.date_start(delivery.transaction)
        message = await self._message(delivery)
        if message is None:
            await journal.delivered(delivery)
            return
        action, payload = message
        try:
            answer = await self._link.call(action, payload, lane=Lane.JOURNAL)
        except FrameTooBig as error:
            if "transactionData" in payload:
                self._most_bytes = min(self._most_bytes, size_of(payload)) // 2
                log.warning("journal action=%s was too big, now most_bytes=%d", action, self._most_bytes)
            else:
                await self._failed(delivery, action, error)
            return
        except LostInFlight as error:
            await self._lost_in_flight(delivery, action, error)
            return
        except LinkLost:
            await journal.write_unanswered()
            return
        except CallFailed as error:
            await self._failed(delivery, action, error)
            return
        # What the CSMS has answered is not sent again because the store fails, or there would be two of it.
        while True:
            try:
                await self._answered(delivery, answer)
            except StorageError as error:
                log.error("journal action=%s is answered, the store does not take it: %s", action, error)
                await self._timebase.clock.sleep(STORE_RETRY_S)
            else:
                return

    async def _message(self, delivery: Delivery) -> tuple[str, dict[str, Any]] | None:
        transaction = delivery.transaction
        at = self._timebase.date_within(transaction.started, delivery.created)
        match delivery.kind:
            case FactKind.STARTED:
                return "StartTransaction", translate.start_transaction(transaction, at)
            case FactKind.STOPPED:
                return "StopTransaction", with_transaction_data(
                    translate.stop_transaction(transaction, at),
                    transaction,
                    await self._station.transaction_samples.of(transaction),
                    variables=self._station.configuration.variables,
                    timebase=self._timebase,
                    most_bytes=self._most_bytes,
                )
            case FactKind.METERED:
                assert delivery.sample is not None
                variables = self._station.configuration.variables
                measurands = translate.told_measurands(delivery.sample.context, variables)
                payload = translate.meter_values(
                    transaction.connector, transaction, delivery.sample, at, measurands
                )
                return None if payload is None else ("MeterValues", payload)

    async def _lost_in_flight(self, delivery: Delivery, action: str, error: LostInFlight) -> None:
        """No attempt by the keys, for the CSMS said nothing; but `MAX_LOSSES` of the same message are its last."""
        await self._station.journal.write_unanswered()
        # Only now what went straight out has its number.
        seq, losses = self._lost
        losses = losses + 1 if seq == delivery.seq else 1
        self._lost = delivery.seq, losses
        if losses < MAX_LOSSES:
            return
        reason = f"{losses} times in a row {error}"
        log.error("journal action=%s local_id=%s given up: %s", action, delivery.transaction.local_id, reason)
        await self._station.journal.given_up(delivery, reason)
        self._lost = None, 0

    async def _failed(self, delivery: Delivery, action: str, error: CallFailed) -> None:
        self._lost = None, 0
        variables = self._station.configuration.variables
        attempts = delivery.attempts + 1
        reason = str(error)
        transaction = delivery.transaction.local_id
        if attempts >= variables.integer("TransactionMessageAttempts"):
            log.error("journal action=%s local_id=%s given up: %s", action, transaction, reason)
            await self._station.journal.given_up(delivery, reason)
            return
        wait_s = variables.integer("TransactionMessageRetryInterval") * attempts
        log.warning("journal action=%s local_id=%s retry_in_s=%d: %s", action, transaction, wait_s, reason)
        await self._station.journal.failed(delivery, reason)
        await self._timebase.clock.sleep(wait_s)

    async def _answered(self, delivery: Delivery, answer: dict[str, Any]) -> None:
        if delivery.kind is FactKind.STARTED:
            info = translate.id_tag_info_from(answer["idTagInfo"])
            await self._station.answers.started(delivery, answer["transactionId"], info)
        elif delivery.kind is FactKind.STOPPED:
            told = answer.get("idTagInfo")
            await self._station.answers.stopped(
                delivery, None if told is None else translate.id_tag_info_from(told)
            )
        else:
            await self._station.journal.delivered(delivery)
