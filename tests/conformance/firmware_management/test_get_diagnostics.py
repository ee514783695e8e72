"""GetDiagnostics and DiagnosticsStatusNotification (OCPP 1.6 §4.4, §5.9)."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.station import Station, station
from tests.process.charger import STATION
from tests.scenarios.file_server import FileServer, file_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "a-password-of-20-let"


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Takes what is uploaded."""
    with file_server() as running:
        yield running


async def get(here: Station, server: FileServer, **more: Any) -> str:
    """The name of the file that was promised."""
    return str((await here.ask("GetDiagnostics", more, location=server.folder))["fileName"])


def told(here: Station) -> list[str]:
    return [one.payload["status"] for one in here.sent("DiagnosticsStatusNotification")]


async def ends_with(here: Station, status: str) -> list[str]:
    await here.sends("DiagnosticsStatusNotification", status=status)
    return told(here)


async def test_an_upload_is_told_step_by_step(idle: Station, server: FileServer) -> None:
    await get(idle, server)
    assert await ends_with(idle, "Uploaded") == ["Uploading", "Uploaded"]


async def test_the_file_has_the_name_that_was_answered(idle: Station, server: FileServer) -> None:
    name = await get(idle, server)
    await ends_with(idle, "Uploaded")
    assert [path.rpartition("/")[2] for path in server.received] == [name]


async def test_the_file_is_a_bundle_that_can_be_opened(idle: Station, server: FileServer) -> None:
    await get(idle, server)
    await ends_with(idle, "Uploaded")
    (content,) = server.received.values()
    with tarfile.open(fileobj=io.BytesIO(content)) as bundle:
        assert len(bundle.getnames()) > 1


async def test_the_file_has_no_password_in_it(tmp_path: Path, server: FileServer) -> None:
    csms = f'security_profile = 1\npassword = "{PASSWORD}"'
    async with station(tmp_path, csms=csms, passwords={STATION: PASSWORD}) as here:
        await get(here, server)
        await ends_with(here, "Uploaded")
    (content,) = server.received.values()
    with tarfile.open(fileobj=io.BytesIO(content)) as bundle:
        files = [bundle.extractfile(member) for member in bundle.getmembers()]
        assert not [one for one in files if one is not None and PASSWORD.encode() in one.read()]


async def test_an_upload_that_fails_is_tried_again_as_often_as_asked(
    idle: Station, server: FileServer
) -> None:
    server.faults = ["500"]
    await get(idle, server, retries=1, retryInterval=0)
    assert await ends_with(idle, "Uploaded") == ["Uploading", "UploadFailed", "Uploading", "Uploaded"]


async def test_nothing_is_tried_after_the_last_attempt(idle: Station, server: FileServer) -> None:
    server.faults = ["500"] * 9
    await get(idle, server, retries=1, retryInterval=0)
    for _ in range(2):
        await idle.sends("DiagnosticsStatusNotification", status="UploadFailed")
    await idle.sent_until_now(0)
    assert told(idle) == ["Uploading", "UploadFailed"] * 2


async def test_a_transaction_goes_on_meanwhile(tmp_path: Path, server: FileServer) -> None:
    async with station(tmp_path) as here:
        await here.begin()
        await get(here, server)
        await ends_with(here, "Uploaded")
        assert await here.ask("RemoteStopTransaction", transactionId=1) == {"status": "Accepted"}
        (stop,) = await here.stopped()
        assert stop["reason"] == "Remote"


async def test_a_triggered_status_is_idle_while_nothing_is_under_way(idle: Station) -> None:
    answer = await idle.ask("TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
    assert answer == {"status": "Accepted"}
    assert (await idle.sends("DiagnosticsStatusNotification")).payload == {"status": "Idle"}


async def test_without_the_feature_profile_it_is_not_supported(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='SupportedFeatureProfiles = "Core"') as here:
        assert await here.refusal("GetDiagnostics", {"location": "http://127.0.0.1:1/"}) == "NotSupported"


async def test_a_request_without_an_address_is_a_formation_violation(idle: Station) -> None:
    assert await idle.refusal("GetDiagnostics", {}) == "FormationViolation"
