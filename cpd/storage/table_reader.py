"""One table of a damaged database, read around what is damaged in it. What its rows mean is not known here."""

import sqlite3
from collections.abc import Sequence

MAX_PROBES = 2_000
"""How often a gap in a table is looked into; behind so many dead ends there is nothing to be found."""


class TableReader:
    """Reads by rowid, which is what a table is sorted by; never raises for what is damaged."""

    def __init__(self, source: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
        self._source = source
        self._table = table
        self._select = f"SELECT rowid, {', '.join(columns)} FROM {table}"
        self._rows: dict[int, tuple[object, ...]] = {}
        self.whole = True
        """Every row was read; known behind `rows`."""

    def rows(self) -> dict[int, tuple[object, ...]]:
        """All rows that can be read."""
        if not self._read("ORDER BY rowid"):
            self.whole = False
            low = max(self._rows, default=0)
            self._read("ORDER BY rowid DESC")
            beyond = [rowid for rowid in self._rows if rowid > low]
            self._probe(low, min(beyond) if beyond else max(low + MAX_PROBES, self._newest()))
        return self._rows

    def _probe(self, low: int, high: int) -> None:
        """Look for rows between two known ones from many places, since a damaged page hides only its own."""
        step = max(1, (high - low) // MAX_PROBES)
        at = low
        while at < high:
            self._read("WHERE rowid > ? ORDER BY rowid", at)
            at += step
            while at in self._rows:
                at += 1

    def _newest(self) -> int:
        """The highest rowid that was ever given; 0 where nobody knows."""
        try:
            found = self._source.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = ?", (self._table,)
            ).fetchone()
        except (sqlite3.Error, UnicodeDecodeError):
            return 0
        return found[0] if found is not None and isinstance(found[0], int) else 0

    def _read(self, clause: str, *values: int) -> bool:
        """Read until the end (True), a row that is known from another reading, or the first thing that is wrong."""
        seen: set[int] = set()
        try:
            for rowid, *row in self._source.execute(f"{self._select} {clause}", values):
                # A page that names an earlier one as its child would be read for ever.
                if rowid in seen:
                    return False
                if rowid in self._rows:
                    return True
                seen.add(rowid)
                self._rows[rowid] = tuple(row)
        except (sqlite3.Error, UnicodeDecodeError, MemoryError):
            return False
        return True
