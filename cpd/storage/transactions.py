"""Transactions on disk: running ones, and ended ones until they are delivered and old."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec

from cpd.domain.transactions import Transaction
from cpd.storage.moments import date_moments, microseconds, moment_columns, moment_fields
from cpd.storage.quarantine import readable

_PLAIN = (
    "local_id",
    "connector",
    "id_tag",
    "parent_id_tag",
    "meter_start_wh",
    "last_meter_wh",
    "csms_id",
    "stop_reason",
    "stop_id_tag",
    "meter_stop_wh",
)
"""The fields that are stored under their own names and as they are."""

_IDENTITY = ("local_id", "ordinal")
"""The columns that an update leaves alone; rewriting an indexed column costs a page of each index."""

_LEARNT = ("csms_id", "started_at_us", "stopped_at_us")
"""Columns that are filled in behind the back of whoever holds the transaction: None does not erase them."""


class SqliteTransactions:
    """A `cpd.station.repositories.TransactionRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def next_order(self) -> int:
        (newest,) = self._connection.execute("SELECT max(ordinal) FROM transactions").fetchone()
        return (newest or 0) + 1

    def put(self, transaction: Transaction) -> None:
        columns = _columns(transaction)
        changes = ", ".join(_change(name) for name in columns if name not in _IDENTITY)
        self._connection.execute(
            f"INSERT INTO transactions ({', '.join(columns)}) VALUES (:{', :'.join(columns)})"
            f" ON CONFLICT (local_id) DO UPDATE SET {changes}",
            columns,
        )

    def number(self, local_id: str, csms_id: int) -> None:
        self._connection.execute(
            "UPDATE transactions SET csms_id = ? WHERE local_id = ?", (csms_id, local_id)
        )

    def metered(self, local_id: str, last_meter_wh: int) -> None:
        self._connection.execute(
            "UPDATE transactions SET last_meter_wh = ?"
            " WHERE local_id = ? AND last_meter_wh < ? AND stopped_boot IS NULL",
            (last_meter_wh, local_id, last_meter_wh),
        )

    def get(self, local_id: str) -> Transaction | None:
        """The transaction as it is stored now; None where there is none that can be read."""
        rows = self._select("WHERE local_id = ?", local_id)
        return rows[0] if rows else None

    def running(self) -> Sequence[Transaction]:
        return self._select("WHERE stopped_boot IS NULL ORDER BY ordinal")

    def recent(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        waiting = {
            local_id for (local_id,) in self._connection.execute("SELECT DISTINCT local_id FROM journal")
        }
        newest = self._select("ORDER BY ordinal DESC LIMIT ?", limit)
        return tuple((one, not one.active and one.local_id not in waiting) for one in newest)

    def date(self, boot: str, at_zero: datetime) -> None:
        date_moments(self._connection, boot, at_zero)

    def prune(self, before: datetime) -> int:
        # What ended on a boot whose clock was never set has no date: it is as old as its neighbours in order.
        return self._connection.execute(
            "DELETE FROM transactions WHERE stopped_boot IS NOT NULL"
            " AND (stopped_at_us < :before OR (stopped_at_us IS NULL AND ordinal <"
            "   (SELECT max(ordinal) FROM transactions WHERE stopped_at_us < :before)))"
            " AND local_id NOT IN (SELECT local_id FROM journal)",
            {"before": microseconds(before)},
        ).rowcount

    def _select(self, clause: str, *values: str | int) -> tuple[Transaction, ...]:
        rows = self._connection.execute(
            f"SELECT rowid AS rowid, * FROM transactions {clause}", values
        ).fetchall()
        decoded = (readable(self._connection, "transactions", row, _transaction) for row in rows)
        return tuple(transaction for transaction in decoded if transaction is not None)


def _change(column: str) -> str:
    if column in _LEARNT:
        return f"{column} = coalesce(excluded.{column}, {column})"
    return f"{column} = excluded.{column}"


def _columns(transaction: Transaction) -> dict[str, str | float | int | None]:
    return {
        **{name: getattr(transaction, name) for name in _PLAIN},
        "ordinal": transaction.order,
        **moment_columns("started", transaction.started),
        **moment_columns("stopped", transaction.stopped),
    }


def _transaction(row: sqlite3.Row) -> Transaction:
    fields: dict[str, object] = {name: row[name] for name in _PLAIN}
    fields["order"] = row["ordinal"]
    fields["started"] = moment_fields(row, "started")
    fields["stopped"] = moment_fields(row, "stopped")
    return msgspec.convert(fields, Transaction)
