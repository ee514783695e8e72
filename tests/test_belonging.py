"""A store that comes up on another machine is noticed, and nothing that happens to an honest charger alarms."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cpd.belonging import Belonging, machine_identity
from cpd.storage.database import Database

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
    belonging = Belonging(store, identity=identity, station_id=station_id)
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
    assert await belonging.accept()
    assert store.health.moved is None
    assert not await belonging.accept()
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
