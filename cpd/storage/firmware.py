"""The firmware update on its way, on disk, and what the CSMS is still to be told of updates."""

import sqlite3
from collections.abc import Sequence

import msgspec

from cpd.domain.firmware import FirmwareStatus, FirmwareUpdate
from cpd.station.repositories import UntoldStatus
from cpd.storage.moments import LATEST_US, microseconds, wall_time
from cpd.storage.quarantine import readable

_PLAIN = ("location", "retries", "retry_interval_s", "version", "phase", "installs")


class SqliteFirmware:
    """A `cpd.station.repositories.FirmwareRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def update(self) -> FirmwareUpdate | None:
        row = self._connection.execute("SELECT rowid AS rowid, * FROM firmware_update").fetchone()
        return None if row is None else readable(self._connection, "firmware_update", row, _update)

    def put(self, update: FirmwareUpdate) -> None:
        columns = {name: getattr(update, name) for name in _PLAIN}
        columns |= {"one": 1, "retrieve_at_us": microseconds(update.retrieve_at)}
        self._connection.execute(
            f"INSERT OR REPLACE INTO firmware_update ({', '.join(columns)}) VALUES (:{', :'.join(columns)})",
            columns,
        )

    def remove(self) -> None:
        self._connection.execute("DELETE FROM firmware_update")

    def tell(self, status: FirmwareStatus) -> UntoldStatus:
        seq = self._connection.execute(
            "INSERT INTO firmware_statuses (status) VALUES (?)", (status,)
        ).lastrowid
        assert seq is not None
        return UntoldStatus(seq=seq, status=status)

    def told(self, seq: int) -> None:
        self._connection.execute("DELETE FROM firmware_statuses WHERE seq = ?", (seq,))

    def untold(self) -> Sequence[UntoldStatus]:
        rows = self._connection.execute(
            "SELECT rowid AS rowid, * FROM firmware_statuses ORDER BY seq"
        ).fetchall()
        decoded = (readable(self._connection, "firmware_statuses", row, _untold) for row in rows)
        return tuple(untold for untold in decoded if untold is not None)


def _update(row: sqlite3.Row) -> FirmwareUpdate:
    if not 0 <= row["retrieve_at_us"] <= LATEST_US:
        raise ValueError(f"an update at {row['retrieve_at_us']} µs cannot be")
    fields = {name: row[name] for name in _PLAIN}
    return msgspec.convert({**fields, "retrieve_at": wall_time(row["retrieve_at_us"])}, FirmwareUpdate)


def _untold(row: sqlite3.Row) -> UntoldStatus:
    return UntoldStatus(seq=row["seq"], status=FirmwareStatus(row["status"]))
