"""UpdateFirmware and FirmwareStatusNotification (OCPP 1.6 §4.5, §5.19)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.station import Station, station
from tests.scenarios.file_server import CONTENT, FileServer, file_server

WHOLE = ["Downloading", "Downloaded", "Installing", "Installed"]


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Serves a file and takes what is uploaded."""
    with file_server() as running:
        yield running


def instant(in_s: float = 0) -> str:
    return (
        (datetime.now(UTC) + timedelta(seconds=in_s))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


async def update(here: Station, location: str, in_s: float = 0, **more: Any) -> None:
    """UpdateFirmware is answered by an empty payload."""
    answer = await here.ask("UpdateFirmware", more, location=location, retrieveDate=instant(in_s))
    assert answer == {}


def told(here: Station) -> list[str]:
    return [one.payload["status"] for one in here.sent("FirmwareStatusNotification")]


async def ends_with(here: Station, status: str) -> list[str]:
    """What was told until *status* was."""
    await here.sends("FirmwareStatusNotification", status=status)
    return told(here)


def installer(*command: str) -> str:
    return f"[firmware]\ninstall_command = {list(command)!r}"


async def test_an_update_is_told_step_by_step(here: Station, server: FileServer) -> None:
    await update(here, server.location)
    assert await ends_with(here, "Installed") == WHOLE


async def test_the_file_is_handed_to_the_installer(tmp_path: Path, server: FileServer) -> None:
    installed = tmp_path / "installed"
    async with station(tmp_path, more=installer("cp", "{file}", str(installed))) as here:
        await update(here, server.location)
        await ends_with(here, "Installed")
        assert installed.read_bytes() == CONTENT


async def test_an_installer_that_fails_is_told(tmp_path: Path, server: FileServer) -> None:
    async with station(tmp_path, more=installer("false", "{file}")) as here:
        await update(here, server.location)
        assert await ends_with(here, "InstallationFailed") == [*WHOLE[:3], "InstallationFailed"]
        assert await here.ask("ChangeAvailability", connectorId=1, type="Operative") == {"status": "Accepted"}
        await here.begin()


async def test_a_file_that_is_not_there_is_told(here: Station, server: FileServer) -> None:
    server.faults = ["404"]
    await update(here, server.location)
    assert await ends_with(here, "DownloadFailed") == ["Downloading", "DownloadFailed"]


async def test_a_download_that_fails_is_tried_again_as_often_as_asked(
    here: Station, server: FileServer
) -> None:
    server.faults = ["500"] * 2
    await update(here, server.location, retries=2, retryInterval=0)
    assert await ends_with(here, "Installed") == ["Downloading", "DownloadFailed"] * 2 + WHOLE


async def test_nothing_is_tried_after_the_last_attempt(here: Station, server: FileServer) -> None:
    server.faults = ["500"] * 9
    await update(here, server.location, retries=1, retryInterval=0)
    for _ in range(2):
        await here.sends("FirmwareStatusNotification", status="DownloadFailed")
    await here.sent_until_now(0)
    assert (told(here), server.served) == (["Downloading", "DownloadFailed"] * 2, 2)


async def test_nothing_is_fetched_before_its_time(here: Station, server: FileServer) -> None:
    asked_s = datetime.now(UTC)
    await update(here, server.location, in_s=1.5)
    assert (told(here), server.served) == ([], 0)
    await ends_with(here, "Installed")
    assert datetime.now(UTC) - asked_s >= timedelta(seconds=1.4)


async def test_an_address_of_another_kind_is_not_fetched(here: Station) -> None:
    await update(here, "file:///etc/passwd")
    assert await ends_with(here, "DownloadFailed") == ["Downloading", "DownloadFailed"]


async def test_an_update_before_its_time_survives_a_power_cut(here: Station, server: FileServer) -> None:
    await update(here, server.location, in_s=3)
    await here.charger.power_cut()
    await here.charger.start()
    assert await ends_with(here, "Installed") == WHOLE


async def test_an_update_waits_for_the_transaction_that_runs(here: Station, server: FileServer) -> None:
    await here.begin()
    await update(here, server.location)
    assert await ends_with(here, "Downloaded") == WHOLE[:2]
    await here.sent_until_now(0)
    assert (told(here), here.sent("StopTransaction")) == (WHOLE[:2], [])
    await here.swipe()
    await here.stopped()
    assert await ends_with(here, "Installed") == WHOLE


async def test_a_triggered_status_is_idle_while_nothing_is_under_way(here: Station) -> None:
    answer = await here.ask("TriggerMessage", requestedMessage="FirmwareStatusNotification")
    assert answer == {"status": "Accepted"}
    assert (await here.sends("FirmwareStatusNotification")).payload == {"status": "Idle"}


async def test_a_triggered_status_is_idle_again_after_an_update_that_failed(
    here: Station, server: FileServer
) -> None:
    """OCPP 1.6 §7.25: Idle is only told where nothing is being downloaded or installed."""
    server.faults = ["404"]
    await update(here, server.location)
    await ends_with(here, "DownloadFailed")
    await here.ask("TriggerMessage", requestedMessage="FirmwareStatusNotification")
    assert (await here.sends("FirmwareStatusNotification")).payload == {"status": "Idle"}


async def test_without_the_feature_profile_it_is_not_supported(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='SupportedFeatureProfiles = "Core,RemoteTrigger"') as here:
        request = {"location": "http://127.0.0.1:1/x", "retrieveDate": instant()}
        assert await here.refusal("UpdateFirmware", request) == "NotSupported"
        answer = await here.ask("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        assert answer == {"status": "NotImplemented"}


async def test_a_request_that_makes_no_sense_is_an_error(here: Station) -> None:
    address = "http://127.0.0.1:1/x"
    for payload, code in (
        ({"location": address}, "FormationViolation"),
        ({"location": 5, "retrieveDate": instant()}, "TypeConstraintViolation"),
        ({"location": address, "retrieveDate": "now"}, "PropertyConstraintViolation"),
    ):
        assert await here.refusal("UpdateFirmware", payload) == code
    assert told(here) == []
