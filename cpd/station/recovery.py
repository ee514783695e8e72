"""What becomes of transactions that a power cut interrupted: booked, or gone on with where the installer wants it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

from cpd.domain.transactions import StopReason, Transaction
from cpd.station.ending import OPENING_S
from cpd.station.ledger import Ledger
from hal.evse import Evse, OutletSnapshot
from hal.values import ContactorState
from hal.values import StopReason as Opening

log = logging.getLogger(__name__)


async def recover(
    interrupted: Sequence[Transaction], ledger: Ledger, evses: Mapping[int, Evse], *, resume: bool, boot: str
) -> None:
    """Put *interrupted* in order before the station serves; raises `StorageError`.

    *resume*: one whose vehicle has stayed plugged in, and that nobody had stopped or refused, goes on. Its TxProfiles
    stay. The others are booked once their outlets are open: one that is guarded by another process may still charge.
    *boot* is the present one.
    """
    await ledger.restarted(interrupted)
    ending: list[Transaction] = []
    for transaction in interrupted:
        evse = evses.get(transaction.connector)
        stayed = evse is not None and _has_stayed(transaction, evse.snapshot(), boot)
        if transaction.refused:
            transaction = transaction.ending(StopReason.DEAUTHORIZED, None)
        if resume and stayed and transaction.stop_reason is None:
            ledger.adopt(transaction)
            log.info("transaction connector=%d resumed", transaction.connector)
        else:
            ending.append(transaction)
    await _opened([evses[one.connector] for one in ending if one.connector in evses])
    for transaction in ending:
        evse = evses.get(transaction.connector)
        outlet = None if evse is None else evse.snapshot()
        meter = None if outlet is None else outlet.meter
        booked = await ledger.end_interrupted(transaction, None if meter is None else meter.energy_wh)
        log.warning(
            "transaction connector=%d was interrupted, booked reason=%s meter_wh=%s",
            booked.connector,
            booked.stop_reason,
            booked.meter_stop_wh,
        )


def _has_stayed(transaction: Transaction, outlet: OutletSnapshot, boot: str) -> bool:
    """False where the vehicle of *transaction* is gone, or one is there that came after it."""
    if outlet.unplugged_at_s is None:
        return outlet.pilot.plugged
    before = transaction.started.boot == boot and outlet.unplugged_at_s <= transaction.started.monotonic_s
    return outlet.pilot.plugged and before


async def _opened(evses: Sequence[Evse]) -> None:
    """Have *evses* open, and wait until they are, or have had their time."""
    closed = [evse for evse in evses if not _is_open(evse)]
    events = [evse.events() for evse in closed]
    for evse in closed:
        evse.stop(Opening.NORMAL)
    with suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(OPENING_S):
            for evse, happening in zip(closed, events, strict=True):
                while not _is_open(evse):
                    await anext(happening)


def _is_open(evse: Evse) -> bool:
    outlet = evse.snapshot()
    return (outlet.contactor, outlet.contactor_commanded) == (ContactorState.OPEN, ContactorState.OPEN)
