"""The link's transport over a real WebSocket: name, TCP, TLS, upgrade, one step after the other.

It decides nothing about when to dial, and knows no OCPP message. What a failure means is said by `dial_failures` and
`tls_failures`.
"""

import asyncio
import base64
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from cpd.ocpp.addresses import Names, first_connected
from cpd.ocpp.dial_failures import failed, plain, refused
from cpd.ocpp.transport import (
    SUBPROTOCOL,
    Connection,
    ConnectionLost,
    DialCause,
    DialFailed,
    DialStep,
    Endpoint,
    MessageTooBig,
    TlsSettings,
)

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 2.0
_MAX_FRAME_BYTES = 1 << 20

_names = Names()

Passed = Callable[[DialStep, str], None]
"""Is told of each step that went well, with what was seen; it may not wait."""

# At DEBUG websockets logs the request with the password in it.
_library_log = logging.Logger(f"{__name__}.library", logging.WARNING)
_library_log.parent = log


def _untold(_step: DialStep, _seen: str) -> None:
    pass


@asynccontextmanager
async def dial(endpoint: Endpoint, *, passed: Passed = _untold) -> AsyncIterator[Connection]:
    """Open a WebSocket with subprotocol ocpp1.6; a `Connect` of `cpd.ocpp.transport`.

    No proxy, no compression, and no redirect is followed: it would carry the password elsewhere.
    """
    way = _Way(endpoint, passed)
    try:
        websocket = await way.upgraded()
    except InvalidStatus as error:
        raise refused(error.response, with_password=endpoint.password is not None) from error
    except (OSError, EOFError, WebSocketException, ValueError) as error:
        raise await way.failure(error) from error
    try:
        yield _WebSocket(websocket)
    finally:
        await _close(websocket)


