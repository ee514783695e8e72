"""Local limits on disk: what people at the charger allow for a while."""

import sqlite3
from collections.abc import Sequence

import msgspec

from cpd.domain.local_limits import LocalLimit
from cpd.storage.moments import moment_columns, moment_fields
from cpd.storage.quarantine import readable


class SqliteLocalLimits:
    """A `cpd.station.repositories.LocalLimitRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[LocalLimit]:
        rows = self._connection.execute("SELECT rowid AS rowid, * FROM local_limits").fetchall()
        decoded = (readable(self._connection, "local_limits", row, _limit) for row in rows)
        return tuple(limit for limit in decoded if limit is not None)

    def put(self, limit: LocalLimit) -> None:
        columns = {
            "connector": limit.connector,
            "current_ma": limit.current_ma,
            "for_s": limit.for_s,
            **moment_columns("made", limit.made),
        }
        self._connection.execute(
            f"INSERT OR REPLACE INTO local_limits ({', '.join(columns)}) VALUES (:{', :'.join(columns)})",
            columns,
        )

    def remove(self, connector: int) -> None:
        self._connection.execute("DELETE FROM local_limits WHERE connector = ?", (connector,))


def _limit(row: sqlite3.Row) -> LocalLimit:
    fields = {name: row[name] for name in ("connector", "current_ma", "for_s")}
    return msgspec.convert({**fields, "made": moment_fields(row, "made")}, LocalLimit)
