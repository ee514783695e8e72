"""The link's transport over a real WebSocket: dialling, TLS, and every failure as a sentence.

It decides nothing about when to dial, and knows no OCPP message.
"""

import asyncio
import base64
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    WebSocketException,
)
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.typing import Subprotocol

from cpd.ocpp.transport import (
    SUBPROTOCOL,
    Connection,
    ConnectionLost,
    DialFailed,
    Endpoint,
    MessageTooBig,
    TlsSettings,
)

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 2.0
_MAX_FRAME_BYTES = 1 << 20

_STATUS_SENTENCES = {
    401: "the central system refuses the password: check csms.password or AuthorizationKey",
    403: "the central system refuses this charge point: is station.id registered there?",
    404: "the central system has nothing at this path: check csms.url and station.id",
    429: "the central system is flooded with requests",
    500: "the central system failed; some answer so to a station.id that they do not know",
    502: "a proxy in front of the central system cannot reach it",
    503: "the central system is out of service",
    504: "a proxy in front of the central system gets no answer from it",
}

# At DEBUG websockets logs the request with the password in it.
_library_log = logging.Logger(f"{__name__}.library", logging.WARNING)
_library_log.parent = log


@asynccontextmanager
async def dial(endpoint: Endpoint) -> AsyncIterator[Connection]:
    """Open a WebSocket with subprotocol ocpp1.6; a `Connect` of `cpd.ocpp.transport`.

    No proxy, no compression, and no redirect is followed: it would carry the password elsewhere.
    """
    try:
        websocket = await _open(endpoint)
    except InvalidStatus as error:
        raise _refused(error.response) from error
    except (OSError, EOFError, WebSocketException, ValueError) as error:
        raise DialFailed(_sentence(error, endpoint.url)) from error
    try:
        yield _WebSocket(websocket)
    finally:
        await _close(websocket)


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the certificate of the other side always checked.

    Reads files. Raises DialFailed naming the file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise DialFailed(f"TLS: csms.ca_file {tls.ca_file} cannot be used: {_plain(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.verify_hostname
    if tls.cert_file is not None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        except OSError as error:
            files = f"csms.cert_file {tls.cert_file} with csms.key_file {tls.key_file}"
            raise DialFailed(f"TLS: {files} cannot be used: {_plain(error)}") from error
    return context


class _Dialler(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


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


async def _open(endpoint: Endpoint) -> ClientConnection:
    headers = {}
    if endpoint.password is not None:
        headers["Authorization"] = _basic_authorization(endpoint.username, endpoint.password)
    tls = None
    if urlsplit(endpoint.url).scheme == "wss":
        # The system's store is half a megabyte on an SD card.
        tls = await asyncio.to_thread(tls_context, endpoint.tls)
    return await _Dialler(
        endpoint.url,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        additional_headers=headers,
        user_agent_header="cpd",
        ssl=tls,
        proxy=None,
        compression=None,
        open_timeout=None,
        ping_interval=None,
        close_timeout=_CLOSE_TIMEOUT_S,
        max_size=_MAX_FRAME_BYTES,
        logger=_library_log,
    )


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


def _refused(response: Response) -> DialFailed:
    status = response.status_code
    if 300 <= status < 400:
        where = response.headers.get("Location", "nowhere")
        words = f"the central system redirects to {where[:120]}, which is not followed: set csms.url"
    else:
        fallback = (
            "the central system failed" if status >= 500 else "the central system refuses the WebSocket"
        )
        words = _STATUS_SENTENCES.get(status, fallback)
    retry_after_s = None
    if status in (429, 503):
        retry_after_s = _retry_after_s(response)
    return DialFailed(f"HTTP {status}: {words}", http_status=status, retry_after_s=retry_after_s)


def _retry_after_s(response: Response) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 §10.2.3); a date counts from the server's own Date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return float(text)
    until, now = _http_date(text), _http_date(response.headers.get("Date", ""))
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


def _sentence(error: Exception, url: str) -> str:
    host = urlsplit(url).netloc
    match error:
        case ssl.SSLCertVerificationError():
            return f"TLS: the certificate of {host} is refused: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: no agreement with {host}: {_plain(error)}"
        case ConnectionRefusedError():
            return f"{host} refuses the connection: nothing listens there"
        case socket.gaierror():
            return f"the name of {host} cannot be resolved: {_plain(error)}"
        case OSError():
            return f"{host} cannot be reached: {_plain(error)}"
        case NegotiationError():
            return f"{host} selected another subprotocol than {SUBPROTOCOL}: {error}"
        case InvalidMessage() | EOFError() | ConnectionClosed():
            return f"{host} broke off the connection during the handshake"
        case InvalidUpgrade():
            return f"{host} answers HTTP, but not as a WebSocket"
        case InvalidHandshake():
            return f"{host} answered a handshake that is no WebSocket's: {error}"
    return f"{url!r} cannot be dialled: {error}"


def _plain(error: OSError) -> str:
    return error.strerror or str(error)
