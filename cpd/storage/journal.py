"""The journal on disk: facts of transactions in the order in which the CSMS is told them."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace

import msgspec

from cpd.domain.metering import MeterSample
from cpd.domain.transactions import FactKind, Moment
from cpd.station.repositories import JournalEntry
from cpd.storage.moments import moment_columns, moment_fields
from cpd.storage.quarantine import readable
from cpd.storage.transactions import SqliteTransactions

_SELECT = "SELECT rowid AS rowid, * FROM journal"

_USED_BYTES = """
    SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""

_EVERY_OTHER_SAMPLE = """
    SELECT seq FROM (
        SELECT seq, row_number() OVER sampled AS place, count(*) OVER (PARTITION BY local_id) AS places
        FROM journal
        WHERE CASE WHEN json_valid(sample) THEN json_extract(sample, '$.context') END
            IN ('Sample.Periodic', 'Sample.Clock')
        WINDOW sampled AS (PARTITION BY local_id ORDER BY seq)
    )
    WHERE place % 2 = 0 AND place < places
"""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(MeterSample)


class SqliteJournal:
    """A `cpd.station.repositories.JournalRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._transactions = SqliteTransactions(connection)

    def append(
        self, kind: FactKind, local_id: str, created: Moment, sample: MeterSample | None = None
    ) -> int:
        columns = {
            "kind": kind,
            "local_id": local_id,
            **moment_columns("created", created),
            **_sample_columns(sample),
        }
        (seq,) = self._connection.execute(
            f"INSERT INTO journal ({', '.join(columns)}) VALUES (:{', :'.join(columns)}) RETURNING seq",
            columns,
        ).fetchone()
        return int(seq)

    def head(self) -> JournalEntry | None:
        # An entry that cannot be read is set aside by reading it, so the next round finds the one behind it.
        while row := self._connection.execute(f"{_SELECT} WHERE dead = 0 ORDER BY seq LIMIT 1").fetchone():
            entry = readable(self._connection, "journal", row, self._entry)
            if entry is not None:
                return entry
        return None

    def delivered(self, seq: int) -> bool:
        return self._connection.execute("DELETE FROM journal WHERE seq = ?", (seq,)).rowcount == 1

    def failed(self, seq: int, error: str) -> None:
        self._connection.execute(
            "UPDATE journal SET attempts = attempts + 1, last_error = ? WHERE seq = ?", (error, seq)
        )

    def bury(self, seq: int, error: str) -> bool:
        buried = self._connection.execute(
            "UPDATE journal SET dead = 1, last_error = ? WHERE seq = ? AND dead = 0", (error, seq)
        )
        return buried.rowcount == 1

    def revive(self, seq: int) -> bool:
        changed = self._connection.execute(
            "UPDATE journal SET dead = 0, attempts = 0 WHERE seq = ? AND dead = 1", (seq,)
        )
        return changed.rowcount == 1

    def entries(self, *, dead: bool | None = None) -> Sequence[JournalEntry]:
        clause = "" if dead is None else f"WHERE dead = {int(dead)}"
        rows = self._connection.execute(f"{_SELECT} {clause} ORDER BY seq").fetchall()
        decoded = (readable(self._connection, "journal", row, self._entry) for row in rows)
        return tuple(entry for entry in decoded if entry is not None)

    def counts(self) -> tuple[int, int]:
        (every,) = self._connection.execute("SELECT count(*) FROM journal").fetchone()
        (dead,) = self._connection.execute("SELECT count(*) FROM journal WHERE dead = 1").fetchone()
        return every - dead, dead

    def thin(self, quota_bytes: int, *, spared: Collection[int]) -> int:
        (used_bytes,) = self._connection.execute(_USED_BYTES).fetchone()
        if used_bytes <= quota_bytes:
            return 0
        going = {seq for (seq,) in self._connection.execute(_EVERY_OTHER_SAMPLE)}.difference(spared)
        self._connection.executemany("DELETE FROM journal WHERE seq = ?", [(seq,) for seq in going])
        return len(going)

    def _entry(self, row: sqlite3.Row) -> JournalEntry:
        transaction = self._transactions.get(row["local_id"])
        if transaction is None:
            raise ValueError("its transaction is missing")
        fields = {
            "seq": row["seq"],
            "kind": row["kind"],
            "transaction": transaction,
            "sample": _sample(row),
            "attempts": row["attempts"],
            "last_error": row["last_error"],
            "dead": row["dead"] == 1,
            "created": moment_fields(row, "created"),
        }
        return msgspec.convert(fields, JournalEntry)


def _sample_columns(sample: MeterSample | None) -> dict[str, str | float | int | None]:
    if sample is None:
        return {}
    return {**moment_columns("taken", sample.taken), "sample": _encoder.encode(sample).decode()}


def _sample(row: sqlite3.Row) -> MeterSample | None:
    if row["sample"] is None:
        return None
    # The columns, not the document, say when it was taken: they are dated where it could not be at first.
    taken = msgspec.convert(moment_fields(row, "taken"), Moment)
    return replace(_decoder.decode(row["sample"]), taken=taken)
