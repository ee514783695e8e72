"""`cpd connect test` against central systems that fail in every way: which step, which words, which exit status."""

import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call
from ocpp.v16.enums import RegistrationStatus
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from cpd.cli.connect import exit_status
from cpd.clock import SystemClock
from cpd.control.api import ConnectionStepDocument, ConnectionTestDocument
from cpd.diagnostics.connection_test import connection_test
from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.websocket import listening
from cpd.settings.tables import Csms, Station
from tests.certificates import make_certificates, server_tls
from tests.cli.documents import STATUS
from tests.ocpp.tls_servers import choosy_tls, tls_server

PASSWORD = "a-password-of-16"
SHORT_S = 0.3
PLAIN = Behaviour()


async def attempt(
    url: str, station: str = "CP-1", *, patience_s: float = 10.0, **more: Any
) -> ConnectionTestDocument:
    return await connection_test(Station(id=station), Csms(url=url, **more), patience_s=patience_s)


def failed(document: ConnectionTestDocument) -> ConnectionStepDocument:
    (step,) = [step for step in document["steps"] if step["outcome"] == "failed"]
    return step


async def hang_up(connection: ServerConnection) -> None:
    await connection.close()


@asynccontextmanager
async def central_system(
    behaviour: Behaviour = PLAIN, **options: Any
) -> AsyncIterator[tuple[str, CentralSystem]]:
    csms = CentralSystem(SystemClock(), behaviour)
    async with listening(csms, **options) as port:
        yield f"127.0.0.1:{port}", csms


async def test_a_sound_central_system_is_reached_step_by_step(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    tls, secret = server_tls(tmp_path, "server"), {"CP-1": PASSWORD}
    async with central_system(tls=tls, passwords=secret) as (host, csms):
        document = await attempt(
            f"wss://{host}/ocpp", security_profile=2, password=PASSWORD, ca_file=tmp_path / "ca.pem"
        )
    assert [(step["step"], step["outcome"]) for step in document["steps"]] == [
        (name, "ok") for name in ("DNS", "TCP", "TLS", "WebSocket", "Boot")
    ]
    assert "certificate until" in document["steps"][2]["evidence"]
    assert document["url"] == f"wss://{host}/ocpp/CP-1"
    assert exit_status(document) == 0
    (boot,) = csms.log("CP-1").messages(call.BootNotification)
    assert boot.charge_point_vendor == "cpd"
    assert csms.violations == []


ANSWERS = [
    (Behaviour(upgrade_status=401), "WebSocket", "HTTP 401", "compare id and password", 5),
    (Behaviour(upgrade_status=403), "WebSocket", "HTTP 403", "registered", 5),
    (Behaviour(upgrade_status=404), "WebSocket", "HTTP 404", "letter by letter", 4),
    (Behaviour(upgrade_status=429), "WebSocket", "HTTP 429", "wait", 1),
    (Behaviour(upgrade_status=500), "WebSocket", "HTTP 500", "have this id registered", 1),
    (Behaviour(upgrade_status=503), "WebSocket", "HTTP 503", "operator", 1),
    (Behaviour(subprotocol=None), "WebSocket", "does not select ocpp1.6", "JSON", 5),
    (
        Behaviour(registration=RegistrationStatus.rejected),
        "Boot",
        "rejects this charge point",
        "registered",
        5,
    ),
    (Behaviour(registration=RegistrationStatus.pending), "Boot", "has not let it in yet", "released", 5),
    (
        Behaviour(reactions={"BootNotification": Reaction(error="InternalError")}),
        "Boot",
        "answers BootNotification with an error, InternalError",
        "operator",
        5,
    ),
    (
        Behaviour(reactions={"BootNotification": Reaction(silent=True)}),
        "Boot",
        "does not answer BootNotification within",
        "operator",
        6,
    ),
]


@pytest.mark.parametrize(
    ("behaviour", "step", "words", "next_step", "status"), ANSWERS, ids=[one[2] for one in ANSWERS]
)
async def test_each_refusal_is_a_sentence_with_a_next_step_and_an_exit_status(
    behaviour: Behaviour, step: str, words: str, next_step: str, status: int
) -> None:
    async with central_system(behaviour) as (host, _):
        patience_s = SHORT_S if status == 6 else 10.0
        document = await attempt(
            f"ws://{host}/", patience_s=patience_s, password=PASSWORD, security_profile=1
        )
    wrong = failed(document)
    assert wrong["step"] == step
    assert words in wrong["evidence"]
    assert next_step in wrong["next_step"]
    assert exit_status(document) == status


async def test_a_wrong_password_is_told_from_a_wrong_path() -> None:
    async with central_system(passwords={"CP-1": PASSWORD}) as (host, _):
        document = await attempt(f"ws://{host}/", security_profile=1, password="another-password")
    assert failed(document)["cause"] == "password_refused"


async def test_a_password_that_is_wanted_and_not_set_is_told() -> None:
    async with central_system(passwords={"CP-1": PASSWORD}) as (host, _):
        wrong = failed(await attempt(f"ws://{host}/"))
    assert wrong["evidence"].endswith("wants a password, and none is set")
    assert wrong["cause"] == "password_refused"


async def test_a_central_system_that_never_hangs_up_does_not_change_what_it_answered() -> None:
    async def reject(connection: ServerConnection) -> None:
        _, number, *_ = json.loads(await connection.recv())
        now = "2026-11-22T00:00:00Z"
        await connection.send(
            json.dumps([3, number, {"status": "Rejected", "interval": 1, "currentTime": now}])
        )
        # From now on nothing is read, not even the close.
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with serve(
        reject, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], close_timeout=0.1
    ) as server:
        port = server.sockets[0].getsockname()[1]
        document = await attempt(f"ws://127.0.0.1:{port}/", patience_s=1.0)
    assert failed(document)["cause"] == "boot_rejected"