async def reach(endpoint: Endpoint, *, passed: Passed = _untold) -> None:
    """Go as far as TLS, say nothing, and hang up: no session of this charge point begins. Raises DialFailed."""
    way = _Way(endpoint, passed)
    try:
        await way.secured()
    except (OSError, EOFError, ValueError) as error:
        raise await way.failure(error) from error


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the certificate of the other side always checked.

    Reads files. Raises DialFailed naming the file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise _unusable(f"csms.ca_file {tls.ca_file}", error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.verify_hostname
    if tls.cert_file is not None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        except OSError as error:
            files = f"csms.cert_file {tls.cert_file} with csms.key_file {tls.key_file}"
            raise _unusable(files, error) from error
    return context


class _Dialler(connect):
    """Tells *tcp_connected* once the connection stands, with TLS where there is to be some."""

    def __init__(
        self, url: str, *, tcp_connected: Callable[[ClientConnection], None], **options: Any
    ) -> None:
        super().__init__(url, **options)
        self._tcp_connected = tcp_connected

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc

    def over(self, connected: socket.socket, context: ssl.SSLContext | None) -> "_Dialler":
        """The same, over a TCP connection that stands."""
        self.create_connection_kwargs["sock"] = connected
        if context is not None:
            self.create_connection_kwargs |= {"ssl": context, "server_hostname": self.ws_uri.host}
        return self

    async def open_tcp_connection(self) -> ClientConnection:
        connection = await super().open_tcp_connection()
        self._tcp_connected(connection)
        return connection


class _Way:
    """The way to an endpoint: *step* is the one that is being tried."""

    def __init__(self, endpoint: Endpoint, passed: Passed) -> None:
        self.step = DialStep.DNS
        self._endpoint = endpoint
        self._passed = passed
        self._context: ssl.SSLContext | None = None

    async def upgraded(self) -> ClientConnection:
        """The WebSocket, open."""
        endpoint, headers = self._endpoint, {}
        if endpoint.password is not None:
            headers["Authorization"] = _basic_authorization(endpoint.username, endpoint.password)
        dialler = _Dialler(
            endpoint.url,
            tcp_connected=lambda connection: self._is_secured(connection.transport),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers=headers,
            user_agent_header="cpd",
            proxy=None,
            compression=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=_MAX_FRAME_BYTES,
            logger=_library_log,
        )
        websocket = await dialler.over(await self._connected(), self._context)
        self._passed(DialStep.WEBSOCKET, websocket.subprotocol or "no subprotocol")
        return websocket

    async def secured(self) -> None:
        """As far as TLS, where there is to be some."""
        connected = await self._connected()
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol,
            sock=connected,
            ssl=self._context,
            server_hostname=None if self._context is None else urlsplit(self._endpoint.url).hostname,
        )
        self._is_secured(transport)
        transport.abort()

    async def failure(self, error: Exception) -> DialFailed:
        """What *error* means, which came at the present step."""
        late = self.step in (DialStep.TLS, DialStep.WEBSOCKET)
        # A server that answers in HTTP has no complaint about TLS.
        ended = isinstance(error, (OSError, EOFError, InvalidMessage))
        if self._context is not None and late and ended:
            # A start that fails nowhere is not to wait for it.
            from cpd.ocpp.tls_failures import tls_failure

            return await tls_failure(error, self._endpoint.url, self.step, self._context)
        return failed(error, self._endpoint.url, self.step)

    async def _connected(self) -> socket.socket:
        """A TCP connection; the addresses of the host are tried one after the other."""
        parts = urlsplit(self._endpoint.url)
        secure = parts.scheme == "wss"
        if secure:
            # The system's store is half a megabyte on an SD card.
            self._context = await asyncio.to_thread(tls_context, self._endpoint.tls)
        port = parts.port or (443 if secure else 80)
        addresses = await _names.addresses(parts.hostname or "", port)
        self._passed(DialStep.DNS, ", ".join(dict.fromkeys(str(one[4][0]) for one in addresses)))
        self.step = DialStep.TCP
        connected = await first_connected(addresses)
        self._passed(DialStep.TCP, " port ".join(map(str, connected.getpeername()[:2])))
        self.step = DialStep.TLS if secure else DialStep.WEBSOCKET
        return connected

    def _is_secured(self, transport: asyncio.BaseTransport) -> None:
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            until_s = ssl.cert_time_to_seconds(secured.getpeercert()["notAfter"])
            until = datetime.fromtimestamp(until_s, UTC)
            self._passed(DialStep.TLS, f"{secured.version()}, certificate until {until:%Y-%m-%d}")
        self.step = DialStep.WEBSOCKET


class _WebSocket:
    """`Connection` over a websockets client."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket

    @property
    def subprotocol(self) -> str | None:
        return self._websocket.subprotocol

    async def recv(self) -> str | bytes:
        try:
            return await self._websocket.recv()
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def ping(self) -> None:
        try:
            pong = await self._websocket.ping()
            await pong
        except ConnectionClosed as error:
            raise _lost(error) from error

    def abort(self) -> None:
        self._websocket.transport.abort()


async def _close(websocket: ClientConnection) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await websocket.close()
    except TimeoutError:
        log.debug("closing handshake unanswered, connection aborted")
    finally:
        # close() waits for ever for a peer that does not read, and leaves the transport open when cancelled.
        websocket.transport.abort()


def _basic_authorization(username: str, password: str | bytes) -> str:
    secret = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(username.encode() + b":" + secret).decode("ascii")


def _lost(error: ConnectionClosed) -> ConnectionLost:
    if error.rcvd is not None:
        reason = f": {error.rcvd.reason}" if error.rcvd.reason else ""
        kind = MessageTooBig if error.rcvd.code == CloseCode.MESSAGE_TOO_BIG else ConnectionLost
        return kind(f"the central system closed the link with {error.rcvd.code}{reason}")
    if error.sent is not None:
        return ConnectionLost(
            f"the link was closed with {error.sent.code}: {error.sent.reason or 'no reason'}"
        )
    return ConnectionLost("the connection broke off without a close")


def _unusable(files: str, error: OSError) -> DialFailed:
    return DialFailed(
        f"TLS: {files} cannot be used: {plain(error)}",
        step=DialStep.TLS,
        cause=DialCause.TLS_FILES,
        next_step="check path, owner and content of the file",
    )
