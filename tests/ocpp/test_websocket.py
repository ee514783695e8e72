import asyncio
import base64
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from cpd.clock import SystemClock
from cpd.ocpp.link import Link, LinkSettings
from cpd.ocpp.transport import ConnectionLost, DialFailed, Endpoint, MessageTooBig, TlsSettings, endpoint_url
from cpd.ocpp.websocket import dial
from tests.certificates import make_certificates, server_tls


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem; server.pem for localhost and other.pem for another host, each with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@asynccontextmanager
async def csms(
    *,
    handler: Callable[[ServerConnection], Any] | None = None,
    answer: Callable[[ServerConnection, Request], Response | None] | None = None,
    subprotocols: list[Any] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """A websockets server on a free port; yields host:port."""

    async def stay(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(
        handler or stay,
        "127.0.0.1",
        0,
        subprotocols=["ocpp1.6"] if subprotocols is None else subprotocols,  # type: ignore[list-item]
        process_request=answer,
        ssl=tls,
    ) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def failure_of(endpoint: Endpoint) -> DialFailed:
    with pytest.raises(DialFailed) as caught:
        async with dial(endpoint):
            pass
    return caught.value


async def test_texts_go_both_ways_and_a_ping_is_answered() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for frame in connection:
            await connection.send(frame)

    async with csms(handler=echo) as host, dial(Endpoint(url=f"ws://{host}/CP-1")) as connection:
        assert connection.subprotocol == "ocpp1.6"
        await connection.send("[2]")
        assert await connection.recv() == "[2]"
        await connection.ping()


async def test_the_request_carries_path_and_credentials_but_no_compression() -> None:
    requests: list[Request] = []
    url = ""

    def note(connection: ServerConnection, request: Request) -> None:
        requests.append(request)

    async with csms(answer=note) as host:
        url = endpoint_url(f"ws://{host}/ocpp/", "RDAM|1 2/3")
        async with dial(Endpoint(url=url, username="CP-1", password="pass:word")):
            pass
        async with dial(Endpoint(url=url, username="CP-1", password=b"\x00\xff")):
            pass
    assert requests[0].path == "/ocpp/RDAM%7C1%202%2F3"
    secrets = [base64.b64decode(request.headers["Authorization"].split()[1]) for request in requests]
    assert secrets == [b"CP-1:pass:word", b"CP-1:\x00\xff"]
    assert "Sec-WebSocket-Extensions" not in requests[0].headers


async def test_no_subprotocol_is_left_to_the_link_to_judge() -> None:
    async with csms(subprotocols=[]) as host, dial(Endpoint(url=f"ws://{host}/CP-1")) as connection:
        assert connection.subprotocol is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "HTTP 401: the central system refuses the password"),
        (403, "HTTP 403: the central system refuses this charge point"),
        (404, "HTTP 404: the central system has nothing at this path"),
        (418, "HTTP 418: the central system refuses the WebSocket"),
        (500, "HTTP 500: the central system failed; some answer so"),
        (599, "HTTP 599: the central system failed"),
    ],
)
async def test_a_refusal_is_a_sentence(status: int, words: str) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(404, "")
        response.status_code = status
        return response

    async with csms(answer=refuse) as host:
        failure = await failure_of(Endpoint(url=f"ws://{host}/CP-1", username="CP-1", password="p"))
    assert str(failure).startswith(words)
    assert failure.http_status == status


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "17", 17.0),
        (503, "Sun, 22 Nov 2026 10:02:00 GMT", 120.0),
        (503, "Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        (503, "soon", None),
        (503, "-5", None),
        (404, "17", None),
    ],
)
async def test_retry_after_is_read_in_both_forms(
    status: int, retry_after: str, seconds: float | None
) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(404, "")
        response.status_code = status
        response.headers["Retry-After"] = retry_after
        del response.headers["Date"]
        response.headers["Date"] = "Sun, 22 Nov 2026 10:00:00 GMT"
        return response

    async with csms(answer=refuse) as host:
        assert (await failure_of(Endpoint(url=f"ws://{host}/CP-1"))).retry_after_s == seconds


async def test_a_redirect_is_not_followed() -> None:
    requests: list[str] = []

    def redirect(connection: ServerConnection, request: Request) -> Response:
        requests.append(request.path)
        response = connection.respond(404, "")
        response.status_code = 302
        response.headers["Location"] = "/elsewhere"
        return response

    async with csms(answer=redirect) as host:
        failure = await failure_of(Endpoint(url=f"ws://{host}/CP-1", username="u", password="p"))
    assert requests == ["/CP-1"]
    assert "redirects to /elsewhere" in str(failure)


