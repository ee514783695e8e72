"""A restored backup: what is known comes back, and nothing is told to the CSMS that it may have been told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from cpd.domain.profiles import Purpose
from cpd.domain.register import Register
from cpd.domain.transactions import FactKind, StopReason
from cpd.station.repositories import KnownMachine, StoredVariable
from cpd.storage.copies import store_in_memory
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.restoring import Restored, restore
from tests.storage.values import NOON, installed, moment, sample, transaction


class Kept:
    """A store in memory, and what is in it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.repositories = SqliteRepositories.over(connection)

    def ended(self, local_id: str, order: int, *, waits: bool) -> None:
        """A session with two messages, which the CSMS has taken unless they wait."""
        one = transaction(local_id, order=order).ended(moment(1200.0), 5_000)
        self.repositories.transactions.put(one)
        if waits:
            for kind in (FactKind.STARTED, FactKind.STOPPED):
                self.repositories.journal.append(kind, local_id, moment())

    @property
    def sessions(self) -> list[str]:
        """In their order, the oldest first."""
        return [one.local_id for one, _ in reversed(self.repositories.transactions.recent(99))]

    def queue(self, *, dead: bool) -> list[tuple[str, str]]:
        entries = self.repositories.journal.entries(dead=dead)
        return [(entry.transaction.local_id, str(entry.kind)) for entry in entries]


