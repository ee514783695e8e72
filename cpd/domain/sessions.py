"""Running transactions as smart charging sees them: where, since when, and by which names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One running transaction.

    *key* is the daemon's own name of the transaction, *transaction_id* the central system's, None until
    StartTransaction.conf is in. *order* settles who is senior among transactions of the same second.
    """

    connector: int
    key: str
    transaction_id: int | None
    started_at_s: int
    order: int = 0