async def test_a_closed_port_is_named() -> None:
    async with csms() as host:
        pass
    assert str(await failure_of(Endpoint(url=f"ws://{host}/CP-1"))) == (
        f"{host} refuses the connection: nothing listens there"
    )


async def test_a_server_that_is_no_websocket_is_named() -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(chat, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failure = await failure_of(Endpoint(url=f"ws://127.0.0.1:{port}/CP-1"))
    assert "broke off the connection during the handshake" in str(failure)


async def test_tls_with_the_right_root_is_accepted(certificates: Path) -> None:
    tls = TlsSettings(ca_file=certificates / "ca.pem")
    async with (
        csms(tls=server_tls(certificates, "server")) as host,
        dial(Endpoint(url=f"wss://{host}/CP-1", tls=tls)) as connection,
    ):
        assert connection.subprotocol == "ocpp1.6"


async def test_tls_without_the_root_is_refused(certificates: Path) -> None:
    async with csms(tls=server_tls(certificates, "server")) as host:
        failure = await failure_of(Endpoint(url=f"wss://{host}/CP-1"))
    assert str(failure).startswith(f"TLS: the certificate of {host} was issued by Test CA, which")


@pytest.mark.parametrize("verify_hostname", [True, False])
async def test_tls_with_another_host_name_is_refused_unless_told_otherwise(
    certificates: Path, verify_hostname: bool
) -> None:
    tls = TlsSettings(ca_file=certificates / "ca.pem", verify_hostname=verify_hostname)
    async with csms(tls=server_tls(certificates, "other")) as host:
        endpoint = Endpoint(url=f"wss://{host}/CP-1", tls=tls)
        if verify_hostname:
            assert "is for other.example, and you dial 127.0.0.1" in str(await failure_of(endpoint))
        else:
            async with dial(endpoint) as connection:
                assert connection.subprotocol == "ocpp1.6"


async def test_the_client_certificate_is_shown(certificates: Path) -> None:
    subjects: list[Any] = []

    async def note(connection: ServerConnection) -> None:
        subjects.append(connection.transport.get_extra_info("peercert")["subject"])

    server = server_tls(certificates, "server")
    server.load_verify_locations(certificates / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    tls = TlsSettings(
        ca_file=certificates / "ca.pem",
        cert_file=certificates / "other.pem",
        key_file=certificates / "other.key",
    )
    async with (
        csms(tls=server, handler=note) as host,
        dial(Endpoint(url=f"wss://{host}/CP-1", tls=tls)) as connection,
    ):
        with pytest.raises(ConnectionLost):
            await connection.recv()
    assert subjects == [((("commonName", "other"),),)]


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (
            TlsSettings(ca_file=Path("/nowhere/ca.pem")),
            "csms.ca_file /nowhere/ca.pem cannot be used: No such",
        ),
        (
            TlsSettings(cert_file=Path("/nowhere/c.pem")),
            "csms.cert_file /nowhere/c.pem with csms.key_file None",
        ),
    ],
)
async def test_a_tls_file_that_cannot_be_used_is_named(tls: TlsSettings, words: str) -> None:
    assert words in str(await failure_of(Endpoint(url="wss://127.0.0.1:1/CP-1", tls=tls)))


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1000, "", "the central system closed the link with 1000"),
        (1008, "two links", "the central system closed the link with 1008: two links"),
    ],
)
async def test_a_close_is_a_sentence(code: int, reason: str, words: str) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with csms(handler=close) as host, dial(Endpoint(url=f"ws://{host}/CP-1")) as connection:
        for use in (connection.recv, connection.ping, lambda: connection.send("x")):
            with pytest.raises(ConnectionLost, match=words):
                await use()


async def test_a_frame_that_is_more_than_the_other_side_takes_is_told_from_other_closes() -> None:
    async def refuse(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1009)

    async with csms(handler=refuse) as host, dial(Endpoint(url=f"ws://{host}/CP-1")) as connection:
        await connection.send("[2]")
        with pytest.raises(MessageTooBig):
            await connection.recv()


