"""Updates of a real charger by a scripted installer, cut off in every phase, and a version that does not even start.

The installer swaps the charger's configuration for one with another version, as a new image would; the test plays
the service manager.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.hard_reset import HARD_RESET_STATUS
from cpd.lab.csms.behaviour import Behaviour, RegistrationStatus
from tests.process.site import Site, site
from tests.scenarios.file_server import FileServer, file_server

WHOLE = ["Downloading", "Downloaded", "Installing", "Installed"]
BACK = ["Downloading", "Downloaded", "Installing", "InstallationFailed"]

INSTALL = """#!/bin/sh
# As an installer of images does it: the other slot is filled, and is tried at the next start.
set -e
cd "$(dirname "$0")"
echo install >> done
{before}
cp cpd.toml old.toml
sed 's/^firmware_version.*/firmware_version = "2.0"/' old.toml > new.toml
{damage}
mv new.toml cpd.toml
exit 64
"""

ROLL_BACK = """#!/bin/sh
cd "$(dirname "$0")"
echo rollback >> done
cp old.toml cpd.toml
"""

CONFIRM = """#!/bin/sh
cd "$(dirname "$0")"
echo confirm >> done
"""


def script(file: Path, text: str) -> str:
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


@asynccontextmanager
async def updating(
    folder: Path, server: FileServer, *, before: str = "", damage: str = "", within_s: int = 600
) -> AsyncIterator[Site]:
    """A charger that was asked for an update; *before* and *damage* are lines of its installer."""
    install = script(folder / "install", INSTALL.format(before=before, damage=damage))
    more = (
        f'[firmware]\ninstall_command = ["{install}", "{{file}}"]\n'
        f'confirm_command = ["{script(folder / "confirm", CONFIRM)}"]\n'
        f'rollback_command = ["{script(folder / "rollback", ROLL_BACK)}"]\n'
        f"confirm_within_s = {within_s}\n"
    )
    async with site(folder, station='firmware_version = "1.0"', more=more) as here:
        await ask(here, server)
        yield here


async def ask(here: Site, server: FileServer) -> None:
    due = "2026-01-01T00:00:00Z"
    await here.call(call.UpdateFirmware(location=server.location, retrieve_date=due))


def told(here: Site) -> list[str]:
    return [str(one.status) for one in here.log.messages(call.FirmwareStatusNotification)]


def done(here: Site) -> list[str]:
    return (here.charger.folder / "done").read_text().split()


async def status(here: Site, status: str) -> None:
    """Wait until a status was told, and the charger has noted that: cut before, it would tell it once more."""
    await here.log.message(call.FirmwareStatusNotification, lambda one: one.status == status)
    note, since = "action=FirmwareStatusNotification outcome=answered", 0
    for _ in told(here):
        await here.charger.logged(note, since=since)
        since = here.charger.log.index(note, since) + len(note)
    # What the store is asked now, it answers behind what it was told before.
    await here.charger.call("transactions.list")


async def restarts(here: Site) -> None:
    """The process ends, and asks the service manager for a restart of the machine, which comes up again."""
    assert await here.charger.ended() == HARD_RESET_STATUS
    await here.charger.start()


async def versions(here: Site) -> list[str]:
    return [str(one.firmware_version) for one in here.log.messages(call.BootNotification)]


async def while_it_downloads(here: Site, server: FileServer) -> None:
    assert await asyncio.to_thread(server.silent.wait, 20)


async def while_it_installs(here: Site, server: FileServer) -> None:
    await status(here, "Installing")


@pytest.mark.parametrize("cut", [while_it_downloads, while_it_installs])
async def test_an_update_goes_on_where_a_power_cut_met_it_and_tells_each_step_once(
    tmp_path: Path, cut: Callable[[Site, FileServer], Awaitable[None]]
) -> None:
    # The first installation hangs until the cut, and comes to nothing; the next one goes through.
    before = "test ! -p hangs || exec cat hangs > /dev/null 2>&1" if cut is while_it_installs else ""
    os.mkfifo(tmp_path / "hangs")
    with file_server() as server:
        server.faults = ["silent"] if cut is while_it_downloads else []
        async with updating(tmp_path, server, before=before) as here:
            await cut(here, server)
            await here.charger.power_cut()
            if cut is while_it_installs:
                os.close(os.open(tmp_path / "hangs", os.O_WRONLY))
            (tmp_path / "hangs").unlink()
            await here.charger.start()
            await restarts(here)
            await status(here, "Installed")
            await here.charger.until_status("Available")
            await here.charger.power_cut()
            await here.charger.start()
            await here.charger.until_online()
            assert told(here) == WHOLE
            assert (await versions(here))[-1] == "2.0"


async def test_a_session_is_not_cut_off_for_an_update_and_a_power_cut_meanwhile_changes_nothing(
    tmp_path: Path,
) -> None:
    with file_server() as server:
        async with site(tmp_path) as here:
            await here.charger.charge()
            await ask(here, server)
            await status(here, "Downloaded")
            assert (await here.charger.connector())["ocpp_status"] == "Charging"
            await here.charger.power_cut()
            await here.charger.start()
            await status(here, "Installed")
            assert told(here) == WHOLE
            assert server.served == 1
            assert len(await here.booked()) == 1


async def test_a_restart_that_a_power_cut_meets_counts_once(tmp_path: Path) -> None:
    with file_server() as server:
        async with updating(tmp_path, server) as here:
            assert await here.charger.ended() == HARD_RESET_STATUS
            await here.charger.launch()
            await here.charger.power_cut()
            await here.charger.start()
            await status(here, "Installed")
            assert told(here) == WHOLE
            assert done(here) == ["install", "confirm"]


async def test_a_version_that_does_not_start_is_brought_back_by_what_the_installer_armed(
    tmp_path: Path,
) -> None:
    with file_server() as server:
        async with updating(tmp_path, server, damage="echo '[nonsense]' >> new.toml") as here:
            assert await here.charger.ended() == HARD_RESET_STATUS
            await here.charger.launch()
            assert await here.charger.ended() == 2
            # The boot loader counts starts that nobody confirmed.
            (tmp_path / "old.toml").replace(tmp_path / "cpd.toml")
            await here.charger.start()
            await status(here, "InstallationFailed")
            assert told(here) == BACK
            assert await versions(here) == ["1.0", "1.0"]
            await here.charger.charge()


async def test_a_version_that_is_not_accepted_brings_the_old_one_back(tmp_path: Path) -> None:
    with file_server() as server:
        async with updating(tmp_path, server, within_s=2) as here:
            here.csms.behaviour = Behaviour(registration=RegistrationStatus.rejected, interval_s=60)
            await restarts(here)
            assert await here.charger.ended() == HARD_RESET_STATUS
            assert done(here) == ["install", "rollback"]
            here.csms.behaviour = Behaviour()
            await here.charger.start()
            await status(here, "InstallationFailed")
            assert told(here) == BACK
            assert await versions(here) == ["1.0", "2.0", "1.0"]
            await here.charger.charge()
