"""Meter samples on disk that are to go with the StopTransaction of their transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import msgspec

from cpd.domain.metering import MeterSample, SampleContext, thinned
from cpd.domain.transactions import Moment
from cpd.storage.moments import moment_columns, moment_fields
from cpd.storage.quarantine import readable

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(MeterSample)


class SqliteTransactionSamples:
    """A `cpd.station.repositories.TransactionSampleRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, local_id: str, samples: Sequence[MeterSample], *, at_most: int) -> None:
        self._connection.executemany(
            "INSERT INTO transaction_samples"
            " (local_id, context, taken_boot, taken_monotonic_s, taken_at_us, sample)"
            " VALUES (:local_id, :context, :taken_boot, :taken_monotonic_s, :taken_at_us, :sample)",
            [
                {
                    "local_id": local_id,
                    "context": sample.context,
                    **moment_columns("taken", sample.taken),
                    "sample": _encoder.encode(sample).decode(),
                }
                for sample in samples
            ],
        )
        rows = self._connection.execute(
            "SELECT seq, context, taken_boot, taken_monotonic_s FROM transaction_samples"
            " WHERE local_id = ? ORDER BY seq",
            (local_id,),
        ).fetchall()
        if len(rows) > at_most:
            contexts = [SampleContext(row["context"]) for row in rows]
            kept = {
                rows[place]["seq"]
                for place in thinned(contexts, _elapsed_s(rows), [1] * len(rows), at_most // 2)
            }
            self._connection.executemany(
                "DELETE FROM transaction_samples WHERE seq = ?",
                [(row["seq"],) for row in rows if row["seq"] not in kept],
            )

    def of(self, local_id: str) -> Sequence[MeterSample]:
        rows = self._connection.execute(
            "SELECT rowid AS rowid, * FROM transaction_samples WHERE local_id = ? ORDER BY seq", (local_id,)
        ).fetchall()
        decoded = (readable(self._connection, "transaction_samples", row, _sample) for row in rows)
        return tuple(sample for sample in decoded if sample is not None)

    def remove(self, local_id: str) -> None:
        self._connection.execute("DELETE FROM transaction_samples WHERE local_id = ?", (local_id,))


def _elapsed_s(rows: Sequence[sqlite3.Row]) -> list[float]:
    """Seconds since the first of *rows*; what passed between two boots is not known and counts as nothing."""
    elapsed_s = [0.0]
    for earlier, later in pairwise(rows):
        same_boot = earlier["taken_boot"] == later["taken_boot"]
        passed_s = later["taken_monotonic_s"] - earlier["taken_monotonic_s"] if same_boot else 0.0
        elapsed_s.append(elapsed_s[-1] + passed_s)
    return elapsed_s


def _sample(row: sqlite3.Row) -> MeterSample:
    # The columns, not the document, say when it was taken: they are dated where it could not be at first.
    taken = msgspec.convert(moment_fields(row, "taken"), Moment)
    return replace(_decoder.decode(row["sample"]), taken=taken)
