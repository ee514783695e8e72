"""What becomes of transactions that a power cut interrupted: booked, or gone on with where the installer wants it."""

import logging
from collections.abc import Mapping, Sequence

from cpd.domain.transactions import StopReason, Transaction
from cpd.station.ending import ending_of
from cpd.station.ledger import Ledger
from hal.evse import Evse, FaultRaised, OutletSnapshot, StopPressed
from hal.values import ContactorState

log = logging.getLogger(__name__)


async def recover(
    interrupted: Sequence[Transaction], ledger: Ledger, evses: Mapping[int, Evse], *, resume: bool, boot: str
) -> None:
    """Put *interrupted* in order before the station serves; raises `StorageError`.

    *resume*: one whose vehicle has stayed plugged in, and that nobody had stopped or refused, goes on. Its TxProfiles
    stay. The others are booked, each as soon as its outlet is open: one that is guarded by another process may still
    charge, and is handed to its connector as a transaction that is ending. *boot* is the present one.
    """
    await ledger.restarted(interrupted)
    # A store that was salvaged may hold several of one connector, of which only the last can still run.
    last = {transaction.connector: transaction.local_id for transaction in interrupted}
    for transaction in interrupted:
        evse = evses.get(transaction.connector)
        is_last = last[transaction.connector] == transaction.local_id
        outlet = evse.snapshot() if evse is not None and is_last else None
        reason = _reason(transaction, outlet, boot)
        if resume and reason is None and outlet is not None and _has_stayed(transaction, outlet, boot):
            ledger.adopt(transaction)
            log.info("transaction connector=%d resumed", transaction.connector)
            continue
        ending = transaction.ending(reason or StopReason.POWER_LOSS, None)
        if outlet is not None and not _is_open(outlet):
            ledger.adopt(ending)
            # Kept, so that no further restart goes on with it.
            await ledger.intend_stop(ending.connector, StopReason.POWER_LOSS, None)
            log.warning("transaction connector=%d was interrupted, and is ending", ending.connector)
            continue
        meter = None if outlet is None else outlet.meter
        booked = await ledger.end_interrupted(ending, None if meter is None else meter.energy_wh)
        log.warning(
            "transaction connector=%d was interrupted, booked reason=%s meter_wh=%s",
            booked.connector,
            booked.stop_reason,
            booked.meter_stop_wh,
        )


def _reason(transaction: Transaction, outlet: OutletSnapshot | None, boot: str) -> StopReason | None:
    """Why *transaction* had ended before anybody was here to book it; None where only the power cut ends it."""
    if transaction.stop_reason is not None:
        return transaction.stop_reason
    if transaction.refused:
        return StopReason.DEAUTHORIZED
    ended = None if outlet is None else outlet.ended
    if ended is None or not _is_since(ended.at_s, transaction, boot):
        return None
    match ended.event:
        case StopPressed():
            return StopReason.LOCAL
        case FaultRaised(fault=fault):
            return ending_of(fault, stops_without_meter=False)


def _has_stayed(transaction: Transaction, outlet: OutletSnapshot, boot: str) -> bool:
    """False where the vehicle of *transaction* is gone, or one is there that came after it."""
    left_s = outlet.unplugged_at_s
    return outlet.pilot.plugged and (left_s is None or not _is_since(left_s, transaction, boot))


def _is_since(at_s: float, transaction: Transaction, boot: str) -> bool:
    """True for an instant of the present *boot* that lies behind the start of *transaction*."""
    return transaction.started.boot != boot or at_s > transaction.started.monotonic_s


def _is_open(outlet: OutletSnapshot) -> bool:
    return (outlet.contactor, outlet.contactor_commanded) == (ContactorState.OPEN, ContactorState.OPEN)
