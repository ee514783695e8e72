"""The `queue` methods: what waits for the CSMS, what it kept refusing, and how the latter is sent once more."""

from collections.abc import Mapping, Sequence
from typing import Final

from cpd.control.api import QueuedMessageDocument, QueueDocument, TransactionAction
from cpd.control.documents import optional_instant
from cpd.control.method import Caller, Method
from cpd.control.params import QueueParams, RetryParams
from cpd.control.target import ControlRefused, ControlTarget
from cpd.domain.transactions import FactKind
from cpd.station.repositories import JournalEntry

_ACTIONS: Final[Mapping[FactKind, TransactionAction]] = {
    FactKind.STARTED: "StartTransaction",
    FactKind.METERED: "MeterValues",
    FactKind.STOPPED: "StopTransaction",
}


async def list_queue(target: ControlTarget, params: QueueParams, _caller: Caller) -> QueueDocument:
    return _document(await target.queue(params.dead))


async def retry(target: ControlTarget, params: RetryParams, _caller: Caller) -> QueueDocument:
    meant = [entry for entry in await target.queue(None) if _is_meant(entry, str(params.id))]
    if not meant:
        raise ControlRefused(
            "not_found", f"there is no message {params.id}", "cpd queue --dead lists what can be sent again"
        )
    dead = [entry.seq for entry in meant if entry.dead and entry.seq is not None]
    if not dead:
        raise ControlRefused(
            "refused", f"{params.id} was not given up, it waits", "it goes by itself once the CSMS answers"
        )
    return _document(await target.retry(dead))


METHODS = {
    "queue.list": Method(QueueParams, list_queue),
    "queue.retry": Method(RetryParams, retry, mutating=True),
}


def _is_meant(entry: JournalEntry, name: str) -> bool:
    """True for the message of this number, and for every one of the transaction of this name."""
    transaction = entry.transaction
    numbered = entry.seq is not None and name == str(entry.seq)
    return numbered or name.casefold() in (f"l-{transaction.order}", transaction.local_id.casefold())


def _document(entries: Sequence[JournalEntry]) -> QueueDocument:
    return {"schema": "cpd.queue/1", "messages": [_message(entry) for entry in entries]}


def _message(entry: JournalEntry) -> QueuedMessageDocument:
    transaction = entry.transaction
    return {
        "id": entry.seq,
        "action": _ACTIONS[entry.kind],
        "local_id": transaction.local_id,
        "attempts": entry.attempts,
        "last_error": entry.last_error,
        "dead": entry.dead,
        "created_at": optional_instant(entry.created.at),
        "order": transaction.order,
        "connector": transaction.connector,
        "transaction_id": transaction.csms_id,
        "running": transaction.active,
    }