async def test_a_redirect_names_where_it_leads() -> None:
    def redirect(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "https://csms.example/login"
        return response

    async with serve(hang_up, "127.0.0.1", 0, process_request=redirect) as server:
        document = await attempt(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert "redirects to https://csms.example/login" in failed(document)["evidence"]
    assert exit_status(document) == 5


@pytest.mark.parametrize(("code", "reason"), [(1002, "protocol error"), (1008, "who are you?")])
async def test_a_close_instead_of_an_answer_is_told_with_its_code(code: int, reason: str) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with serve(close, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        document = await attempt(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    wrong = failed(document)
    assert (wrong["step"], wrong["cause"]) == ("Boot", "closed")
    assert f"closed the link with {code}: {reason}" in wrong["evidence"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([3, "ID", {"status": "Maybe", "currentTime": "2026-11-22T10:00:00Z", "interval": 5}], "is invalid"),
        ([3, "ID", []], "is invalid"),
        ([3, "ID", {}], "is invalid"),
    ],
)
async def test_an_answer_that_is_none_is_told(answer: list[Any], words: str) -> None:
    async def blunder(connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        await connection.send(json.dumps([2, "7", "Reset", {"type": "Hard"}]))
        await connection.send(json.dumps([asked[1] if part == "ID" else part for part in answer]))
        await connection.wait_closed()

    async with serve(blunder, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        document = await attempt(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert words in failed(document)["evidence"]
    assert failed(document)["cause"] == "boot_refused"


async def test_what_the_central_system_asks_for_meanwhile_is_never_accepted() -> None:
    heard: list[str] = []

    async def ask(connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        await connection.send(json.dumps([2, "7", "Reset", {"type": "Hard"}]))
        accepted = {"status": "Accepted", "currentTime": "2026-11-22T10:00:00Z", "interval": 300}
        await connection.send(json.dumps([3, asked[1], accepted]))
        heard.extend([str(frame) async for frame in connection])

    async with serve(ask, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        document = await attempt(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert exit_status(document) == 0
    assert heard == []


async def test_an_unknown_host_a_closed_port_and_silence_are_told_apart() -> None:
    unknown = await attempt("ws://no-such-host.invalid/")
    assert (failed(unknown)["step"], exit_status(unknown)) == ("DNS", 4)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        silent = await attempt(f"ws://127.0.0.1:{port}/", patience_s=SHORT_S)
        deaf = await attempt(f"wss://127.0.0.1:{port}/", patience_s=SHORT_S)
    assert (failed(silent)["step"], exit_status(silent)) == ("WebSocket", 6)
    assert (failed(deaf)["step"], exit_status(deaf)) == ("TLS", 6)
    closed = await attempt(f"ws://127.0.0.1:{port}/")
    assert (failed(closed)["step"], failed(closed)["cause"], exit_status(closed)) == ("TCP", "refused", 5)


async def test_ws_at_a_port_of_wss_and_the_other_way_round_are_told(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with tls_server(server_tls(tmp_path, "server")) as host:
        plain = await attempt(f"ws://{host}/", patience_s=1.0)
    assert "wss://?" in failed(plain)["next_step"]
    with tls_server(None) as host:
        secure = await attempt(f"wss://{host}/")
    assert failed(secure)["cause"] == "tls_not_spoken"


async def test_a_certificate_that_is_wanted_after_tls_takes_back_that_tls_went_well(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with tls_server(choosy_tls(tmp_path, ssl.TLSVersion.TLSv1_3)) as host:
        document = await attempt(f"wss://{host}/", ca_file=tmp_path / "ca.pem")
    assert [step["outcome"] for step in document["steps"]] == ["ok", "ok", "failed", "skipped", "skipped"]
    assert exit_status(document) == 5


@pytest.mark.parametrize(
    ("base", "station", "path"),
    [
        ("/ocpp", "RDAM|123", "/ocpp/RDAM%7C123"),
        ("/ocpp/", "CP 1", "/ocpp/CP%201"),
        ("/ocpp//", "CP/1", "/ocpp/CP%2F1"),
        ("", "CP-1", "/CP-1"),
        ("/a b/ü", "CP-1", "/a%20b/%C3%BC/CP-1"),
    ],
)
async def test_the_address_that_is_shown_is_the_one_that_is_dialled(
    base: str, station: str, path: str
) -> None:
    dialled: list[str] = []

    def note(_connection: ServerConnection, request: Request) -> None:
        dialled.append(request.path)

    async with serve(hang_up, "127.0.0.1", 0, process_request=note) as server:
        document = await attempt(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{base}", station)
    assert dialled == [path]
    assert document["url"].endswith(path)


async def test_beside_a_cpd_that_runs_no_session_begins() -> None:
    async with central_system() as (host, csms):
        document = await connection_test(Station(id="CP-1"), Csms(url=f"ws://{host}/"), link=STATUS["csms"])
    assert [step["outcome"] for step in document["steps"]] == ["ok", "ok", "skipped", "skipped"]
    assert csms.log("CP-1").connections == 0


async def test_a_slow_central_system_has_the_same_time_for_each_step() -> None:
    async def wait_then_boot(connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        await SystemClock().sleep(0.9)
        accepted = {"status": "Accepted", "currentTime": "2026-11-22T10:00:00Z", "interval": 300}
        await connection.send(json.dumps([3, asked[1], accepted]))
        await connection.wait_closed()

    async def wait(_connection: ServerConnection, _request: Request) -> None:
        await SystemClock().sleep(0.9)

    async with serve(
        wait_then_boot, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], process_request=wait
    ) as server:
        port = server.sockets[0].getsockname()[1]
        assert exit_status(await attempt(f"ws://127.0.0.1:{port}/", patience_s=1.6)) == 0
