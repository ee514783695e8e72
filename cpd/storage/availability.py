"""Operative states on disk: what ChangeAvailability and people at the charger have set."""

import sqlite3
from collections.abc import Mapping

from cpd.domain.availability import Origin
from cpd.storage.quarantine import readable

_TABLES = {Origin.CSMS: "availability", Origin.LOCAL: "local_availability"}


class SqliteAvailability:
    """A `cpd.station.repositories.AvailabilityRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[tuple[Origin, int], bool]:
        found = {}
        for origin, table in _TABLES.items():
            rows = self._connection.execute(f"SELECT rowid AS rowid, * FROM {table}").fetchall()
            for row in rows:
                operative = readable(self._connection, table, row, _operative)
                if operative is not None:
                    found[origin, row["connector"]] = operative
        return found

    def put(self, changes: Mapping[tuple[Origin, int], bool]) -> None:
        for (origin, connector), operative in changes.items():
            self._connection.execute(
                f"INSERT OR REPLACE INTO {_TABLES[origin]} (connector, operative) VALUES (?, ?)",
                (connector, operative),
            )


def _operative(row: sqlite3.Row) -> bool:
    operative = row["operative"]
    if operative not in (0, 1):
        raise ValueError(f"operative {operative} is no truth value")
    return bool(operative)
