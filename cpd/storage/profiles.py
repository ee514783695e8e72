"""Charging profiles on disk: a JSON document of the domain's own shape, not of OCPP's."""

import sqlite3
from collections.abc import Sequence

import msgspec

from cpd.domain.profile_book import InstalledProfile
from cpd.domain.profiles import ChargingProfile
from cpd.storage.quarantine import readable

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ChargingProfile)


class SqliteProfiles:
    """A `cpd.station.repositories.ProfileRepository`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[InstalledProfile]:
        rows = self._connection.execute("SELECT rowid AS rowid, * FROM profiles ORDER BY arrival").fetchall()
        decoded = (readable(self._connection, "profiles", row, _installed) for row in rows)
        return tuple(profile for profile in decoded if profile is not None)

    def replace(self, added: InstalledProfile, removed: Sequence[InstalledProfile]) -> None:
        self.remove(removed)
        self._connection.execute(
            "INSERT OR REPLACE INTO profiles"
            " (profile_id, connector, received_at_s, transaction_key, document) VALUES (?, ?, ?, ?, ?)",
            (
                added.profile.id,
                added.connector,
                added.received_at_s,
                added.transaction_key,
                _encoder.encode(added.profile).decode(),
            ),
        )

    def remove(self, removed: Sequence[InstalledProfile]) -> None:
        self._connection.executemany(
            "DELETE FROM profiles WHERE profile_id = ? AND connector = ? AND received_at_s = ?",
            [(one.profile.id, one.connector, one.received_at_s) for one in removed],
        )


def _installed(row: sqlite3.Row) -> InstalledProfile:
    return InstalledProfile(
        connector=row["connector"],
        received_at_s=row["received_at_s"],
        transaction_key=row["transaction_key"],
        profile=_decoder.decode(row["document"]),
    )
