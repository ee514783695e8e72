"""A disk that takes nothing any more, under a real charger: it charges on, promises nothing, and loses nothing."""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from ocpp.v16 import call

from tests.card import card, format_ext4, in_memory, mounted, run_apart
from tests.process.charger import CARD, Charger, charger, configuration, run_cpd
from tests.process.site import Site, profile, site

KIB = 1 << 10


@contextmanager
def tmpfs(folder: Path) -> Iterator[Path]:
    """A small file system at *folder*; skips where this user may not make one."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "cpd-test", folder], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


class FullDisk:
    """ENOSPC: a file takes all the room that is left."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fall_ill(self, _charger: Charger) -> None:
        with self._filler.open("wb", buffering=0) as filler:
            size = 64 * KIB
            while size:
                try:
                    filler.write(bytes(size))
                except OSError:
                    size //= 2

    def recover(self, _charger: Charger) -> None:
        self._filler.unlink()


class FailingDisk:
    """EFBIG at each write to a file, which SQLite reports as an error of the disk."""

    def fall_ill(self, charger: Charger) -> None:
        _, hard = resource.prlimit(charger.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(charger.pid, resource.RLIMIT_FSIZE, (0, hard))

    def recover(self, charger: Charger) -> None:
        _, hard = resource.prlimit(charger.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(charger.pid, resource.RLIMIT_FSIZE, (hard, hard))


Disk = FullDisk | FailingDisk


@pytest.fixture(params=["full", "failing"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Disk]]:
    folder = tmp_path / "disk"
    with ExitStack() as stack:
        if request.param == "full":
            yield stack.enter_context(tmpfs(folder)), FullDisk(folder)
        else:
            yield folder, FailingDisk()


async def refused(here: Site) -> int:
    """Send profiles until one is refused: the last block of a file may still have room. Returns how many were not."""
    for number in range(100):
        if (
            await here.set_profile(profile(number, "TxDefaultProfile", 20, stack_level=number % 10))
            == "Rejected"
        ):
            return number
    raise AssertionError("a hundred profiles were accepted")


async def test_a_session_goes_on_and_its_stop_is_booked_once_the_disk_is_well(
    disk: tuple[Path, Disk],
) -> None:
    await session_over_an_illness(*disk)


def test_the_same_holds_for_a_card_that_is_full(tmp_path: Path) -> None:
    async def story() -> None:
        with card(tmp_path / "card", megabytes=16) as full:
            await session_over_an_illness(full.folder, FullDisk(full.folder))

    run_apart(story)


async def session_over_an_illness(folder: Path, sick: Disk) -> None:
    async with site(folder, ocpp="MeterValueSampleInterval = 1") as here:
        assert await here.set_profile(profile(500, "ChargePointMaxProfile", 16)) == "Accepted"
        await here.charger.charge()
        sick.fall_ill(here.charger)
        accepted = await refused(here)
        status = await here.charger.status()
        assert status["store"]["failure"] is not None
        samples = len(here.log.messages(call.MeterValues))
        await here.log.message(call.MeterValues, since=len(here.log.calls))
        await here.log.message(call.MeterValues, since=len(here.log.calls))
        assert len(here.log.messages(call.MeterValues)) >= samples + 2
        connector = await here.charger.connector()
        assert (connector["ocpp_status"], connector["pilot"]["duty_percent"]) == ("Charging", 26.6)

        await here.charger.call("mock.swipe", id_tag=CARD)
        await here.charger.until_connector(lambda one: one["contactor"]["confirmed"] == "open")
        await here.charger.call("mock.plug_out", connector=1)
        await here.charger.logged("waits for the store")
        assert here.log.messages(call.StopTransaction) == []
        sick.recover(here.charger)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")
        assert (await here.charger.status())["store"]["failure"] is None
        await here.charger.power_cut()
        await here.charger.start()
        kept = (await here.charger.call("profiles.list"))["profiles"]
        assert len(kept) == 1 + min(accepted, 10), "what was accepted is there, what was refused is not"
    assert here.log.ledger.transactions[0].stops == 1


def test_a_session_outlives_a_card_that_the_kernel_has_made_read_only(tmp_path: Path) -> None:
    """As with errors=remount-ro, the default of many cards: only a new mount makes it writable again."""

    async def story() -> None:
        card_folder = tmp_path / "card"
        with in_memory(tmp_path / "memory", megabytes=32) as memory:
            format_ext4(memory / "card", megabytes=16)
            with ExitStack() as inserted:
                inserted.enter_context(mounted(memory / "card", card_folder))
                async with site(
                    tmp_path / "charger",
                    store=str(card_folder / "cpd.db"),
                    hal='mock_vehicle = "remembered"',
                    ocpp="MeterValueSampleInterval = 1",
                ) as here:
                    assert await here.set_profile(profile(500, "ChargePointMaxProfile", 16)) == "Accepted"
                    await here.charger.charge()
                    remount(card_folder, "abort")
                    assert await here.set_profile(profile(501, "ChargePointMaxProfile", 20)) == "Rejected"
                    for _ in range(2):
                        await here.log.message(call.MeterValues, since=len(here.log.calls))
                    connector = await here.charger.connector()
                    assert (connector["ocpp_status"], connector["offer_a"]) == ("Charging", 16)
                    shown = await here.charger.cpd("status", "--check", columns=40)
                    assert shown.status == 10
                    assert "Store" in shown.stdout
                    await here.charger.call("mock.swipe", id_tag=CARD)
                    await here.charger.until_connector(lambda one: one["contactor"]["confirmed"] == "open")
                    await here.charger.logged("waits for the store")
                    await here.charger.power_cut()
                    inserted.close()
                    inserted.enter_context(mounted(memory / "card", card_folder))
                    await here.charger.start()
                    (booked,) = await here.booked()
                    assert (booked.starts, booked.stops) == (1, 1)
                    (kept,) = (await here.charger.call("profiles.list"))["profiles"]
                    assert kept["profile"]["chargingProfileId"] == 500
                    assert here.log.messages(call.StartTransaction)[0].meter_start <= booked.meter_stop_wh

    run_apart(story)


async def test_no_session_begins_that_cannot_be_kept(disk: tuple[Path, Disk]) -> None:
    folder, sick = disk
    async with site(folder) as here:
        sick.fall_ill(here.charger)
        await refused(here)
        await here.charger.call("mock.plug_in", connector=1)
        await here.charger.call("mock.swipe", id_tag=CARD)
        waiting = await here.charger.until_connector(
            lambda one: [blocker["code"] for blocker in one["blockers"]] == ["STORE_FAILED"]
        )
        assert waiting["contactor"]["commanded"] == "open"
        assert waiting["pilot"]["pwm"] is False
        shown = await here.charger.cpd("status", "--check", columns=40)
        assert shown.status == 10
        assert "Store" in shown.stdout
        assert here.log.messages(call.StartTransaction) == []
        sick.recover(here.charger)
        await here.charger.until_status("Charging")


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)


def read_only(folder: Path) -> None:
    remount(folder, "ro")


def a_directory(folder: Path) -> None:
    (folder / "cpd.db").mkdir()


def of_something_else(folder: Path) -> None:
    store = sqlite3.connect(folder / "cpd.db")
    store.execute("CREATE TABLE contacts (id)")
    store.close()


REFUSED: list[tuple[Callable[[Path], None], str]] = [
    (read_only, "the file system is read-only; remount it"),
    (a_directory, "it is a directory"),
    (of_something_else, "not one of cpd's"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED, ids=[spoil.__name__ for spoil, _ in REFUSED])
async def test_a_store_that_cannot_be_used_is_refused_with_words(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    with ExitStack() as stack:
        store = tmp_path / "store"
        if spoil is read_only:
            stack.enter_context(tmpfs(store))
        else:
            store.mkdir()
        config = configuration(tmp_path / "charger", store=str(store / "cpd.db"))
        spoil(store)
        before = sorted(store.iterdir())
        finished = await run_cpd("run", "--config", config)
        assert finished.status == 1
        assert words in finished.stderr
        assert "Traceback" not in finished.stderr
        assert [file for file in sorted(store.iterdir()) if file.suffix != ".lock"] == before


async def test_a_full_disk_at_the_start_is_named(tmp_path: Path) -> None:
    """The power went while the store was in use: its log is there, and wants to be read into it."""
    with tmpfs(tmp_path / "disk") as folder:
        async with charger(folder) as here:
            await here.power_cut()
            FullDisk(folder).fall_ill(here)
            finished = await run_cpd("run", "--config", folder / "cpd.toml")
            assert finished.status == 1
            assert "cpd.db: the disk is full; free some space" in finished.stderr
            assert "Traceback" not in finished.stderr
            FullDisk(folder).recover(here)
            await here.start()
