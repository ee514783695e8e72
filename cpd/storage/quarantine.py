"""Rows that cannot be read are moved out of the way and kept, so that one of them never stops a charger."""

import json
import logging
import sqlite3
from collections.abc import Callable
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
        for (entry,) in connection.execute(
            "SELECT rowid FROM journal WHERE local_id = ?", (row["local_id"],)
        ).fetchall():
            set_aside(connection, "journal", entry, "its transaction cannot be read")
    connection.execute(
        "INSERT INTO quarantine (from_table, content, reason) VALUES (?, ?, ?)",
        (table, json.dumps(dict(row), default=repr), reason),
    )
    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
    log.error("store row set aside table=%s row=%d reason=%s", table, rowid, reason)
