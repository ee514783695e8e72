"""Files over each protocol, to and from real servers: whole or not at all, and no word about the password."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cpd.transfers.location import TransferFailed
from cpd.transfers.transfer import fetch, send
from cpd.transfers.wire import tls_context
from tests.certificates import make_certificates, server_tls
from tests.process.test_sick_disk import tmpfs
from tests.scenarios.file_server import CONTENT, FileServer, file_server
from tests.scenarios.ftp_server import ADDRESS, FOLDER, PASSWORD, ftp_server

PROTOCOLS = ["http", "https", "ftp", "ftps"]
NAME = "cpd-CP-0042.tar.gz"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@contextmanager
def serving(protocol: str, certificates: Path, name: str = "server") -> Iterator[FileServer]:
    """A server that wants a password, under ``localhost`` where its certificate is to be checked."""
    tls = server_tls(certificates, name) if protocol in ("https", "ftps") else None
    if protocol.startswith("ftp"):
        with ftp_server(tls=tls) as server:
            yield server
        return
    with file_server(tls=tls, user="charger", password=PASSWORD, host=f"{ADDRESS}@localhost") as server:
        yield server


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def failure(location: str, file: Path, ca_file: Path | None = None, silence_s: float = 5.0) -> str:
    with pytest.raises(TransferFailed) as failed:
        await fetch(location, file, ca_file=ca_file, silence_s=silence_s)
    assert names(file.parent) == [], "nothing of the file is left"
    words = str(failed.value)
    assert PASSWORD not in words and ADDRESS not in words and "charger" not in words
    return words


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_file_is_fetched_with_the_user_and_password_of_its_address(
    protocol: str, tmp_path: Path, certificates: Path
) -> None:
    with serving(protocol, certificates) as server:
        await fetch(server.location, tmp_path / "file", ca_file=certificates / "ca.pem")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_file_is_sent_into_a_folder_under_its_name(protocol: str, certificates: Path) -> None:
    content = bytes(range(256)) * 4_000
    with serving(protocol, certificates) as server:
        await send(server.folder, NAME, content, ca_file=certificates / "ca.pem")
    ((path, received),) = server.received.items()
    assert path.endswith(f"/{NAME}")
    assert received == content


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_file_is_sent_under_the_name_of_its_address(protocol: str, certificates: Path) -> None:
    with serving(protocol, certificates) as server:
        await send(server.folder + "mine%20.gz", NAME, b"content", ca_file=certificates / "ca.pem")
    ((path, _),) = server.received.items()
    assert path.endswith(("/mine%20.gz", "/mine .gz"))


async def test_a_folder_of_ftp_may_lack_its_last_slash(certificates: Path) -> None:
    with serving("ftp", certificates) as server:
        await send(server.folder.removesuffix("/"), NAME, b"content", ca_file=None)
    assert list(server.received) == [f"/{FOLDER}/{NAME}"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_wrong_password_is_a_failure_that_does_not_name_it(
    protocol: str, tmp_path: Path, certificates: Path
) -> None:
    with serving(protocol, certificates) as server:
        wrong = server.location.replace(ADDRESS, "charger:guess%21")
        words = await failure(wrong, tmp_path / "file", certificates / "ca.pem")
    assert words == ("the server answers 530" if protocol.startswith("ftp") else "the server answers 401")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_file_that_is_cut_in_the_middle_is_not_taken(
    protocol: str, tmp_path: Path, certificates: Path
) -> None:
    with serving(protocol, certificates) as server:
        server.faults = ["cut"]
        await failure(server.location, tmp_path / "file", certificates / "ca.pem")
        await fetch(server.location, tmp_path / "file", ca_file=certificates / "ca.pem")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_file_that_is_not_there_is_a_failure(
    protocol: str, tmp_path: Path, certificates: Path
) -> None:
    with serving(protocol, certificates) as server:
        server.faults = [] if protocol.startswith("ftp") else ["404"]
        words = await failure(server.folder + "other.bin", tmp_path / "file", certificates / "ca.pem")
    assert words == ("the server answers 550" if protocol.startswith("ftp") else "the server answers 404")


@pytest.mark.parametrize(("protocol", "fault"), [("http", "507"), ("ftp", "full"), ("ftp", "cut")])
async def test_an_upload_that_the_server_cannot_keep_is_a_failure(
    protocol: str, fault: str, certificates: Path
) -> None:
    with serving(protocol, certificates) as server:
        server.faults = [fault]
        with pytest.raises(TransferFailed):
            await send(server.folder, NAME, b"x" * 1_000_000, ca_file=None)
    assert server.received == {}


async def test_an_address_cannot_smuggle_a_command_in(tmp_path: Path, certificates: Path) -> None:
    with serving("ftp", certificates) as server:
        words = await failure(server.folder + "new.bin%0D%0ADELE%20new.bin", tmp_path / "file")
    assert words == "the address cannot be read"
    assert server.asked == []


@pytest.mark.parametrize("protocol", ["https", "ftps"])
@pytest.mark.parametrize(("name", "trusted"), [("other", True), ("server", False)])
async def test_a_certificate_that_cannot_be_trusted_is_refused_before_the_password(
    protocol: str, name: str, trusted: bool, tmp_path: Path, certificates: Path
) -> None:
    with serving(protocol, certificates, name) as server:
        ca_file = certificates / "ca.pem" if trusted else None
        words = await failure(server.location, tmp_path / "file", ca_file)
    assert "certificate" in words
    assert "PASS" not in server.asked and server.authorizations == []


async def test_a_server_without_put_gets_a_post(certificates: Path) -> None:
    with serving("http", certificates) as server:
        server.faults = ["405"]
        await send(server.folder, NAME, b"content", ca_file=None)
    assert server.asked == ["PUT", "POST"]
    assert list(server.received.values()) == [b"content"]


async def test_a_redirect_is_followed_and_takes_no_password_to_another_server(tmp_path: Path) -> None:
    with file_server() as other, file_server(host=f"{ADDRESS}@localhost") as first:
        first.faults = ["to /elsewhere", f"to {other.location}"]
        await fetch(first.location, tmp_path / "file", ca_file=None)
    assert [value is not None for value in first.authorizations] == [True, True]
    assert other.authorizations == [None]
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/x", "file:///etc/passwd", "ftp://host/x"])
async def test_a_redirect_leads_neither_out_of_tls_nor_out_of_the_web(
    where: str, tmp_path: Path, certificates: Path
) -> None:
    with serving("https", certificates) as server:
        server.faults = [f"to {where}"]
        words = await failure(server.location, tmp_path / "file", certificates / "ca.pem")
    assert words in ("the server redirects to where nothing may go", "only ftp, ftps, http, https are served")


async def test_redirects_without_end_are_not_followed(tmp_path: Path) -> None:
    with file_server() as server:
        server.faults = ["to /again"] * 20
        assert "redirects" in await failure(server.location, tmp_path / "file")
        assert server.served == 6


async def test_a_redirected_upload_arrives(certificates: Path) -> None:
    with file_server() as server:
        server.faults = ["to /stored/here.gz"]
        await send(server.folder, NAME, b"content", ca_file=None)
    assert server.received == {"/stored/here.gz": b"content"}


async def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with file_server() as server:
        server.faults = ["silent"]
        words = await failure(server.location, tmp_path / "file", silence_s=0.1)
    assert words == "the server was silent for too long"


async def test_a_transfer_that_nobody_waits_for_ends_at_once(tmp_path: Path) -> None:
    with file_server() as server:
        server.faults = ["silent"]
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            fetching = tasks.create_task(fetch(server.location, tmp_path / "file", ca_file=None))
            await asyncio.to_thread(server.silent.wait, 5)
            fetching.cancel()
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().shutdown_default_executor()
    assert names(tmp_path) == []


async def test_a_disk_that_is_full_keeps_nothing_of_the_file_and_its_room_for_the_store(
    tmp_path: Path,
) -> None:
    with tmpfs(tmp_path / "small") as small, file_server() as server:
        assert await failure(server.location, small / "file") == "the disk is full"


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "gopher://host/x", "http:///x", "http://[x", "http://h:99999/x", "C:", ""),
        *("ftp://u:p@127.0.0.1:1/x", "http://127.0.0.1:1/x", "ftp://127.0.0.1:1/a"),
    ],
)
async def test_what_is_no_address_is_a_failure(location: str, tmp_path: Path) -> None:
    await failure(location, tmp_path / "file")


def test_no_old_version_of_tls_is_taken() -> None:
    assert tls_context(None).minimum_version is ssl.TLSVersion.TLSv1_2
