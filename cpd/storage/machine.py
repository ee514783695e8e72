"""Which machine the store belongs to, on disk."""

import sqlite3

from cpd.station.repositories import KnownMachine


class SqliteMachine:
    """A `cpd.station.repositories.MachineRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self) -> KnownMachine | None:
        row = self._connection.execute("SELECT identity, station_id, held_on FROM machine").fetchone()
        return None if row is None else KnownMachine(**row)

    def put(self, machine: KnownMachine) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO machine (one, identity, station_id, held_on) VALUES (1, ?, ?, ?)",
            (machine.identity, machine.station_id, machine.held_on),
        )
