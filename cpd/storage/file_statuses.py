"""What the CSMS is still to be told of firmware and diagnostics, on disk and in order."""

import sqlite3
from collections.abc import Sequence

from cpd.domain.diagnostics import DiagnosticsStatus
from cpd.domain.firmware import FirmwareStatus
from cpd.station.repositories import FileStatus, UntoldStatus
from cpd.storage.quarantine import readable

_KINDS: dict[str, type[FirmwareStatus] | type[DiagnosticsStatus]] = {
    "firmware": FirmwareStatus,
    "diagnostics": DiagnosticsStatus,
}


class SqliteFileStatuses:
    """A `cpd.station.repositories.FileStatusRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tell(self, status: FileStatus) -> UntoldStatus:
        about = next(name for name, kind in _KINDS.items() if isinstance(status, kind))
        seq = self._connection.execute(
            "INSERT INTO file_statuses (about, status) VALUES (?, ?)", (about, status.value)
        ).lastrowid
        assert seq is not None
        return UntoldStatus(seq=seq, status=status)

    def told(self, seq: int) -> None:
        self._connection.execute("DELETE FROM file_statuses WHERE seq = ?", (seq,))

    def untold(self) -> Sequence[UntoldStatus]:
        rows = self._connection.execute("SELECT rowid AS rowid, * FROM file_statuses ORDER BY seq").fetchall()
        decoded = (readable(self._connection, "file_statuses", row, _untold) for row in rows)
        return tuple(untold for untold in decoded if untold is not None)


def _untold(row: sqlite3.Row) -> UntoldStatus:
    kind = _KINDS.get(row["about"])
    if kind is None:
        raise ValueError(f"nothing is told about {row['about']!r}")
    return UntoldStatus(seq=row["seq"], status=kind(row["status"]))
