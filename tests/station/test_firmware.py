"""A firmware update through restarts, other requests and a sick disk, with a machine that takes its time."""

import asyncio
from datetime import timedelta
from pathlib import Path

from cpd.domain.firmware import FirmwareStatus
from cpd.station.firmware import FirmwareFailure
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

S = FirmwareStatus


class SlowMachine:
    """Fetches and installs once it is told how that ends: an exception, or whether a restart is wanted."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.installs = 0
        self.fetching: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.installing: asyncio.Queue[Exception | bool] = asyncio.Queue()

        self.files = 0

    confirm_within_s = 600.0

    def discard(self) -> None:
        self.files = 0

    async def confirm(self) -> None:
        """There is nothing to do."""

    async def roll_back(self) -> None:
        raise FirmwareFailure("there is no way back")

    async def fetch(self, location: str) -> None:
        self.fetched.append(location)
        outcome = await self.fetching.get()
        if outcome is not None:
            raise outcome
        self.files = 1

    async def install(self) -> bool:
        self.installs += 1
        outcome = await self.installing.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def ask(here: Bench, location: str = "http://one", *, in_s: int = 0, retries: int = 0) -> bool:
    at = here.clock.now() + timedelta(seconds=in_s)
    asked = await here.station.firmware.ask(location, at, retries, 60)
    await here.clock.sleep(1)
    return asked


def told(here: Bench) -> list[FirmwareStatus]:
    return [one.status for one in here.station.file_statuses.untold]


@virtual
async def test_a_download_that_a_power_cut_interrupts_goes_on_without_another_word(tmp_path: Path) -> None:
    machine = SlowMachine()
    async with bench(tmp_path, firmware=machine) as here:
        await ask(here)
        assert told(here) == [S.DOWNLOADING]
    async with bench(tmp_path, firmware=machine) as here:
        machine.fetching.put_nowait(None)
        await here.clock.sleep(1)
        assert machine.fetched == ["http://one"] * 2
        assert told(here) == [S.DOWNLOADING, S.DOWNLOADED, S.INSTALLING]


@virtual
async def test_an_installation_that_a_power_cut_interrupts_is_begun_again_once(tmp_path: Path) -> None:
    machine = SlowMachine()
    machine.fetching.put_nowait(None)
    async with bench(tmp_path, firmware=machine) as here:
        await ask(here)
        assert here.codes()[0] == "UPDATING_FIRMWARE"
    async with bench(tmp_path, firmware=machine) as here:
        await here.clock.sleep(1)
        assert machine.installs == 2
        assert told(here)[2:] == [S.INSTALLING]
        assert here.codes()[0] == "UPDATING_FIRMWARE"
    async with bench(tmp_path, firmware=machine) as here:
        await here.clock.sleep(1)
        assert machine.installs == 2
        assert told(here)[2:] == [S.INSTALLING, S.INSTALLATION_FAILED]
        await here.charge()


@virtual
async def test_another_version_behind_the_restart_is_the_installed_one(tmp_path: Path) -> None:
    machine = SlowMachine()
    machine.fetching.put_nowait(None)
    async with bench(tmp_path, firmware=machine) as here:
        await ask(here)
    async with bench(tmp_path, firmware=machine, version="2.0") as here:
        await here.clock.sleep(1)
        assert machine.installs == 1
        assert told(here)[2:] == [S.INSTALLING, S.INSTALLED]
        await here.charge()


@virtual
async def test_a_later_request_takes_the_place_of_one_that_is_not_being_installed(tmp_path: Path) -> None:
    machine = SlowMachine()
    async with bench(tmp_path, firmware=machine) as here:
        assert await ask(here, "http://one", in_s=3_600)
        assert await ask(here, "http://two")
        assert await ask(here, "http://three")
        machine.fetching.put_nowait(FirmwareFailure("gone"))
        await here.clock.sleep(1)
        machine.fetching.put_nowait(None)
        await here.clock.sleep(1)
        assert machine.fetched == ["http://two", "http://three"]
        assert told(here) == [S.DOWNLOADING, S.DOWNLOADING, S.DOWNLOADED, S.INSTALLING]
        assert not await ask(here, "http://four")
        machine.installing.put_nowait(False)
        await here.clock.sleep(1)
        assert told(here)[-1] == S.INSTALLED
        assert await ask(here, "http://five")


@virtual
async def test_what_the_store_refuses_is_kept_later_and_done_once(tmp_path: Path) -> None:
    machine = SlowMachine()
    machine.fetching.put_nowait(None)
    async with bench(tmp_path, firmware=machine) as here:
        await ask(here)
        here.store.failures = 2
        machine.installing.put_nowait(False)
        await here.clock.sleep(3)
        assert told(here)[-1] == S.INSTALLING
        assert machine.files == 1, "a restart now would begin the installation again"
        await here.clock.sleep(30)
        assert told(here)[-1] == S.INSTALLED
        assert (machine.installs, machine.files) == (1, 0)


@virtual
async def test_a_file_that_a_power_cut_has_left_behind_is_removed(tmp_path: Path) -> None:
    machine = SlowMachine()
    machine.files = 1
    async with bench(tmp_path, firmware=machine) as here:
        await here.clock.sleep(1)
        assert machine.files == 0


@virtual
async def test_a_restart_is_asked_for_and_nothing_begins_until_it_comes(tmp_path: Path) -> None:
    machine = SlowMachine()
    machine.fetching.put_nowait(None)
    machine.installing.put_nowait(True)
    async with bench(tmp_path, firmware=machine) as here:
        await ask(here)
        await here.station.reset.asked()
        assert here.codes()[0] == "UPDATING_FIRMWARE"
        assert told(here)[-1] == S.INSTALLING
    async with bench(tmp_path, firmware=machine, version="2.0") as here:
        await here.clock.sleep(1)
        assert told(here)[-1] == S.INSTALLED


@virtual
async def test_a_step_of_the_clock_is_followed(tmp_path: Path) -> None:
    machine = SlowMachine()
    async with bench(tmp_path, firmware=machine) as here:
        await ask(here, in_s=3_000)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(here.clock.watch())
            here.clock.step(3_600)
            await here.clock.sleep(2)
            watching.cancel()
        assert told(here) == [S.DOWNLOADING]
