"""The file of diagnostics on its way, on disk: where it goes and what it covers; it is made anew when it is sent."""

import sqlite3

import msgspec

from cpd.domain.diagnostics import Upload
from cpd.storage.moments import LATEST_US, microseconds, wall_time
from cpd.storage.quarantine import readable

_PLAIN = ("location", "file_name", "retries", "retry_interval_s")


class SqliteDiagnostics:
    """A `cpd.station.repositories.DiagnosticsRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def upload(self) -> Upload | None:
        row = self._connection.execute("SELECT rowid AS rowid, * FROM diagnostics_upload").fetchone()
        return None if row is None else readable(self._connection, "diagnostics_upload", row, _upload)

    def put(self, upload: Upload) -> None:
        columns = {name: getattr(upload, name) for name in _PLAIN} | {
            "one": 1,
            "start_at_us": microseconds(upload.window.start_at),
            "stop_at_us": microseconds(upload.window.stop_at),
            "due_at_us": microseconds(upload.due_at),
            "uploading": int(upload.uploading),
        }
        self._connection.execute(
            f"INSERT OR REPLACE INTO diagnostics_upload ({', '.join(columns)}) VALUES (:{', :'.join(columns)})",
            columns,
        )

    def remove(self) -> None:
        self._connection.execute("DELETE FROM diagnostics_upload")


def _upload(row: sqlite3.Row) -> Upload:
    instants = (row["due_at_us"], row["start_at_us"] or 0, row["stop_at_us"] or 0)
    if any(abs(instant_us) > LATEST_US for instant_us in instants):
        raise ValueError(f"an upload at {instants} µs cannot be")
    fields = {name: row[name] for name in _PLAIN} | {
        "window": {"start_at": wall_time(row["start_at_us"]), "stop_at": wall_time(row["stop_at_us"])},
        "due_at": wall_time(row["due_at_us"]),
        "uploading": bool(row["uploading"]),
    }
    return msgspec.convert(fields, Upload)