@pytest.fixture
def present() -> Iterator[Kept]:
    with closing(store_in_memory(None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield Kept(connection)


@pytest.fixture
def backup() -> Iterator[Kept]:
    with closing(store_in_memory(None)) as connection:
        yield Kept(connection)


def restored(present: Kept, backup: Kept, *, resend: bool = False, same_station: bool = True) -> Restored:
    return restore(
        present.connection, backup.connection, made_at=NOON, resend=resend, same_station=same_station
    )


def test_what_was_told_after_the_backup_is_not_told_again(present: Kept, backup: Kept) -> None:
    backup.ended("a", 1, waits=True)
    present.ended("a", 1, waits=False)
    done = restored(present, backup)
    assert (done.sessions, done.messages) == (0, 0)
    assert present.queue(dead=False) == present.queue(dead=True) == []


def test_what_waits_now_goes_on_waiting(present: Kept, backup: Kept) -> None:
    present.ended("b", 1, waits=True)
    restored(present, backup)
    assert present.queue(dead=False) == [("b", "started"), ("b", "stopped")]


def test_sessions_of_a_lost_card_come_back_before_those_of_today(present: Kept, backup: Kept) -> None:
    backup.ended("old-1", 1, waits=False)
    backup.ended("old-2", 2, waits=True)
    present.ended("new", 1, waits=True)
    assert restored(present, backup).sessions == 2
    assert present.sessions == ["old-1", "old-2", "new"]
    assert present.repositories.transactions.next_order() == 4
    assert [entry.seq for entry in present.repositories.journal.entries()] == [1, 2, 3, 4]


def test_what_they_had_to_tell_is_dead_until_a_person_looks(present: Kept, backup: Kept) -> None:
    backup.ended("old", 1, waits=True)
    assert restored(present, backup).messages == 2
    assert present.queue(dead=True) == [("old", "started"), ("old", "stopped")]
    assert present.queue(dead=False) == []
    (entry, _) = present.repositories.journal.entries()
    assert entry.last_error == "from the backup of 2026-03-02 12:00; perhaps delivered"


def test_it_is_sent_where_a_person_says_so(present: Kept, backup: Kept) -> None:
    backup.ended("old", 1, waits=True)
    restored(present, backup, resend=True)
    assert present.queue(dead=False) == [("old", "started"), ("old", "stopped")]


def test_a_session_that_ran_then_ends_with_its_last_register(present: Kept, backup: Kept) -> None:
    backup.repositories.transactions.put(replace(transaction("ran"), last_meter_wh=700, csms_id=9))
    backup.repositories.transaction_samples.append("ran", [sample()], at_most=10)
    restored(present, backup)
    ((ended, delivered),) = present.repositories.transactions.recent(9)
    assert (ended.meter_stop_wh, ended.stop_reason, ended.csms_id) == (700, StopReason.POWER_LOSS, 9)
    assert not delivered
    assert present.queue(dead=True) == [("ran", "stopped")]
    assert len(present.repositories.transaction_samples.of("ran")) == 1


def test_keys_and_profiles_become_those_of_the_backup(present: Kept, backup: Kept) -> None:
    present.repositories.variables.put("Old", StoredVariable(value="1", source="csms"))
    present.repositories.profiles.replace(installed(1), ())
    backup.repositories.variables.put("HeartbeatInterval", StoredVariable(value="60", source="csms"))
    backup.repositories.profiles.replace(installed(2), ())
    assert restored(present, backup).configuration["profiles"] == 1
    assert set(present.repositories.variables.all()) == {"HeartbeatInterval"}
    assert [one.profile.id for one in present.repositories.profiles.all()] == [2]


def test_a_profile_of_a_session_that_is_over_does_not_come_back(present: Kept, backup: Kept) -> None:
    of_session = replace(
        installed(3), transaction_key="ran", profile=replace(installed(3).profile, purpose=Purpose.TX)
    )
    backup.repositories.profiles.replace(replace(of_session, connector=1), ())
    restored(present, backup)
    assert present.repositories.profiles.all() == ()


@pytest.mark.parametrize(
    ("now", "after"),
    [
        (None, "of the backup"),
        # With the older one the CSMS would not let the charger in.
        ("of today", "of today"),
    ],
)
def test_the_password_that_holds_now_stays(present: Kept, backup: Kept, now: str | None, after: str) -> None:
    if now is not None:
        present.repositories.variables.put("AuthorizationKey", StoredVariable(value=now, source="csms"))
    backup.repositories.variables.put(
        "AuthorizationKey", StoredVariable(value="of the backup", source="csms")
    )
    restored(present, backup)
    assert present.repositories.variables.all()["AuthorizationKey"].value == after


def test_a_register_never_goes_back(present: Kept, backup: Kept) -> None:
    backup.repositories.registers.put(1, Register(lifetime_wh=900, raw_wh=1))
    backup.repositories.registers.put(2, Register(lifetime_wh=900, raw_wh=2))
    present.repositories.registers.put(1, Register(lifetime_wh=1_000, raw_wh=3))
    restored(present, backup)
    assert {
        number: (one.lifetime_wh, one.raw_wh) for number, one in present.repositories.registers.all().items()
    } == {1: (1_000, 3), 2: (900, 2)}


def test_of_another_charge_point_only_settings_come(present: Kept, backup: Kept) -> None:
    backup.ended("theirs", 1, waits=True)
    backup.repositories.registers.put(1, Register(lifetime_wh=900, raw_wh=1))
    for key in ("AuthorizationKey", "HeartbeatInterval"):
        backup.repositories.variables.put(key, StoredVariable(value="60", source="csms"))
    done = restored(present, backup, same_station=False)
    assert (done.sessions, done.messages, present.sessions) == (0, 0, [])
    assert present.repositories.registers.all() == {}
    assert set(present.repositories.variables.all()) == {"HeartbeatInterval"}


def test_the_machine_stays_that_which_is_here(present: Kept, backup: Kept) -> None:
    here = KnownMachine(identity="serial:2", station_id="CP-0042")
    backup.repositories.machine.put(KnownMachine(identity="serial:1", station_id="CP-0042"))
    present.repositories.machine.put(here)
    restored(present, backup)
    assert present.repositories.machine.get() == here


def test_a_restore_that_fails_changes_nothing(present: Kept, backup: Kept) -> None:
    present.repositories.variables.put("Old", StoredVariable(value="1", source="csms"))
    backup.connection.execute("DROP TABLE registers")
    with pytest.raises(sqlite3.OperationalError):
        restored(present, backup)
    assert set(present.repositories.variables.all()) == {"Old"}
