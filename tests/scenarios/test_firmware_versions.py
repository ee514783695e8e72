"""An installer that wants a restart: the new version counts once it is accepted, and the old one comes back if not.

A restart is the end of one site and the beginning of the next, with the version that the machine came up with.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.station.firmware import TELL_S
from tests.scenarios.file_server import file_server
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

OLD, NEW = "1.0", "2.0"
START = "2026-03-02T10:00:00Z"


def machine(
    folder: Path, version: str, *, roll_back: str | None = "true", confirm: str = "true"
) -> dict[str, Any]:
    """A site with *version*, whose commands write what they did into ``done``."""

    def noted(name: str, command: str) -> list[str]:
        return ["sh", "-c", f"echo {name} >> {folder}/done; {command}"]

    firmware = f"install_command = {[*noted('install', 'exit 64'), '{file}']!r}\n"
    firmware += f"confirm_command = {noted('confirm', confirm)!r}\n"
    if roll_back is not None:
        firmware += f"rollback_command = {noted('rollback', roll_back)!r}\n"
    return {
        "station": f'firmware_version = "{version}"',
        "ocpp": "AllowOfflineTxForUnknownId = true",
        "more": f"[firmware]\n{firmware}",
    }


def told(here: Site) -> list[str]:
    return [str(one.status) for one in here.log.messages(call.FirmwareStatusNotification)]


async def comes(here: Site, status: str) -> None:
    """Wait for a status, and for what else may be told; commands run in real time, which no virtual wait measures."""
    await here.log.message(call.FirmwareStatusNotification, lambda one: one.status == status)
    await here.clock.sleep(60)


def done(here: Site) -> list[str]:
    return (here.folder / "done").read_text().split()


@asynccontextmanager
async def restarting(folder: Path, *, online: bool = True, **commands: Any) -> AsyncIterator[Site]:
    """The site with the old version, on the point of its restart; *online*: the CSMS is there then."""
    with file_server() as server:
        async with site(folder, **machine(folder, OLD, **commands)) as here:
            due = (here.clock.now() + timedelta(seconds=10)).isoformat()
            await here.call(call.UpdateFirmware(location=server.location, retrieve_date=due))
            if not online:
                here.network.cut()
            await here.daemon.station.reset.asked()
            await here.clock.sleep(5)
            yield here


def rejects(here: Site) -> None:
    """The central system does not accept the next boots."""
    here.behave(registration="Rejected", interval_s=60)


def test_a_new_version_counts_once_its_boot_is_accepted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as first:
            assert told(first) == ["Downloading", "Downloaded", "Installing"]
            assert first.connector().blockers[0].code == "UPDATING_FIRMWARE"
            rejects(first)
        async with site(tmp_path, after=first, online=False, **machine(tmp_path, NEW)) as second:
            second.network.up = True
            await second.clock.sleep(120)
            assert told(second)[2:] == ["Installing"]
            second.behave(registration="Accepted")
            await comes(second, "Installed")
            assert told(second)[2:] == ["Installing", "Installed"]
            actions = [one.action for one in second.log.calls]
            last_boot = len(actions) - 1 - actions[::-1].index("BootNotification")
            assert "FirmwareStatusNotification" in actions[last_boot:]
            assert done(second) == ["install", "confirm"]
            assert second.connector().status == "Available"
        async with site(tmp_path, after=second, **machine(tmp_path, NEW)) as third:
            await third.clock.sleep(1_200)
            assert told(third)[2:] == ["Installing", "Installed"]

    run_virtual(scenario())


@pytest.mark.parametrize(("answers_after_s", "waits_s"), [(4.0, 4.0), (25.0, TELL_S)])
def test_a_restart_waits_for_the_answer_to_what_it_tells_but_not_for_ever(
    tmp_path: Path, answers_after_s: float, waits_s: float
) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path, **machine(tmp_path, OLD)) as here:
                slow = {"FirmwareStatusNotification": {"delay_s": answers_after_s}}
                await here.call(call.UpdateFirmware(location=server.location, retrieve_date=START))
                await here.log.message(
                    call.FirmwareStatusNotification, lambda one: one.status == "Downloaded"
                )
                here.behave(reactions=slow)
                await here.log.message(
                    call.FirmwareStatusNotification, lambda one: one.status == "Installing"
                )
                told_s = here.clock.monotonic_s()
                await here.daemon.station.reset.asked()
                assert here.clock.monotonic_s() - told_s == pytest.approx(waits_s, abs=0.5)

    run_virtual(scenario())


def test_the_old_version_behind_the_restart_is_a_failed_installation(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as first:
            pass
        async with site(tmp_path, after=first, **machine(tmp_path, OLD)) as second:
            await second.clock.sleep(60)
            assert told(second)[2:] == ["Installing", "InstallationFailed"]
            assert done(second) == ["install"]
            await second.charge()

    run_virtual(scenario())


def test_a_new_version_that_is_not_accepted_in_time_gives_way_to_the_old_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as first:
            rejects(first)
        async with site(tmp_path, after=first, online=False, **machine(tmp_path, NEW)) as second:
            second.network.up = True
            await second.clock.sleep(590)
            assert second.daemon.station.reset.kind is None
            await second.daemon.station.reset.asked()
            assert str(second.daemon.station.reset.kind) == "Hard"
            assert done(second) == ["install", "rollback"]
            second.behave(registration="Accepted")
        async with site(tmp_path, after=second, **machine(tmp_path, OLD)) as third:
            await third.clock.sleep(60)
            assert told(third) == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]
            assert third.connector().status == "Available"

    run_virtual(scenario())


def test_a_new_version_that_the_boot_loader_takes_back_is_a_failed_installation(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as first:
            pass
        async with site(tmp_path, after=first, online=False, **machine(tmp_path, NEW)) as second:
            await second.clock.sleep(60)
        second.network.up = True
        async with site(tmp_path, after=second, **machine(tmp_path, OLD)) as third:
            await third.clock.sleep(60)
            assert told(third)[2:] == ["Installing", "InstallationFailed"]
            assert done(third) == ["install"]

    run_virtual(scenario())


def test_the_old_version_takes_over_the_store_that_the_new_one_has_migrated(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as first:
            pass
        async with site(tmp_path, after=first, online=False, **machine(tmp_path, NEW)) as second:
            await second.charge()
            await second.clock.sleep(120)
            second.world.plug_out(1)
            await second.status("Available")
        with closing(sqlite3.connect(tmp_path / "cpd.db")) as store:
            store.executescript(
                "ALTER TABLE transactions ADD COLUMN tariff TEXT NOT NULL DEFAULT 'night';"
                "CREATE TABLE tariffs (name TEXT); PRAGMA user_version = 4711"
            )
        second.network.up = True
        async with site(tmp_path, after=second, **machine(tmp_path, OLD)) as third:
            (booked,) = await third.stopped()
            assert (booked.starts, booked.stops) == (1, 1)
            assert told(third)[2:] == ["Installing", "InstallationFailed"]
            damage = (await third.control("status"))["store"]["damage"]
            assert damage.startswith("was a later release's at this start")
            await third.charge()

    run_virtual(scenario())


def test_a_new_version_that_starts_again_and_again_gives_way_to_the_old_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as here:
            pass
        for _ in range(3):
            async with site(tmp_path, after=here, online=False, **machine(tmp_path, NEW)) as here:
                await here.clock.sleep(60)
                assert done(here) == ["install"]
        async with site(tmp_path, after=here, online=False, **machine(tmp_path, NEW)) as here:
            await here.clock.sleep(1)
            assert here.connector().blockers[0].code == "UPDATING_FIRMWARE"
            await here.daemon.station.reset.asked()
            assert done(here) == ["install", "rollback"]

    run_virtual(scenario())


def test_a_line_that_was_dead_before_the_restart_judges_no_version(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path, online=False) as first:
            pass
        async with site(tmp_path, after=first, online=False, **machine(tmp_path, NEW)) as second:
            await second.charge()
            await second.clock.sleep(1_200)
            assert done(second) == ["install"]
            second.world.plug_out(1)
            second.network.up = True
            await comes(second, "Installed")
            assert told(second) == ["Downloading", "Downloaded", "Installing", "Installed"]
            assert done(second) == ["install", "confirm"]

    run_virtual(scenario())


def test_the_way_back_waits_for_what_charges_and_an_acceptance_meanwhile_counts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as first:
            pass
        async with site(tmp_path, after=first, online=False, **machine(tmp_path, NEW)) as second:
            await second.charge()
            await second.clock.sleep(1_200)
            assert second.connector().status == "Charging"
            assert done(second) == ["install"]
            second.network.up = True
            await comes(second, "Installed")
            assert told(second)[2:] == ["Installing", "Installed"]
            assert second.connector().status == "Charging"
            assert done(second) == ["install", "confirm"]

    run_virtual(scenario())


@pytest.mark.parametrize("roll_back", [None, "exit 1"])
def test_a_new_version_without_a_way_back_stays_and_counts_once_it_is_accepted(
    tmp_path: Path, roll_back: str | None
) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path, roll_back=roll_back) as first:
            pass
        config = machine(tmp_path, NEW, roll_back=roll_back)
        async with site(tmp_path, after=first, online=False, **config) as second:
            await second.clock.sleep(1_200)
            # The command takes its own real time, however long that is in this world.
            await second.until(lambda one: one.status == "Available", within_s=1e9)
            assert second.daemon.station.reset.kind is None
            await second.charge()
            second.network.up = True
            await comes(second, "Installed")
            assert told(second)[2:] == ["Installing", "Installed"]

    run_virtual(scenario())


def test_a_way_back_that_ends_in_the_new_version_is_gone_twice_and_no_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with restarting(tmp_path) as here:
            pass
        for _ in range(2):
            async with site(tmp_path, after=here, online=False, **machine(tmp_path, NEW)) as here:
                await here.daemon.station.reset.asked()
        assert done(here) == ["install", "rollback", "rollback"]
        async with site(tmp_path, after=here, online=False, **machine(tmp_path, NEW)) as here:
            here.network.up = True
            await comes(here, "Installed")
            assert done(here) == ["install", "rollback", "rollback", "confirm"]
            assert told(here)[2:] == ["Installing", "Installed"]

    run_virtual(scenario())


def test_a_confirmation_that_fails_is_tried_again_before_it_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        fails_once = f"test -e {tmp_path}/again || {{ touch {tmp_path}/again; exit 1; }}"
        async with restarting(tmp_path) as first:
            pass
        async with site(tmp_path, after=first, **machine(tmp_path, NEW, confirm=fails_once)) as second:
            await comes(second, "Installed")
            assert told(second)[2:] == ["Installing", "Installed"]
            assert done(second) == ["install", "confirm", "confirm"]

    run_virtual(scenario())
