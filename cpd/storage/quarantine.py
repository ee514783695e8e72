"""Rows that cannot be read are moved out of the way and kept, so that one of them never stops a charger."""

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")

log = logging.getLogger(__name__)

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError)
"""What decoding a row raises when its content is not what the schema's owner wrote."""


def readable(
    connection: sqlite3.Connection, table: str, row: sqlite3.Row, decode: Callable[[sqlite3.Row], T]
) -> T | None:
    """*row* of *table* decoded, or None after it has been set aside; *row* has a column `rowid`."""
    try:
        return decode(row)
    except UNREADABLE as error:
        set_aside(connection, table, row["rowid"], str(error))
        return None


def set_aside(connection: sqlite3.Connection, table: str, rowid: int, reason: str) -> None:
    """Move a row to the table `quarantine`, and before it whatever hangs on it; no error where it is gone."""
    row = connection.execute(f"SELECT * FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
    if row is None:
        return
    if table == "transactions":
        for dependent in ("journal", "transaction_samples"):
            hanging = f"SELECT rowid FROM {dependent} WHERE local_id = ?"
            for (entry,) in connection.execute(hanging, (row["local_id"],)).fetchall():
                set_aside(connection, dependent, entry, "its transaction cannot be read")
    quarantine(connection, table, dict(row), reason)
    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
    log.error("store row set aside table=%s row=%d reason=%s", table, rowid, reason)


def quarantine(connection: sqlite3.Connection, table: str, row: Mapping[str, object], reason: str) -> None:
    """Keep *row* of *table*, by column, where no repository looks."""
    connection.execute(
        "INSERT INTO quarantine (from_table, content, reason) VALUES (?, ?, ?)",
        (table, json.dumps(row, default=repr), reason),
    )
