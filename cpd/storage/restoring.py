"""What a restore makes of two stores: the present one, and the one in the backup.

Whatever may be told twice is money, so the present store alone tells what it knows of. From the backup come settings
and standing knowledge, and of sessions only those that the present store has never heard of: perhaps its card was
replaced. What those had to tell may have been delivered after the backup, so it waits as dead letters for a person.
What was meant for a moment (reservations, a limit at the charger, files on their way) is of the past, and the present
store's stays.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cpd.domain.transactions import FactKind, Moment, StopReason
from cpd.domain.variables import SECRET_KEYS
from cpd.storage.repositories import SqliteRepositories

CONFIGURATION: Final = (
    "profiles",
    "variables",
    "availability",
    "local_availability",
    "authorizations",
    "local_list",
    "local_list_version",
)
"""The tables that become what they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came from the backup: rows of each table of `CONFIGURATION`, sessions, and messages of those."""

    configuration: dict[str, int]
    sessions: int
    messages: int


def restore(
    store: sqlite3.Connection,
    backup: sqlite3.Connection,
    *,
    made_at: datetime,
    resend: bool,
    same_station: bool,
) -> Restored:
    """Bring *backup*, made at *made_at*, into *store*, both of this release's schema, in one durable SQL transaction.

    *backup* is used up. *resend*: its messages are sent, not dead. Of another charge point (not *same_station*) only
    settings are taken: neither its password nor its sessions nor its registers. Raises `sqlite3.Error`, *store*
    unchanged.
    """
    _end_what_ran(backup, made_at)
    if not resend:
        backup.execute(
            "UPDATE journal SET dead = 1, last_error = ? WHERE dead = 0",
            (f"from the backup of {made_at:%Y-%m-%d %H:%M}; perhaps delivered",),
        )
    store.execute("PRAGMA synchronous = FULL")
    store.execute("BEGIN IMMEDIATE")
    try:
        configuration = _take_configuration(store, backup, same_station=same_station)
        sessions = messages = 0
        if same_station:
            _take_registers(store, backup)
            sessions, messages = _take_sessions(store, backup)
        store.execute("COMMIT")
    finally:
        if store.in_transaction:
            store.execute("ROLLBACK")
    return Restored(configuration=configuration, sessions=sessions, messages=messages)


def _end_what_ran(backup: sqlite3.Connection, made_at: datetime) -> None:
    """A session that was open in the backup has ended since; nothing later than its last register is known of it."""
    kept = SqliteRepositories.over(backup)
    for transaction in kept.transactions.running():
        at = max(made_at, transaction.started.at or made_at)
        moment = Moment(boot="backup", monotonic_s=0.0, at=at)
        ended = transaction.ending(StopReason.POWER_LOSS, None).ended(moment, None)
        kept.transactions.put(ended)
        kept.journal.append(FactKind.STOPPED, ended.local_id, moment)


def _take_configuration(
    store: sqlite3.Connection, backup: sqlite3.Connection, *, same_station: bool
) -> dict[str, int]:
    secrets = [row for row in store.execute("SELECT * FROM variables") if row["key"].lower() in SECRET_KEYS]
    # What belonged to a session ended with it.
    backup.execute("DELETE FROM profiles WHERE transaction_key IS NOT NULL")
    if not same_station:
        for (key,) in backup.execute("SELECT key FROM variables").fetchall():
            if key.lower() in SECRET_KEYS:
                backup.execute("DELETE FROM variables WHERE key = ?", (key,))
    taken = {}
    for table in CONFIGURATION:
        store.execute(f"DELETE FROM {table}")
        rows = backup.execute(f"SELECT * FROM {table}").fetchall()
        _insert(store, table, rows)
        taken[table] = len(rows)
    # The password that holds now is the newer one: with that of before the CSMS would not let the charger in.
    for row in secrets:
        store.execute("DELETE FROM variables WHERE key = ?", (row["key"],))
    _insert(store, "variables", secrets)
    return taken


def _take_registers(store: sqlite3.Connection, backup: sqlite3.Connection) -> None:
    """A register never goes back."""
    store.executemany(
        "INSERT INTO registers (connector, lifetime_wh, raw_wh) VALUES (?, ?, ?) ON CONFLICT (connector)"
        " DO UPDATE SET lifetime_wh = excluded.lifetime_wh, raw_wh = excluded.raw_wh"
        " WHERE excluded.lifetime_wh > lifetime_wh",
        [tuple(row) for row in backup.execute("SELECT connector, lifetime_wh, raw_wh FROM registers")],
    )


def _take_sessions(store: sqlite3.Connection, backup: sqlite3.Connection) -> tuple[int, int]:
    known = [(local_id,) for (local_id,) in store.execute("SELECT local_id FROM transactions")]
    for table in ("journal", "transaction_samples", "transactions"):
        backup.executemany(f"DELETE FROM {table} WHERE local_id = ?", known)
    sessions = backup.execute("SELECT * FROM transactions ORDER BY ordinal").fetchall()
    messages = backup.execute("SELECT * FROM journal ORDER BY seq").fetchall()
    _make_room(store, "transactions", "ordinal", sessions)
    _make_room(store, "journal", "seq", messages)
    _insert(store, "transactions", sessions)
    _insert(store, "journal", messages)
    samples = backup.execute("SELECT * FROM transaction_samples ORDER BY seq").fetchall()
    _insert(store, "transaction_samples", samples, but="seq")
    return len(sessions), len(messages)


def _make_room(store: sqlite3.Connection, table: str, column: str, older: Sequence[sqlite3.Row]) -> None:
    """Let the numbers of *table* begin behind those of *older* rows, which happened before."""
    if older:
        (first,) = store.execute(f"SELECT coalesce(min({column}), 0) FROM {table}").fetchone()
        behind = max(row[column] for row in older)
        if 0 < first <= behind:
            # By way of negative ones: an update in order would meet the number of its neighbour.
            store.execute(f"UPDATE {table} SET {column} = -{column} - ?", (behind,))
            store.execute(f"UPDATE {table} SET {column} = -{column}")


def _insert(store: sqlite3.Connection, table: str, rows: Sequence[sqlite3.Row], *, but: str = "") -> None:
    for row in rows:
        columns = [name for name in row.keys() if name != but]  # noqa: SIM118 - a Row iterates over its values
        store.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [row[name] for name in columns],
        )
