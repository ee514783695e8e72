"""What goes where the store is full: every other sample of a grid, and nothing else."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cpd.domain.metering import SampleContext
from cpd.domain.transactions import FactKind
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from tests.storage.values import moment, sample, transaction

FULL = 0
ROOM = 10**9


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened, _ = open_file(path)
    yield opened
    opened.close()


@pytest.fixture
def repositories(connection: sqlite3.Connection) -> SqliteRepositories:
    return SqliteRepositories.over(connection)


def session(repositories: SqliteRepositories, local_id: str, samples: int, *, order: int = 1) -> list[int]:
    """One whole session of *samples* in the journal; returns its numbers there."""
    journal = repositories.journal
    repositories.transactions.put(transaction(local_id, order=order))
    return [
        journal.append(FactKind.STARTED, local_id, moment()),
        *(journal.append(FactKind.METERED, local_id, moment(), sample()) for _ in range(samples)),
        journal.append(FactKind.STOPPED, local_id, moment()),
    ]


def left(repositories: SqliteRepositories) -> list[int | None]:
    return [entry.seq for entry in repositories.journal.entries()]


def test_while_there_is_room_nothing_goes(repositories: SqliteRepositories) -> None:
    kept = session(repositories, "tx-1", 5)
    assert repositories.journal.thin(ROOM, spared=()) == 0
    assert left(repositories) == kept


@pytest.mark.parametrize(
    ("samples", "going"), [(0, []), (1, []), (2, []), (3, [2]), (6, [2, 4]), (7, [2, 4, 6])]
)
def test_every_other_sample_goes_and_the_ends_stay(
    repositories: SqliteRepositories, samples: int, going: list[int]
) -> None:
    kept = session(repositories, "tx-1", samples)
    assert repositories.journal.thin(FULL, spared=()) == len(going)
    assert left(repositories) == [seq for place, seq in enumerate(kept) if place not in going]


def test_each_transaction_is_thinned_by_itself_until_only_its_ends_are_left(
    repositories: SqliteRepositories,
) -> None:
    sessions = [session(repositories, f"tx-{order}", 9, order=order) for order in (1, 2)]
    while repositories.journal.thin(FULL, spared=()):
        pass
    assert left(repositories) == [one[place] for one in sessions for place in (0, 1, 9, 10)]


def test_what_is_on_its_way_stays(repositories: SqliteRepositories) -> None:
    kept = session(repositories, "tx-1", 5)
    assert repositories.journal.thin(FULL, spared=[kept[2]]) == 1
    assert left(repositories) == [*kept[:4], *kept[5:]]


def test_dead_samples_go_as_well_and_dead_starts_and_stops_do_not(repositories: SqliteRepositories) -> None:
    kept = session(repositories, "tx-1", 3)
    for seq in kept:
        repositories.journal.bury(seq, "refused")
    assert repositories.journal.thin(FULL, spared=()) == 1
    assert repositories.journal.counts() == (0, 4)


def test_what_brackets_an_interruption_stays(repositories: SqliteRepositories) -> None:
    session(repositories, "tx-1", 1)
    for context in (SampleContext.INTERRUPTION_BEGIN, SampleContext.INTERRUPTION_END):
        bracket = replace(sample(), context=context)
        repositories.journal.append(FactKind.METERED, "tx-1", moment(), bracket)
    assert repositories.journal.thin(FULL, spared=()) == 0


def test_a_sample_that_cannot_be_read_is_no_obstacle(
    repositories: SqliteRepositories, connection: sqlite3.Connection
) -> None:
    kept = session(repositories, "tx-1", 5)
    connection.execute("UPDATE journal SET sample = '{' WHERE seq = ?", (kept[3],))
    assert repositories.journal.thin(FULL, spared=()) == 1
