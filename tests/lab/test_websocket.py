"""The central system over real WebSockets, on free ports of this machine."""

import asyncio
import base64
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from cpd.clock import SystemClock
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.websocket import listening

BOOT = json.dumps([2, "1", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}])
OCPP = [Subprotocol("ocpp1.6")]


@asynccontextmanager
async def dialled(
    port: int, station: str = "CP%201", *, password: str | None = None, user: str = "CP 1", **options: Any
) -> AsyncIterator[ClientConnection]:
    headers = {}
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    scheme = "wss" if "ssl" in options else "ws"
    arguments: dict[str, Any] = {"subprotocols": OCPP, "proxy": None} | options
    url = f"{scheme}://localhost:{port}/ocpp/{station}?x=1"
    async with connect(url, additional_headers=headers, **arguments) as websocket:
        yield websocket


@pytest.fixture
def central_system() -> CentralSystem:
    return CentralSystem(SystemClock())


async def test_a_charge_point_boots_and_is_called(central_system: CentralSystem) -> None:
    async with listening(central_system) as port, dialled(port) as websocket:
        await websocket.send(BOOT)
        assert json.loads(await websocket.recv())[2]["status"] == "Accepted"
        async with asyncio.TaskGroup() as tasks:
            clearing = tasks.create_task(central_system.call("CP 1", call.ClearCache()))
            request = json.loads(await websocket.recv())
            await websocket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        assert clearing.result().status == "Accepted"
        assert websocket.subprotocol == "ocpp1.6"
    assert central_system.violations == []
    assert not central_system.log("CP 1").connected


async def test_the_right_password_is_asked_for(central_system: CentralSystem) -> None:
    async with listening(central_system, passwords={"CP 1": "secret", "CP 2": "other"}) as port:
        async with dialled(port, password="secret") as websocket:
            assert websocket.subprotocol == "ocpp1.6"
        for wrong in ({}, {"password": "guess"}, {"password": "other", "user": "CP 2"}):
            with pytest.raises(InvalidStatus) as refused:
                await dialled(port, **wrong).__aenter__()
            assert refused.value.response.status_code == 401


async def test_the_upgrade_is_refused_as_scripted(central_system: CentralSystem) -> None:
    central_system.behaviour = Behaviour(upgrade_status=503, retry_after_s=7)
    async with listening(central_system) as port:
        with pytest.raises(InvalidStatus) as refused:
            await dialled(port).__aenter__()
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "7"


async def test_no_subprotocol_is_selected_as_scripted(central_system: CentralSystem) -> None:
    central_system.behaviour = Behaviour(subprotocol=None)
    async with listening(central_system) as port, dialled(port) as websocket:
        assert websocket.subprotocol is None
    assert central_system.violations == []


async def test_dialling_without_the_subprotocol_is_a_violation(central_system: CentralSystem) -> None:
    async with listening(central_system) as port, dialled(port, subprotocols=None):
        await central_system.log("CP 1").until_connected()
    assert central_system.violations == ["CP 1: dialled without subprotocol ocpp1.6"]


async def test_a_link_is_dropped_without_a_closing_handshake(central_system: CentralSystem) -> None:
    async with listening(central_system) as port, dialled(port) as websocket:
        await central_system.log("CP 1").until_connected()
        central_system.drop("CP 1")
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd is None


async def test_a_link_is_closed_after_a_while_with_the_code_that_is_scripted(
    central_system: CentralSystem,
) -> None:
    central_system.behaviour = Behaviour(closes_after_s=(0.01,), close_code=1001)
    async with listening(central_system) as port, dialled(port) as websocket:
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_frame_that_is_too_long_is_answered_with_close_code_1009(
    central_system: CentralSystem,
) -> None:
    central_system.behaviour = Behaviour(most_characters=len(BOOT) - 1)
    async with listening(central_system) as port, dialled(port) as websocket:
        await websocket.send(BOOT)
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself; its key is beside it."""
    path = tmp_path / "cert.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path.with_suffix(".key")), "-out"]
    subprocess.run([*make.split(), *names, str(path)], check=True, capture_output=True)
    return path


async def test_wss_is_served(central_system: CentralSystem, certificate: Path) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate, certificate.with_suffix(".key"))
    client_side = ssl.create_default_context(cafile=certificate)
    async with (
        listening(central_system, tls=server_side) as port,
        dialled(port, ssl=client_side) as websocket,
    ):
        await websocket.send(BOOT)
        assert json.loads(await websocket.recv())[0] == 3
