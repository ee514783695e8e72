"""A store that comes up on another machine is noticed, and nothing that happens to an honest charger alarms."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cpd.belonging import HELD, Belonging, machine_identity
from cpd.station.journal import Journal
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from tests.storage.damage import begin
from tests.virtual_time import VirtualClock

SERIAL, MACHINE_ID = "proc/device-tree/serial-number", "etc/machine-id"


def machine(folder: Path, *, serial: str | None = None, machine_id: str | None = None) -> str | None:
    """The identity of a machine whose system says so."""
    for name, told in ((SERIAL, serial), (MACHINE_ID, machine_id)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        if told is not None:
            file.write_bytes(told.encode())
    return machine_identity(folder)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "cpd.db") as opened:
        yield opened


async def comes_up(store: Database, identity: str | None, station_id: str = "CP-0042") -> Belonging:
    """The charger starts with *store* on that machine."""
    store.moved = None
    belonging = Belonging(store, Timebase(VirtualClock()), identity=identity, station_id=station_id)
    await belonging.look()
    return belonging


def test_a_raspberry_pi_is_known_by_its_serial_number_without_telling_it(tmp_path: Path) -> None:
    identity = machine(tmp_path, serial="10000000deadbeef\0", machine_id="aa\n")
    assert identity is not None
    assert identity.startswith("serial:")
    assert "deadbeef" not in identity
    assert machine(tmp_path, serial="10000000deadbeef\0", machine_id="bb\n") == identity
    assert machine(tmp_path, serial="10000000cafecafe\0", machine_id="aa\n") != identity


@pytest.mark.parametrize("serial", [None, "", "0000000000000000\0"])
def test_another_machine_is_known_by_its_system(tmp_path: Path, serial: str | None) -> None:
    identity = machine(tmp_path, serial=serial, machine_id="aa\n")
    assert identity is not None
    assert identity.startswith("machine-id:")


def test_a_machine_may_say_nothing_of_itself(tmp_path: Path) -> None:
    assert machine_identity(tmp_path) is None


async def test_a_copied_card_is_noticed_until_a_person_accepts_it(store: Database) -> None:
    await comes_up(store, "serial:1")
    assert store.health.moved is None
    for _start in range(2):
        belonging = await comes_up(store, "serial:2")
        assert store.health.moved is not None
        assert "another machine that was CP-0042 as well: a copied SD card?" in store.health.moved
    journal = Journal(store, queued=0, dead=0)
    assert await belonging.accept(journal)
    assert store.health.moved is None
    assert not await belonging.accept(journal)
    await comes_up(store, "serial:2")
    assert store.health.moved is None


async def test_a_store_of_another_charge_point_is_noticed_as_such(store: Database) -> None:
    await comes_up(store, "serial:1")
    await comes_up(store, "serial:2", "CP-0043")
    assert store.health.moved is not None
    assert "another machine, CP-0042, whose sessions and keys it holds" in store.health.moved


@pytest.mark.parametrize(
    ("first", "then", "station_id"),
    [
        pytest.param("serial:1", "serial:1", "CP-0042", id="the same machine"),
        pytest.param("serial:1", "serial:1", "CP-0043", id="another name for it"),
        pytest.param("machine-id:a", "serial:1", "CP-0042", id="a kernel that tells the serial number"),
        pytest.param("serial:1", "machine-id:a", "CP-0042", id="a kernel that does not"),
        pytest.param("serial:1", None, "CP-0042", id="a machine that says nothing"),
    ],
)
async def test_an_honest_charger_is_not_alarmed(
    store: Database, first: str, then: str | None, station_id: str
) -> None:
    await comes_up(store, first)
    await comes_up(store, then, station_id)
    assert store.health.moved is None


async def test_a_kernel_that_hides_the_serial_number_does_not_hide_a_copy(store: Database) -> None:
    await comes_up(store, "serial:1")
    await comes_up(store, "machine-id:a")
    await comes_up(store, "serial:2")
    assert store.health.moved is not None


async def messages(store: Database, *, dead: bool) -> list[tuple[str, str]]:
    """What waits for the CSMS or, *dead*, for a person, in order."""
    found = await store.relaxed(lambda repositories: repositories.journal.entries(dead=dead))
    assert all(one.last_error == HELD for one in found if dead)
    return [(one.transaction.local_id, one.kind.value) for one in found]


UNTOLD = [("tx-2", "started"), ("tx-2", "metered"), ("tx-2", "stopped")]
OPEN = [("tx-3", "stopped"), ("tx-4", "started"), ("tx-4", "metered"), ("tx-4", "stopped")]


async def at_home(store: Database) -> None:
    """The store of a charger with two sessions that ended, one untold, and two that are open, one untold."""
    await comes_up(store, "serial:1")
    await store.commit(lambda repositories: begin(repositories, 1, ended=2, running=2))


async def test_what_a_copied_card_has_not_told_is_held_and_what_was_open_is_ended(store: Database) -> None:
    await at_home(store)
    await comes_up(store, "serial:2")
    assert await messages(store, dead=False) == []
    assert sorted(await messages(store, dead=True)) == sorted(UNTOLD + OPEN)
    assert await store.relaxed(lambda repositories: repositories.transactions.running()) == ()


async def test_what_begins_on_the_other_machine_is_its_own(store: Database) -> None:
    await at_home(store)
    await comes_up(store, "serial:2")
    await store.commit(lambda repositories: begin(repositories, 10, running=1))
    await comes_up(store, "serial:2")
    assert await messages(store, dead=False) == [("tx-10", "started"), ("tx-10", "metered")]
    (running,) = await store.relaxed(lambda repositories: repositories.transactions.running())
    assert running.local_id == "tx-10"


@pytest.mark.parametrize("accepted", [True, False])
async def test_all_is_told_in_its_order_where_it_is_accepted_or_at_home_again(
    store: Database, accepted: bool
) -> None:
    await at_home(store)
    belonging = await comes_up(store, "serial:2")
    if accepted:
        assert await belonging.accept(Journal(store, queued=0, dead=7))
    await comes_up(store, "serial:2" if accepted else "serial:1")
    assert store.health.moved is None
    assert await messages(store, dead=True) == []
    told = await messages(store, dead=False)
    assert sorted(told) == sorted(UNTOLD + OPEN)
    for local_id in ("tx-2", "tx-4"):
        assert [kind for one, kind in told if one == local_id] == ["started", "metered", "stopped"]
