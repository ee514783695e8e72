"""Reservations on disk, until they are used, cancelled or over."""

import sqlite3
from collections.abc import Sequence

import msgspec

from cpd.domain.reservations import Reservation
from cpd.storage.moments import LATEST_US, microseconds, moment_columns, moment_fields, wall_time
from cpd.storage.quarantine import readable


class SqliteReservations:
    """A `cpd.station.repositories.ReservationRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[Reservation]:
        rows = self._connection.execute("SELECT rowid AS rowid, * FROM reservations").fetchall()
        decoded = (readable(self._connection, "reservations", row, _reservation) for row in rows)
        return tuple(reservation for reservation in decoded if reservation is not None)

    def put(self, reservation: Reservation) -> None:
        columns = {
            "reservation_id": reservation.id,
            "connector": reservation.connector,
            "id_tag": reservation.id_tag,
            "parent_id_tag": reservation.parent_id_tag,
            "expires_at_us": microseconds(reservation.expires_at),
            **moment_columns("made", reservation.made),
        }
        self._connection.execute(
            f"INSERT OR REPLACE INTO reservations ({', '.join(columns)}) VALUES (:{', :'.join(columns)})",
            columns,
        )

    def remove(self, reservation_id: int) -> None:
        self._connection.execute("DELETE FROM reservations WHERE reservation_id = ?", (reservation_id,))


def _reservation(row: sqlite3.Row) -> Reservation:
    expires_at_us, made = row["expires_at_us"], moment_fields(row, "made")
    if not 0 <= expires_at_us <= LATEST_US or made is None or made["at"] is None:
        raise ValueError(f"a reservation made at {made} until {expires_at_us} µs cannot be")
    fields = {name: row[name] for name in ("connector", "id_tag", "parent_id_tag")}
    fields |= {"id": row["reservation_id"], "expires_at": wall_time(expires_at_us), "made": made}
    return msgspec.convert(fields, Reservation)
