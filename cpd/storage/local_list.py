"""The local authorization list on disk, with its version and the number of entries that belong to it."""

import logging
import sqlite3

import msgspec

from cpd.domain.authorization import IdTagInfo
from cpd.domain.local_list import EMPTY_VERSION, ListUpdate
from cpd.storage.moments import microseconds, wall_time
from cpd.storage.quarantine import readable

log = logging.getLogger(__name__)


class SqliteLocalList:
    """A `cpd.station.repositories.LocalListRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def version(self) -> int:
        row = self._connection.execute("SELECT version, entries FROM local_list_version").fetchone()
        return EMPTY_VERSION if row is None or row["entries"] == 0 else int(row["version"])

    def get(self, id_tag: str) -> IdTagInfo | None:
        row = self._connection.execute(
            "SELECT rowid AS rowid, * FROM local_list WHERE folded = ?", (id_tag.casefold(),)
        ).fetchone()
        if row is None:
            return None
        info = readable(self._connection, "local_list", row, _info)
        if info is None:
            self._drop()
        return info

    def apply(self, update: ListUpdate) -> int:
        if update.full:
            self._connection.execute("DELETE FROM local_list")
        self._connection.executemany(
            "DELETE FROM local_list WHERE folded = ?",
            ((one.id_tag.casefold(),) for one in update.tags if one.info is None),
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO local_list (folded, status, parent_id_tag, expires_at_us)"
            " VALUES (?, ?, ?, ?)",
            (
                (
                    one.id_tag.casefold(),
                    one.info.status,
                    one.info.parent_id_tag,
                    microseconds(one.info.expires_at),
                )
                for one in update.tags
                if one.info is not None
            ),
        )
        # What the CSMS takes off its list later must not live on in the cache (OCPP 1.6 §3.5.3).
        self._connection.execute("DELETE FROM authorizations WHERE folded IN (SELECT folded FROM local_list)")
        length = self._length()
        self._connection.execute(
            "INSERT OR REPLACE INTO local_list_version (one, version, entries) VALUES (1, ?, ?)",
            (update.version, length),
        )
        return length

    def drop_unless_whole(self) -> bool:
        for row in self._connection.execute("SELECT rowid AS rowid, * FROM local_list").fetchall():
            readable(self._connection, "local_list", row, _info)
        row = self._connection.execute("SELECT entries FROM local_list_version").fetchone()
        length = self._length()
        if length == (0 if row is None else row["entries"]):
            return True
        self._drop()
        return False

    def _drop(self) -> None:
        """Begin again with an empty list, as the CSMS is told by its version: half a list would look like a whole."""
        self._connection.execute("DELETE FROM local_list")
        self._connection.execute("DELETE FROM local_list_version")
        log.error("local list is dropped, it is not whole any more")

    def _length(self) -> int:
        (length,) = self._connection.execute("SELECT count(*) FROM local_list").fetchone()
        return int(length)


def _info(row: sqlite3.Row) -> IdTagInfo:
    fields = {
        "status": row["status"],
        "parent_id_tag": row["parent_id_tag"],
        "expires_at": wall_time(row["expires_at_us"]),
    }
    return msgspec.convert(fields, IdTagInfo)
