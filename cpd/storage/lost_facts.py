"""Facts for the CSMS that a damaged journal has lost, as far as the transactions themselves tell of them."""

import sqlite3

from cpd.domain.transactions import FactKind

MAX_UNCERTAIN = 20
"""So many of the newest ended transactions become dead letters: who looks after them can still remember."""

UNCERTAIN = "the store was damaged; perhaps not delivered"
"""Why a technician finds the end of a transaction among the dead letters."""


def restore_facts(into: sqlite3.Connection) -> None:
    """Put them into the journal again.

    A transaction without a number of the CSMS's was never told: neither its start, nor its end. Whether the end
    of another one was told cannot be known: the newest become dead letters, for a technician to look at and to
    send.
    """
    # Room in front of every entry, for the start that belongs before it.
    into.execute("UPDATE journal SET seq = -2 * seq")
    into.execute("UPDATE journal SET seq = -seq")
    entries = into.execute("SELECT local_id, kind, seq FROM journal ORDER BY seq DESC").fetchall()
    there = {(local_id, kind) for local_id, kind, _ in entries}
    first = {local_id: seq for local_id, _, seq in entries}
    uncertain = []
    for transaction in into.execute("SELECT * FROM transactions ORDER BY ordinal").fetchall():
        local_id, told = transaction["local_id"], transaction["csms_id"] is not None
        if not told and (local_id, FactKind.STARTED) not in there:
            seq = first[local_id] - 1 if local_id in first else None
            _append(into, FactKind.STARTED, transaction, "started", seq=seq)
        if transaction["stopped_boot"] is not None and (local_id, FactKind.STOPPED) not in there:
            if told:
                uncertain.append(transaction)
            else:
                _append(into, FactKind.STOPPED, transaction, "stopped")
    for transaction in uncertain[-MAX_UNCERTAIN:]:
        _append(into, FactKind.STOPPED, transaction, "stopped", dead_for=UNCERTAIN)


def _append(
    into: sqlite3.Connection,
    kind: FactKind,
    transaction: sqlite3.Row,
    moment: str,
    *,
    seq: int | None = None,
    dead_for: str | None = None,
) -> None:
    """Add a fact at *seq*, None: at the end. The moment of the transaction is that of the fact."""
    into.execute(
        "INSERT INTO journal"
        " (seq, kind, local_id, created_boot, created_monotonic_s, created_at_us, dead, last_error)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seq,
            kind,
            transaction["local_id"],
            *(transaction[f"{moment}_{part}"] for part in ("boot", "monotonic_s", "at_us")),
            dead_for is not None,
            dead_for,
        ),
    )
