"""Transactions on disk: running ones, and ended ones until they are delivered and old."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec

from cpd.domain.transactions import Transaction, UndatedBoot
from cpd.storage.moments import (
    LATEST_US,
    LONGEST_UPTIME_S,
    date_moments,
    microseconds,
    moment_columns,
    moment_fields,
    wall_time,
)
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
    "reservation_id",
)
"""The fields that are stored under their own names and as they are."""

_IDENTITY = ("local_id", "ordinal")
"""The columns that an update leaves alone; rewriting an indexed column costs a page of each index."""

_LEARNT = ("csms_id", "started_at_us", "stopped_at_us")
"""Columns that are filled in behind the back of whoever holds the transaction: None does not erase them."""

_UNDATED = """
SELECT boot, min(at_s), max(at_s) FROM (
    SELECT started_boot AS boot, started_monotonic_s AS at_s, 2 * ordinal AS place, 0 AS seq
      FROM transactions WHERE started_at_us IS NULL
    UNION ALL
    SELECT stopped_boot, stopped_monotonic_s, 2 * ordinal + 1, 0
      FROM transactions WHERE stopped_boot IS NOT NULL AND stopped_at_us IS NULL
    UNION ALL
    SELECT created_boot, created_monotonic_s, 0, seq FROM journal WHERE created_at_us IS NULL
) WHERE abs(at_s) <= :longest_s GROUP BY boot ORDER BY max(seq) DESC, max(place) DESC
"""
"""Of two boots the later one told of something later; what was told already was so in the order of transactions."""


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

    def number(
        self, local_id: str, csms_id: int, *, refused: bool = False, parent_id_tag: str | None = None
    ) -> None:
        self._connection.execute(
            "UPDATE transactions SET csms_id = ?, refused = ?, parent_id_tag = coalesce(?, parent_id_tag)"
            " WHERE local_id = ?",
            (csms_id, refused, parent_id_tag, local_id),
        )

    def metered(self, local_id: str, last_meter_wh: int) -> None:
        self._connection.execute(
            "UPDATE transactions SET last_meter_wh = ?"
            " WHERE local_id = ? AND last_meter_wh < ? AND stopped_boot IS NULL",
            (last_meter_wh, local_id, last_meter_wh),
        )

    def told(self, local_id: str) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM transactions WHERE local_id = :local_id"
            " AND (csms_id IS NOT NULL OR local_id IN (SELECT local_id FROM journal))",
            {"local_id": local_id},
        ).fetchone()
        return row is not None

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
        # Without a number nobody was told of it: the charger works alone, or its start was given up.
        return tuple(
            (one, not one.active and one.csms_id is not None and one.local_id not in waiting)
            for one in newest
        )

    def date(self, boot: str, at_zero: datetime) -> None:
        date_moments(self._connection, boot, at_zero)

    def date_start(self, local_id: str, at: datetime) -> None:
        self._connection.execute(
            "UPDATE transactions SET started_at_us = ? WHERE local_id = ? AND started_at_us IS NULL",
            (microseconds(at), local_id),
        )

    def undated(self) -> Sequence[UndatedBoot]:
        rows = self._connection.execute(_UNDATED, {"longest_s": LONGEST_UPTIME_S})
        return tuple(UndatedBoot(boot=boot, first_s=first_s, last_s=last_s) for boot, first_s, last_s in rows)

    def latest(self) -> datetime | None:
        (at_us,) = self._connection.execute(
            "SELECT max(max(started_at_us, coalesce(stopped_at_us, 0))) FROM transactions"
            " WHERE started_at_us BETWEEN 0 AND :latest AND coalesce(stopped_at_us, 0) <= :latest",
            {"latest": LATEST_US},
        ).fetchone()
        return wall_time(at_us)

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
        "refused": transaction.refused,
        "ordinal": transaction.order,
        **moment_columns("started", transaction.started),
        **moment_columns("stopped", transaction.stopped),
    }


def _transaction(row: sqlite3.Row) -> Transaction:
    fields: dict[str, object] = {name: row[name] for name in _PLAIN}
    fields["order"] = row["ordinal"]
    fields["refused"] = row["refused"] == 1
    fields["started"] = moment_fields(row, "started")
    fields["stopped"] = moment_fields(row, "stopped")
    registers = (row["meter_start_wh"], row["last_meter_wh"], row["meter_stop_wh"] or 0)
    if min(registers) < 0:
        raise ValueError(f"registers {registers} are not all 0 Wh or more")
    return msgspec.convert(fields, Transaction)
