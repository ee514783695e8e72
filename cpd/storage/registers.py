"""The lifetime energy register of each connector on disk."""

import sqlite3
from collections.abc import Mapping

from cpd.domain.register import Register


class SqliteRegisters:
    """A `cpd.station.repositories.RegisterRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[int, Register]:
        rows = self._connection.execute("SELECT connector, lifetime_wh, raw_wh FROM registers")
        return {
            connector: Register(lifetime_wh=lifetime_wh, raw_wh=raw_wh)
            for connector, lifetime_wh, raw_wh in rows
        }

    def put(self, connector: int, register: Register) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO registers (connector, lifetime_wh, raw_wh) VALUES (?, ?, ?)",
            (connector, register.lifetime_wh, register.raw_wh),
        )
