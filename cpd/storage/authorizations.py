"""The authorization cache on disk (OCPP 1.6 §3.5.1): bounded, the idTags answered longest ago give way."""

import sqlite3

import msgspec

from cpd.domain.authorization import IdTagInfo
from cpd.storage.moments import microseconds, wall_time
from cpd.storage.quarantine import readable

MAX_ENTRIES = 2_000
"""Far above the cards of one charger; whoever holds cards up to the reader cannot fill the disk."""


class SqliteAuthorizationCache:
    """A `cpd.station.repositories.AuthorizationCacheRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, id_tag: str) -> IdTagInfo | None:
        row = self._connection.execute(
            "SELECT rowid AS rowid, * FROM authorizations WHERE folded = ?", (id_tag.casefold(),)
        ).fetchone()
        return None if row is None else readable(self._connection, "authorizations", row, _info)

    def put(self, id_tag: str, info: IdTagInfo) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO authorizations (folded, status, parent_id_tag, expires_at_us)"
            " VALUES (?, ?, ?, ?)",
            (id_tag.casefold(), info.status, info.parent_id_tag, microseconds(info.expires_at)),
        )
        self._connection.execute(
            "DELETE FROM authorizations WHERE answered IN"
            " (SELECT answered FROM authorizations ORDER BY answered DESC LIMIT -1 OFFSET ?)",
            (MAX_ENTRIES,),
        )

    def clear(self) -> None:
        self._connection.execute("DELETE FROM authorizations")


def _info(row: sqlite3.Row) -> IdTagInfo:
    fields = {
        "status": row["status"],
        "parent_id_tag": row["parent_id_tag"],
        "expires_at": wall_time(row["expires_at_us"]),
    }
    return msgspec.convert(fields, IdTagInfo)
