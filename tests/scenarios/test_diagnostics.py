"""GetDiagnostics over the wire: one file for each request, each status as specified, and no secret in it."""

import asyncio
import io
import json
import tarfile
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from tests.certificates import make_certificates, server_tls
from tests.scenarios.file_server import FileServer, file_server
from tests.scenarios.ftp_server import ftp_server
from tests.scenarios.site import CSMS, STATION, Site, site
from tests.virtual_time import run_virtual

PASSWORD = "a-password-of-the-link"
KEY = "0123456789-a-planted-key"
CARD = "04A31F02B16180"


def told(here: Site) -> list[str]:
    return [str(one.status) for one in here.log.messages(call.DiagnosticsStatusNotification)]


async def get(here: Site, location: str, **more: Any) -> str | None:
    """Ask for diagnostics; returns the name of the file."""
    name: str | None = (await here.call(call.GetDiagnostics(location=location, **more))).file_name
    return name


async def ends_with(here: Site, status: str, since: int = 0) -> list[str]:
    """What was told, once *status* was, and nothing more for a while."""
    await here.log.message(call.DiagnosticsStatusNotification, lambda one: one.status == status, since=since)
    await here.clock.sleep(300)
    return told(here)


def parts(archive: bytes) -> dict[str, str]:
    """The files of a bundle by their names."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        found = {}
        for member in opened.getmembers():
            file = opened.extractfile(member)
            assert file is not None
            found[member.name.rpartition("/")[2]] = file.read().decode()
    return found


def received(server: FileServer) -> bytes:
    (content,) = server.received.values()
    return content


@pytest.mark.parametrize("protocol", ["http", "https", "ftp", "ftps"])
def test_a_file_is_sent_over_each_protocol_under_the_name_that_was_answered(
    tmp_path: Path, protocol: str
) -> None:
    make_certificates(tmp_path)

    def serving() -> AbstractContextManager[FileServer]:
        tls = server_tls(tmp_path, "server") if protocol.endswith("s") else None
        return ftp_server(tls=tls) if protocol.startswith("ftp") else file_server(tls=tls, host="localhost")

    async def scenario() -> None:
        with serving() as server:
            async with site(tmp_path, csms=f'{CSMS}ca_file = "ca.pem"\n') as here:
                name = await get(here, server.folder)
                assert name is not None and name.startswith("cpd-CP-0042-2026")
                assert await ends_with(here, "Uploaded") == ["Uploading", "Uploaded"]
                assert [path.rpartition("/")[2] for path in server.received] == [name]
                assert "status.json" in parts(received(server))

    run_virtual(scenario())


@pytest.mark.parametrize("retries", [None, 0, 2])
def test_each_attempt_has_its_own_pair_and_nothing_follows_the_last(
    tmp_path: Path, retries: int | None
) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["500"] * 10
            async with site(tmp_path) as here:
                await get(here, server.folder, retries=retries, retry_interval=100)
                await here.clock.sleep(1_000)
                assert told(here) == ["Uploading", "UploadFailed"] * (1 + (retries or 0))
                assert server.served == 1 + (retries or 0)

    run_virtual(scenario())


def test_a_later_attempt_may_succeed(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["503"]
            async with site(tmp_path) as here:
                await get(here, server.folder, retries=3, retry_interval=100)
                assert await ends_with(here, "Uploaded") == [
                    *("Uploading", "UploadFailed"),
                    *("Uploading", "Uploaded"),
                ]
                assert len(server.received) == 1

    run_virtual(scenario())


@pytest.mark.parametrize("location", ["C:", "file:///tmp/", "sftp://host/", "ftp://[", "http:///x"])
def test_an_address_that_nothing_can_be_sent_to_fails_once_whatever_retries_say(
    tmp_path: Path, location: str
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await get(here, location, retries=5, retry_interval=1) is not None
            assert await ends_with(here, "UploadFailed") == ["Uploading", "UploadFailed"]

    run_virtual(scenario())


def test_there_is_no_file_for_a_time_that_has_not_come(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as here:
                ahead = (here.clock.now() + timedelta(hours=1)).isoformat()
                behind = (here.clock.now() - timedelta(hours=1)).isoformat()
                assert await get(here, server.folder, start_time=ahead) is None
                assert await get(here, server.folder, start_time=ahead, stop_time=behind) is None
                await here.clock.sleep(300)
                assert (told(here), server.served) == ([], 0)
                assert await get(here, server.folder, start_time=behind, stop_time=ahead) is not None

    run_virtual(scenario())


def test_only_what_happened_in_the_window_is_in_the_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path) as here:
                for card in ("EARLY", "LATE"):
                    await here.charge(card)
                    here.world.plug_out(1)
                    await here.status("Available")
                    await here.clock.sleep(3_600)
                start = (here.clock.now() - timedelta(minutes=90)).isoformat()
                await get(here, server.folder, start_time=start)
                await ends_with(here, "Uploaded")
                found = parts(received(server))
                tags = [one["id_tag"] for one in json.loads(found["transactions.list.json"])["transactions"]]
                assert tags == ["LATE"]
                assert "LATE" in found["frames.txt"] and "EARLY" not in found["frames.txt"]

    run_virtual(scenario())


def test_a_power_cut_in_an_attempt_or_between_two_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["silent", "503"]
            async with site(tmp_path) as first:
                name = await get(first, server.folder, retries=1, retry_interval=600)
                await first.log.message(call.DiagnosticsStatusNotification)
                assert await asyncio.to_thread(server.silent.wait, 10)
            async with site(tmp_path, after=first) as second:
                assert await ends_with(second, "UploadFailed") == ["Uploading", "UploadFailed"]
            async with site(tmp_path, after=second) as third:
                assert await ends_with(third, "Uploaded") == [
                    *("Uploading", "UploadFailed"),
                    *("Uploading", "Uploaded"),
                ]
                assert [path.rpartition("/")[2] for path in server.received] == [name]
            async with site(tmp_path, after=third) as fourth:
                await fourth.clock.sleep(600)
                assert len(told(fourth)) == 4

    run_virtual(scenario())


def test_a_later_request_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as dead, file_server() as server:
            dead.faults = ["500"] * 10
            async with site(tmp_path) as here:
                await get(here, dead.folder, retries=5, retry_interval=1_000)
                await ends_with(here, "UploadFailed")
                before = len(told(here))
                await get(here, server.folder)
                assert (await ends_with(here, "Uploaded"))[before:] == ["Uploading", "Uploaded"]
                await here.clock.sleep(600)
                assert len(told(here)) == before + 2

    run_virtual(scenario())


def test_the_status_is_told_when_the_csms_asks(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            server.faults = ["500"]
            async with site(tmp_path) as here:
                request = call.TriggerMessage(requested_message="DiagnosticsStatusNotification")  # type: ignore[arg-type]
                assert (await here.call(request)).status == "Accepted"
                await here.clock.sleep(5)
                await get(here, server.folder, retries=1, retry_interval=100)
                await here.log.message(
                    call.DiagnosticsStatusNotification, lambda one: one.status == "UploadFailed"
                )
                assert (await here.call(request)).status == "Accepted"
                assert await ends_with(here, "Uploaded") == [
                    *("Idle", "Uploading", "UploadFailed"),
                    *("Idle", "Uploading", "Uploaded"),
                ]

    run_virtual(scenario())


def test_nothing_secret_is_in_the_file_and_no_whole_id_tag(tmp_path: Path) -> None:
    async def scenario() -> None:
        csms = f'{CSMS}security_profile = 1\npassword = "{PASSWORD}"\n'
        with file_server(user="operator", password="a-planted-upload") as server:
            folder = server.folder.replace("//", "//operator:a-planted-upload@")
            async with site(tmp_path, csms=csms) as here:
                await here.charge(CARD)
                await here.csms.call_raw(
                    STATION, "ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY}
                )
                location = "ftp://u:a-planted-download@127.0.0.1:1/x?sig=a-planted-signature"
                due = here.clock.now().isoformat()
                await here.call(call.UpdateFirmware(location=location, retrieve_date=due))
                await here.csms.send_raw(STATION, f'{{"AuthorizationKey": "{KEY}"')
                await here.csms.call_raw(
                    STATION,
                    "DataTransfer",
                    {"vendorId": "v", "data": json.dumps({"wifiPsk": "a-planted-psk", "idTag": CARD})},
                )
                await here.clock.sleep(60)
                await get(here, folder)
                await ends_with(here, "Uploaded")
        found = parts(received(server))
        everything = "\n".join(found.values())
        for secret in (PASSWORD, KEY, "a-planted", CARD):
            assert secret not in everything, secret
        assert "04A3…6180" in found["frames.txt"]
        assert "ftp://…@127.0.0.1:1/x" in found["frames.txt"]
        assert json.loads(found["configuration-file.json"])["csms"]["password"] == "(secret)"

    run_virtual(scenario())


def test_the_file_says_what_runs_what_holds_and_what_happened(tmp_path: Path) -> None:
    async def scenario() -> None:
        with file_server() as server:
            async with site(tmp_path, connectors=2) as here:
                await here.charge()
                await here.control("availability", connector=2, operative=False)
                await get(here, server.folder)
                await ends_with(here, "Uploaded")
        found = parts(received(server))
        versions = json.loads(found["versions.json"])
        assert versions["store_schema"] >= 3 and versions["libraries"]["websockets"]
        assert json.loads(found["status.json"])["connectors"][0]["ocpp_status"] == "Charging"
        assert json.loads(found["why.2.json"])["blockers"][0]["code"] == "UNAVAILABLE_LOCAL"
        assert json.loads(found["audit.json"])[0]["method"] == "availability"
        assert json.loads(found["configuration-file.json"])["station"]["id"] == STATION
        assert json.loads(found["configuration.get.json"])["keys"]
        assert "StartTransaction" in found["frames.txt"]
        assert json.loads(found["manifest.json"])["parts"] == [one for one in found if one != "manifest.json"]
        assert len(received(server)) < 5_000_000

    run_virtual(scenario())
