"""What becomes of transactions that a power cut interrupted: booked, or gone on with where the installer wants it."""

import logging
from collections.abc import Mapping, Sequence

from cpd.domain.transactions import StopReason, Transaction
from cpd.station.ledger import Ledger
from hal.evse import Evse

log = logging.getLogger(__name__)


async def recover(
    interrupted: Sequence[Transaction], ledger: Ledger, evses: Mapping[int, Evse], *, resume: bool
) -> None:
    """Put *interrupted* in order before the station serves; raises `StorageError`.

    *resume*: one whose vehicle is still plugged in, and that nobody had stopped or refused, goes on. Its TxProfiles
    stay.
    """
    await ledger.restarted(interrupted)
    for transaction in interrupted:
        evse = evses.get(transaction.connector)
        outlet = None if evse is None else evse.snapshot()
        plugged = outlet is not None and outlet.pilot.plugged
        if transaction.refused:
            transaction = transaction.ending(StopReason.DEAUTHORIZED, None)
        if resume and plugged and transaction.stop_reason is None:
            ledger.adopt(transaction)
            log.info("transaction connector=%d resumed", transaction.connector)
            continue
        meter = None if outlet is None else outlet.meter
        booked = await ledger.end_interrupted(transaction, None if meter is None else meter.energy_wh)
        log.warning(
            "transaction connector=%d was interrupted, booked reason=%s meter_wh=%s",
            booked.connector,
            booked.stop_reason,
            booked.meter_stop_wh,
        )
