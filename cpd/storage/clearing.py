"""A store as on the first day: what anybody has told the charger goes, and with it who charged here."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from cpd.domain.variables import SECRET_KEYS

CLEARED: Final = (
    "profiles",
    "variables",
    "availability",
    "local_availability",
    "authorizations",
    "local_list",
    "local_list_version",
    "local_limits",
    "reservations",
    "firmware_update",
    "diagnostics_upload",
    "file_statuses",
    "audit",
    "quarantine",
    "machine",
)
"""What goes besides the sessions. The registers stay: a meter's count is no setting, and never goes back."""

_SESSIONS: Final = ("journal", "transaction_samples", "transactions")
_TOLD: Final = "local_id NOT IN (SELECT local_id FROM journal)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """How many rows of each table went; *messages* wait on for the CSMS.

    *password*: the CSMS had set one, which is gone.
    """

    rows: dict[str, int]
    messages: int
    password: bool


def waiting(store: sqlite3.Connection) -> int:
    """How many messages of sessions the CSMS has not taken, dead letters among them."""
    (count,) = store.execute("SELECT count(*) FROM journal").fetchone()
    return int(count)


def clear(store: sqlite3.Connection, *, keep_journal: bool) -> Cleared:
    """Clear *store* in one durable SQL transaction; *keep_journal* spares the sessions that have messages waiting.

    Raises `sqlite3.Error`, nothing changed. `sweep` makes what went unreadable.
    """
    keys = {str(key).lower() for (key,) in store.execute("SELECT key FROM variables")}
    store.execute("PRAGMA synchronous = FULL")
    store.execute("PRAGMA secure_delete = ON")
    store.execute("BEGIN IMMEDIATE")
    try:
        rows = {table: store.execute(f"DELETE FROM {table}").rowcount for table in CLEARED}
        for table in _SESSIONS:
            spared = f" WHERE {_TOLD}" if keep_journal else ""
            rows[table] = store.execute(f"DELETE FROM {table}{spared}").rowcount
        messages = waiting(store)
        store.execute("COMMIT")
    finally:
        if store.in_transaction:
            store.execute("ROLLBACK")
    return Cleared(rows=rows, messages=messages, password=not keys.isdisjoint(SECRET_KEYS))


def sweep(store: sqlite3.Connection) -> None:
    """Leave nothing of what went in the file or in its log. Raises `sqlite3.Error`."""
    store.execute("VACUUM")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
