"""The firmware update on its way, on disk."""

import sqlite3

import msgspec

from cpd.domain.firmware import FirmwareUpdate
from cpd.storage.moments import LATEST_US, microseconds, wall_time
from cpd.storage.quarantine import readable

_PLAIN = ("location", "retries", "retry_interval_s", "version", "phase", "begun")


class SqliteFirmware:
    """A `cpd.station.repositories.FirmwareRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def update(self) -> FirmwareUpdate | None:
        row = self._connection.execute("SELECT rowid AS rowid, * FROM firmware_update").fetchone()
        return None if row is None else readable(self._connection, "firmware_update", row, _update)

    def put(self, update: FirmwareUpdate) -> None:
        columns = {name: getattr(update, name) for name in _PLAIN}
        columns |= {
            "one": 1,
            "online": int(update.online),
            "retrieve_at_us": microseconds(update.retrieve_at),
        }
        self._connection.execute(
            f"INSERT OR REPLACE INTO firmware_update ({', '.join(columns)}) VALUES (:{', :'.join(columns)})",
            columns,
        )

    def remove(self) -> None:
        self._connection.execute("DELETE FROM firmware_update")


def _update(row: sqlite3.Row) -> FirmwareUpdate:
    if not 0 <= row["retrieve_at_us"] <= LATEST_US:
        raise ValueError(f"an update at {row['retrieve_at_us']} µs cannot be")
    fields = {name: row[name] for name in _PLAIN}
    fields |= {"retrieve_at": wall_time(row["retrieve_at_us"]), "online": bool(row["online"])}
    return msgspec.convert(fields, FirmwareUpdate)
