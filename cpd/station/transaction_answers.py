"""What the CSMS answers to transaction messages, and what follows for the transaction that they told of."""

import logging
from collections.abc import Mapping

from cpd.clock import Clock
from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.transactions import StopReason
from cpd.errors import StorageError
from cpd.station.allowance import Allowances
from cpd.station.authorizer import Authorizer
from cpd.station.configuration import Configuration
from cpd.station.connector import ConnectorTask
from cpd.station.journal import Delivery, Journal
from cpd.station.ledger import Ledger

log = logging.getLogger(__name__)


class TransactionAnswers:
    """Takes the answers to what the journal delivered; `run` counts what a refused driver may still take."""

    def __init__(
        self,
        connectors: Mapping[int, ConnectorTask],
        *,
        ledger: Ledger,
        journal: Journal,
        authorizer: Authorizer,
        configuration: Configuration,
        clock: Clock,
        nominal_v: Mapping[int, int],
    ) -> None:
        self._connectors = connectors
        self._ledger = ledger
        self._journal = journal
        self._authorizer = authorizer
        self._configuration = configuration
        self._allowances = Allowances(
            connectors, ledger=ledger, clock=clock, nominal_v=nominal_v, spent=self._withhold
        )

    async def run(self) -> None:
        """Serve for ever."""
        await self._allowances.run()

    async def started(self, delivery: Delivery, csms_id: int, info: IdTagInfo) -> None:
        """The CSMS answered StartTransaction: keep its number as given, and do as it says of the idTag.

        Raises `StorageError` where the number is not kept; then call it again.
        """
        transaction = delivery.transaction
        refused = info.status is not AuthorizationStatus.ACCEPTED
        kept = self._ledger.numbered(transaction, csms_id, refused=refused, parent_id_tag=info.parent_id_tag)
        await self._journal.delivered(delivery, kept)
        await self._authorizer.remember(transaction.id_tag, info)
        running = self._ledger.running.get(transaction.connector)
        if not refused or running is None:
            return
        if running.local_id != transaction.local_id or running.stop_reason is not None:
            return
        log.warning(
            "transaction connector=%d id=%d not accepted: %s", running.connector, csms_id, info.status
        )
        energy_wh = self._configuration.variables.integer("MaxEnergyOnInvalidId")
        await self._allowances.begin(self._connectors[running.connector], energy_wh)

    async def stopped(self, delivery: Delivery, info: IdTagInfo | None) -> None:
        """The CSMS answered StopTransaction; *info* is what it says of the idTag that stopped it."""
        await self._journal.delivered(delivery)
        if info is not None and delivery.transaction.stop_id_tag is not None:
            await self._authorizer.remember(delivery.transaction.stop_id_tag, info)

    async def _withhold(self, task: ConnectorTask) -> None:
        """Stop the transaction, or leave it without current, by StopTransactionOnInvalidId (OCPP 1.6 §4.8)."""
        if not self._configuration.variables.boolean("StopTransactionOnInvalidId"):
            task.deauthorise()
            return
        try:
            await task.stop(StopReason.DEAUTHORIZED)
        except StorageError as error:
            log.error("stop connector=%d is not kept: %s", task.id, error)
