"""Who changed what through the control socket, on disk."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from cpd.domain.transactions import Moment
from cpd.station.repositories import AuditedCall
from cpd.storage.moments import microseconds, moment_columns, wall_time


class SqliteAudit:
    """A `cpd.station.repositories.AuditRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, *, uid: int, method: str, params: str, at: Moment) -> None:
        columns = {"uid": uid, "method": method, "params": params, **moment_columns("made", at)}
        self._connection.execute(
            f"INSERT INTO audit ({', '.join(columns)}) VALUES (:{', :'.join(columns)})", columns
        )

    def recent(self, limit: int) -> Sequence[AuditedCall]:
        rows = self._connection.execute("SELECT * FROM audit ORDER BY id DESC LIMIT ?", (limit,))
        return tuple(
            AuditedCall(
                uid=row["uid"], method=row["method"], params=row["params"], at=wall_time(row["made_at_us"])
            )
            for row in rows.fetchall()
        )

    def prune(self, before: datetime) -> int:
        # A call on a boot whose clock was never set is as old as what was recorded after it.
        return self._connection.execute(
            "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit WHERE made_at_us < ?)",
            (microseconds(before),),
        ).rowcount
