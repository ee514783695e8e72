"""Configuration values that were changed at run time."""

import sqlite3
from collections.abc import Mapping

import msgspec

from cpd.station.repositories import StoredVariable
from cpd.storage.quarantine import readable


class SqliteVariables:
    """A `cpd.station.repositories.VariableRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, StoredVariable]:
        rows = self._connection.execute("SELECT rowid AS rowid, * FROM variables ORDER BY key").fetchall()
        decoded = {row["key"]: readable(self._connection, "variables", row, _variable) for row in rows}
        return {key: variable for key, variable in decoded.items() if variable is not None}

    def put(self, key: str, variable: StoredVariable) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO variables (key, value, source) VALUES (?, ?, ?)",
            (key, variable.value, variable.source),
        )

    def remove(self, key: str) -> None:
        self._connection.execute("DELETE FROM variables WHERE key = ?", (key,))


def _variable(row: sqlite3.Row) -> StoredVariable:
    return msgspec.convert({"value": row["value"], "source": row["source"]}, StoredVariable)
