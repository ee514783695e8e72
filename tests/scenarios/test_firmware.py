"""UpdateFirmware over the wire: the statuses as the specification has them, each told once, a power cut or not."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.requests import CallRefused
from tests.scenarios.file_server import CONTENT, FileServer, file_server
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

OFF = {"ocpp": 'SupportedFeatureProfiles = "Core,RemoteTrigger"'}
WHOLE = ["Downloading", "Downloaded", "Installing", "Installed"]


def installer(*command: str) -> dict[str, Any]:
    """A site whose installer is *command*."""
    return {"more": f"[firmware]\ninstall_command = {list(command)!r}\n"}


async def update(here: Site, server: FileServer, *, in_s: int = 0, **more: Any) -> None:
    retrieve = (here.clock.now() + timedelta(seconds=in_s)).isoformat()
    await here.call(call.UpdateFirmware(location=server.location, retrieve_date=retrieve, **more))


def told(here: Site) -> list[str]:
    return [str(one.status) for one in here.log.messages(call.FirmwareStatusNotification)]


async def ends_with(here: Site, status: str) -> list[str]:
    """What was told, once *status* was, and nothing more for a while."""
    await here.log.message(call.FirmwareStatusNotification, lambda one: one.status == status)
    await here.clock.sleep(300)
    return told(here)


def test_an_update_is_fetched_and_installed_step_by_step(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path, **installer("cp", "{file}", str(tmp_path / "installed"))) as here:
                await update(here, server)
                assert await ends_with(here, "Installed") == WHOLE
                assert (tmp_path / "installed").read_bytes() == CONTENT
                assert here.connector().status == "Available"
                assert not (tmp_path / "firmware").exists()

    run_virtual(scenario())


def test_nothing_is_fetched_before_its_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as here:
                await update(here, server, in_s=3_600)
                await here.clock.sleep(3_590)
                assert (server.served, told(here)) == (0, [])
                assert (await ends_with(here, "Installed"))[0] == "Downloading"

    run_virtual(scenario())


@pytest.mark.parametrize("fault", ["404", "cut"])
def test_each_attempt_has_its_own_pair_and_nothing_follows_the_last(tmp_path: Path, fault: str) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = [fault] * 10
            async with site(tmp_path) as here:
                await update(here, server, retries=2, retry_interval=100)
                await here.clock.sleep(1_000)
                assert told(here) == ["Downloading", "DownloadFailed"] * 3
                assert server.served == 3
                assert here.connector().status == "Available"

    run_virtual(scenario())


def test_a_csms_that_closes_the_link_for_a_status_holds_nothing_up_for_ever(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as here:
                here.behave(reactions={"FirmwareStatusNotification": {"drops_link": True, "times": 10}})
                await update(here, server)
                told_at_last = ["Downloading"] * 10 + ["Downloaded", "Installing", "Installed"]
                assert await ends_with(here, "Installed") == told_at_last
                assert here.daemon.station.file_statuses.untold == []

    run_virtual(scenario())


def test_a_later_attempt_may_succeed(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["503"]
            async with site(tmp_path) as here:
                await update(here, server, retries=2, retry_interval=100)
                assert await ends_with(here, "Installed") == [
                    *("Downloading", "DownloadFailed"),
                    *("Downloading", "Downloaded", "Installing", "Installed"),
                ]

    run_virtual(scenario())


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "gopher://host/x",
        "http:///x",
        "http://[x",
        "http://127.0.0.1:1/x",
        "ftp://127.0.0.1:1/x",
    ],
)
def test_other_addresses_are_not_fetched(tmp_path: Path, location: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await update(here, FileServer(location=location))
            assert await ends_with(here, "DownloadFailed") == ["Downloading", "DownloadFailed"]

    run_virtual(scenario())


@pytest.mark.parametrize("command", [("false", "{file}"), ("/not/there", "{file}")])
def test_an_installer_that_fails_leaves_everything_in_service(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path, **installer(*command)) as here:
                await update(here, server)
                assert (await ends_with(here, "InstallationFailed"))[2:] == [
                    "Installing",
                    "InstallationFailed",
                ]
                assert here.connector().status == "Available"

    run_virtual(scenario())


def test_the_installation_waits_for_what_charges_and_nothing_else_begins(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path, connectors=2) as here:
                await here.charge("FIRST", 1)
                await update(here, server)
                await here.status("Unavailable", 2)
                here.world.plug_in(2)
                here.world.swipe("SECOND", 2)
                await here.clock.sleep(60)
                assert here.connector(1).status == "Charging"
                assert here.connector(2).blockers[0].code == "UPDATING_FIRMWARE"
                assert told(here) == ["Downloading", "Downloaded"]
                here.world.plug_out(1)
                here.world.plug_out(2)
                assert await ends_with(here, "Installed") == [
                    *("Downloading", "Downloaded"),
                    *("Installing", "Installed"),
                ]
                assert here.connector(2).status == "Available"
                assert len(here.log.messages(call.StartTransaction)) == 1

    run_virtual(scenario())


def test_what_happens_offline_is_told_in_order_afterwards(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as here:
                await update(here, server, in_s=60)
                here.network.cut()
                await here.clock.sleep(120)
                here.network.up = True
                assert await ends_with(here, "Installed") == WHOLE

    run_virtual(scenario())


def test_what_was_under_way_when_the_link_went_is_told_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["404"]
            async with site(tmp_path) as here:
                here.behave(reactions={"FirmwareStatusNotification": {"delay_s": 20}})
                await update(here, server)
                await here.clock.sleep(10)
                here.network.cut()
                here.behave(reactions={})
                here.network.up = True
                assert await ends_with(here, "DownloadFailed") == ["Downloading"] * 2 + ["DownloadFailed"]

    run_virtual(scenario())


def test_a_power_cut_before_its_time_does_not_lose_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as first:
                await update(first, server, in_s=600)
            async with site(tmp_path, after=first) as second:
                assert len(await ends_with(second, "Installed")) == 4

    run_virtual(scenario())


def test_a_power_cut_while_it_waits_for_a_session_does_not_fetch_it_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as first:
                await first.charge()
                await update(first, server)
                await first.log.message(
                    call.FirmwareStatusNotification, lambda one: one.status == "Downloaded"
                )
                await first.clock.sleep(5)
            async with site(tmp_path, after=first) as second:
                assert await ends_with(second, "Installed") == WHOLE
                assert server.served == 1

    run_virtual(scenario())


def test_a_power_cut_between_two_attempts_costs_none(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["404"]
            async with site(tmp_path) as first:
                await update(first, server, retries=1, retry_interval=600)
                await first.log.message(
                    call.FirmwareStatusNotification, lambda one: one.status == "DownloadFailed"
                )
                await first.clock.sleep(5)
            async with site(tmp_path, after=first) as second:
                assert await ends_with(second, "Installed") == [
                    *("Downloading", "DownloadFailed"),
                    *("Downloading", "Downloaded", "Installing", "Installed"),
                ]

    run_virtual(scenario())


def test_the_status_is_told_when_the_csms_asks(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as here:
                request = call.TriggerMessage(requested_message="FirmwareStatusNotification")  # type: ignore[arg-type]
                assert (await here.call(request)).status == "Accepted"
                await here.clock.sleep(5)
                await here.charge()
                await update(here, server)
                await here.clock.sleep(60)
                assert (await here.call(request)).status == "Accepted"
                await here.clock.sleep(5)
                assert told(here) == ["Idle", "Downloading", "Downloaded", "Downloaded"]

    run_virtual(scenario())


def test_without_the_feature_profile_it_is_not_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **OFF) as here:
            with pytest.raises(CallRefused):
                await update(here, FileServer(location="http://127.0.0.1:1/x"))
            request = call.TriggerMessage(requested_message="FirmwareStatusNotification")  # type: ignore[arg-type]
            assert (await here.call(request)).status == "NotImplemented"

    run_virtual(scenario())
