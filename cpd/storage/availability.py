"""Operative states on disk: what ChangeAvailability and people at the charger have set."""

import sqlite3
from collections.abc import Mapping

from cpd.station.repositories import StoredAvailability


class SqliteAvailability:
    """A `cpd.station.repositories.AvailabilityRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[int, StoredAvailability]:
        rows = self._connection.execute("SELECT connector, operative, scheduled FROM availability")
        return {
            connector: StoredAvailability(
                operative=operative == 1, scheduled=None if scheduled is None else scheduled == 1
            )
            for connector, operative, scheduled in rows
        }

    def put(self, connector: int, availability: StoredAvailability) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO availability (connector, operative, scheduled) VALUES (?, ?, ?)",
            (connector, availability.operative, availability.scheduled),
        )
