"""Charging profiles on disk: a JSON document of the domain's own shape, not of OCPP's."""

import sqlite3
import sys
from collections.abc import Sequence

import msgspec

from cpd.domain.profile_book import InstalledProfile
from cpd.domain.profiles import Capabilities, ChargingProfile, Refusal, check_profile
from cpd.storage.quarantine import readable

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ChargingProfile)

_ANYTHING = Capabilities(max_stack_level=sys.maxsize, max_periods=sys.maxsize)
"""What was accepted under a configuration that is no longer in force is still a profile."""

_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999."""


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
    profile = _decoder.decode(row["document"])
    _check(profile, row["connector"], row["received_at_s"])
    return InstalledProfile(
        connector=row["connector"],
        received_at_s=row["received_at_s"],
        transaction_key=row["transaction_key"],
        profile=profile,
    )


def _check(profile: ChargingProfile, connector: int, received_at_s: int) -> None:
    """Raise ValueError for what was never accepted: the engine that computes limits relies on it."""
    schedule = profile.schedule
    if not schedule.periods or any(
        period.limit_tenths < 0 or period.phases not in (None, 1, 2, 3) for period in schedule.periods
    ):
        raise ValueError("its periods cannot be")
    refusal = check_profile(profile, connector, _ANYTHING, None)
    if refusal not in (None, Refusal.NO_TRANSACTION):
        raise ValueError(refusal)
    instants = (received_at_s, schedule.start_at_s, profile.valid_from_s, profile.valid_to_s)
    if any(instant is not None and not _FIRST_S <= instant <= _LAST_S for instant in instants):
        raise ValueError("its dates cannot be")