async def test_an_aborted_connection_says_so() -> None:
    async def abort(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with csms(handler=abort) as host, dial(Endpoint(url=f"ws://{host}/CP-1")) as connection:
        with pytest.raises(ConnectionLost, match="broke off without a close"):
            await connection.recv()


def real_link(url: str, **settings: Any) -> Link:
    async def handle(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Accepted"} | ({"data": "d" * 100_000} if action == "DataTransfer" else {})

    return Link(
        LinkSettings(endpoint=Endpoint(url=url), reconnect_min_s=0.01, reconnect_jitter_s=0.0, **settings),
        SystemClock(),
        handle,
        connect=dial,
        rng=random.Random(7),
    )


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[None]:
    task = asyncio.create_task(link.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_burst_over_a_real_socket_is_answered_completely_and_in_order() -> None:
    answered: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    async def burst(connection: ServerConnection) -> None:
        for number in range(200):
            await connection.send(json.dumps([2, str(number), "ClearCache", {}]))
        answered.set_result([json.loads(await connection.recv())[1] for _ in range(200)])

    async with csms(handler=burst) as host, running(real_link(f"ws://{host}/CP-1")):
        assert await answered == [str(number) for number in range(200)]


async def test_a_peer_that_never_reads_is_dropped_and_redialled() -> None:
    connections = asyncio.Queue[ServerConnection]()

    async def never_read(connection: ServerConnection) -> None:
        connections.put_nowait(connection)
        connection.transport.pause_reading()
        for number in range(100):
            await connection.send(json.dumps([2, str(number), "DataTransfer", {"vendorId": "v"}]))
        await connection.wait_closed()

    async with csms(handler=never_read) as host:
        link = real_link(f"ws://{host}/CP-1", answer_timeout_s=0.05)
        async with running(link):
            first = await connections.get()
            second = await connections.get()
            assert "has read nothing for 0.05 s" in str(link.last_failure)
            for peer in (first, second):
                peer.transport.abort()


async def test_a_silent_central_system_is_dropped_and_redialled() -> None:
    connections = asyncio.Queue[ServerConnection]()

    async def say_nothing(connection: ServerConnection) -> None:
        connections.put_nowait(connection)
        async for _ in connection:
            pass

    async with csms(handler=say_nothing) as host:
        link = real_link(f"ws://{host}/CP-1", answer_timeout_s=0.02)
        async with running(link), asyncio.TaskGroup() as group:
            await link.opened()
            link.accepted()
            await connections.get()
            call = group.create_task(_quietly(link.call("Authorize", {"idTag": "x"})))
            await connections.get()
            await call
            assert "silent" in str(link.last_failure)


async def _quietly(call: Any) -> None:
    await asyncio.gather(call, return_exceptions=True)


async def test_the_password_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.WARNING, "websockets.server"):
        async with csms() as host:
            endpoint = Endpoint(url=f"ws://{host}/CP-1", username="CP-1", password="s3cret-s3cret-s3")
            async with dial(endpoint):
                pass
    assert "Q1AtMTpzM2Ny" not in caplog.text
    assert "s3cret" not in caplog.text + repr(endpoint)


@pytest.mark.parametrize(
    ("base", "station_id", "url"),
    [
        ("wss://csms.example/ocpp/", "CP-1", "wss://csms.example/ocpp/CP-1"),
        ("wss://csms.example/ocpp", "CP-1", "wss://csms.example/ocpp/CP-1"),
        ("wss://csms.example/ocpp//", "CP-1", "wss://csms.example/ocpp/CP-1"),
        ("ws://csms.example:8080", "CP-1", "ws://csms.example:8080/CP-1"),
        ("ws://h/", "RDAM|123", "ws://h/RDAM%7C123"),
        ("ws://h/", "CP 1", "ws://h/CP%201"),
        ("ws://h/", "CP/1", "ws://h/CP%2F1"),
        ("ws://h/", "Ünï", "ws://h/%C3%9Cn%C3%AF"),
    ],
)
def test_the_identity_is_the_last_segment_of_the_url(base: str, station_id: str, url: str) -> None:
    assert endpoint_url(base, station_id) == url


@pytest.mark.parametrize(
    ("base", "station_id"),
    [
        ("http://h/", "CP-1"),
        ("csms.example/ocpp", "CP-1"),
        ("ws:///ocpp", "CP-1"),
        ("ws://u:p@h/", "CP-1"),
        ("ws://h/?id=", "CP-1"),
        ("ws://h/#x", "CP-1"),
        ("ws://h/", ""),
    ],
)
def test_a_base_that_cannot_carry_the_identity_is_refused(base: str, station_id: str) -> None:
    with pytest.raises(ValueError):
        endpoint_url(base, station_id)
