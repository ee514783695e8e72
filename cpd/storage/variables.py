"""Configuration values that were changed at run time."""

import sqlite3
from collections.abc import Mapping

from cpd.station.repositories import StoredVariable


class SqliteVariables:
    """A `cpd.station.repositories.VariableRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, StoredVariable]:
        rows = self._connection.execute("SELECT key, value, source FROM variables ORDER BY key")
        return {key: StoredVariable(value=value, source=source) for key, value, source in rows}

    def put(self, key: str, variable: StoredVariable) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO variables (key, value, source) VALUES (?, ?, ?)",
            (key, variable.value, variable.source),
        )

    def remove(self, key: str) -> None:
        self._connection.execute("DELETE FROM variables WHERE key = ?", (key,))
