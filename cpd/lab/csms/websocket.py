"""The central system behind a WebSocket server: subprotocol, Basic authentication, TLS."""

import hmac
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from cpd.lab.csms.central_system import CentralSystem
from cpd.ocpp.transport import ConnectionLost

_CLOSE_TIMEOUT_S = 1.0

_library_log = logging.getLogger(f"{__name__}.library")


@asynccontextmanager
async def listening(
    central_system: CentralSystem,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    listener: socket.socket | None = None,
    passwords: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve charge points on *host* for the length of a `with`; gives the port, a free one where it was 0.

    A *listener* takes the place of both, and is closed at the end.
    With *passwords* (by charge point identity) Basic authentication is asked for, as in the security profiles
    1 and 2 of OCPP 1.6: the user name is the identity.
    """
    authenticate = None
    if passwords is not None:
        authenticate = basic_auth(realm="ocpp", check_credentials=_checker(passwords))

    async def admit(connection: ServerConnection, request: Request) -> Response | None:
        behaviour = central_system.behaviour
        if behaviour.upgrade_status is not None:
            response = connection.respond(behaviour.upgrade_status, "refused as scripted\n")
            if behaviour.retry_after_s is not None:
                response.headers["Retry-After"] = str(behaviour.retry_after_s)
            return response
        if authenticate is None:
            return None
        refusal = await authenticate(connection, request)
        if refusal is None and connection.username != _station(request):
            return connection.respond(401, "the user name is not the charge point identity\n")
        return refusal

    def select(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        selected = central_system.behaviour.subprotocol
        return next((name for name in offered if name == selected), None)

    async def attend(connection: ServerConnection) -> None:
        assert connection.request is not None
        station = _station(connection.request)
        if connection.subprotocol is None and central_system.behaviour.subprotocol is not None:
            central_system.log(station).violate("dialled without subprotocol ocpp1.6")
        await central_system.serve(station, _WebSocket(connection))

    address = {"host": host, "port": port} if listener is None else {"sock": listener}
    async with serve(
        attend,
        **address,
        process_request=admit,
        select_subprotocol=select,
        ssl=tls,
        compression=None,
        close_timeout=_CLOSE_TIMEOUT_S,
        logger=_library_log,
    ) as server:
        yield next(iter(server.sockets)).getsockname()[1]


class _WebSocket:
    """`Wire` over a websockets server connection."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket

    async def recv(self) -> str | bytes:
        try:
            return await self._websocket.recv()
        except ConnectionClosed as error:
            raise ConnectionLost(str(error)) from error

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as error:
            raise ConnectionLost(str(error)) from error

    async def close(self, code: int) -> None:
        await self._websocket.close(code)

    def abort(self) -> None:
        self._websocket.transport.abort()


def _station(request: Request) -> str:
    return unquote(urlsplit(request.path).path.rsplit("/", 1)[-1])


def _checker(passwords: Mapping[str, str]) -> Callable[[str, str], bool]:
    def check(username: str, password: str) -> bool:
        expected = passwords.get(username)
        return expected is not None and hmac.compare_digest(expected.encode(), password.encode())

    return check
