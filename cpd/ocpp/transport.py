"""What the link needs of a transport: where to dial, a connection that carries texts, two ways to fail.

It knows neither WebSockets nor OCPP messages, so that a link can also run over memory.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

SUBPROTOCOL = "ocpp1.6"

TELL_OPERATOR = "tell its operator the id and the time"
"""The next step where only the other side can act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """How the central system's certificate is checked, and which one is shown to it."""

    ca_file: Path | None = None
    """Root certificates in PEM; None: the system's store."""
    cert_file: Path | None = None
    """Client certificate in PEM, for security profile 3."""
    key_file: Path | None = None
    verify_hostname: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a central system is, and how we show who we are."""

    url: str
    """As `endpoint_url` makes it; ws or wss."""
    username: str = ""
    password: str | bytes | None = field(default=None, repr=False)
    """None: no Basic authentication. Bytes are sent as they are."""
    tls: TlsSettings = TlsSettings()


class DialStep(StrEnum):
    """What is done one after the other until a CSMS has accepted a charge point, as people call it."""

    DNS = "DNS"
    TCP = "TCP"
    TLS = "TLS"
    WEBSOCKET = "WebSocket"
    BOOT = "Boot"


class DialCause(StrEnum):
    """Why a step fails, for programs; people are told sentences."""

    NAME_UNKNOWN = "name_unknown"
    NO_NAME_SERVER = "no_name_server"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    BROKEN_OFF = "broken_off"
    TLS_FILES = "tls_files"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_WRONG_NAME = "tls_wrong_name"
    TLS_SELF_SIGNED = "tls_self_signed"
    TLS_UNKNOWN_CA = "tls_unknown_ca"
    TLS_MISSING_INTERMEDIATE = "tls_missing_intermediate"
    TLS_TOO_OLD = "tls_too_old"
    TLS_CLIENT_CERTIFICATE = "tls_client_certificate"
    TLS_NOT_SPOKEN = "tls_not_spoken"
    TLS_OTHER = "tls_other"
    PASSWORD_REFUSED = "password_refused"
    STATION_REFUSED = "station_refused"
    PATH_UNKNOWN = "path_unknown"
    REDIRECTED = "redirected"
    OVERLOADED = "overloaded"
    SERVER_FAILED = "server_failed"
    HTTP_REFUSED = "http_refused"
    NO_WEBSOCKET = "no_websocket"
    NO_SUBPROTOCOL = "no_subprotocol"
    CLOSED = "closed"
    BOOT_REJECTED = "boot_rejected"
    BOOT_PENDING = "boot_pending"
    BOOT_REFUSED = "boot_refused"
    OTHER = "other"


class DialFailed(Exception):
    """No link could be opened; `str()` is a sentence for a technician, *next_step* what to do about it.

    *http_status* is set where the central system answered the upgrade, *retry_after_s* where it asked for
    patience.
    """

    def __init__(
        self,
        sentence: str,
        *,
        step: DialStep = DialStep.WEBSOCKET,
        cause: DialCause = DialCause.OTHER,
        next_step: str = "cpd connect test shows each step",
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.step = step
        self.cause = cause
        self.next_step = next_step
        self.http_status = http_status
        self.retry_after_s = retry_after_s


def unselected(url: str) -> DialFailed:
    """The WebSocket stands, without subprotocol."""
    return DialFailed(
        f"{url} accepts the WebSocket but does not select {SUBPROTOCOL}: another OCPP version, or no OCPP at "
        "all at this path",
        step=DialStep.WEBSOCKET,
        cause=DialCause.NO_SUBPROTOCOL,
        next_step=f"ask its operator for the {SUBPROTOCOL} (JSON) address",
    )


def silent(url: str, step: DialStep, waited_s: float) -> DialFailed:
    """Nothing came at *step* for *waited_s* seconds."""
    host = urlsplit(url).netloc
    within = f"within {waited_s:g} s"
    sentence, next_step = {
        DialStep.DNS: (f"no name server answers {within}", "check the network: resolvectl status"),
        DialStep.TCP: (
            f"{host} does not answer {within}",
            "check host and port; a firewall on the way may drop it",
        ),
        DialStep.TLS: (
            f"{host} takes the connection, but does not answer in TLS {within}",
            "check the port: is it that of wss://?",
        ),
        DialStep.WEBSOCKET: (
            f"{host} takes the connection, but does not answer the WebSocket {within}",
            f"check port and path; else {TELL_OPERATOR}",
        ),
        DialStep.BOOT: (f"the central system does not answer BootNotification {within}", TELL_OPERATOR),
    }[step]
    return DialFailed(sentence, step=step, cause=DialCause.SILENT, next_step=next_step)


class ConnectionLost(Exception):
    """The connection is gone, or is given up; `str()` is a sentence for a technician."""


class MessageTooBig(ConnectionLost):
    """The other side closed the connection with 1009: a frame of ours was more than it takes (RFC 6455 §7.4.1)."""


class Connection(Protocol):
    """One open connection. Every method but `abort` raises ConnectionLost once it is gone."""

    @property
    def subprotocol(self) -> str | None:
        """What the other side selected of `SUBPROTOCOL`."""

    async def recv(self) -> str | bytes:
        """The next frame."""

    async def send(self, text: str) -> None:
        """Hand *text* over; waits, for ever if need be, while the other side does not read."""

    async def ping(self) -> None:
        """Send a ping and wait for its pong, for ever if need be."""

    def abort(self) -> None:
        """Drop the connection without a word; never waits and never fails."""


Connect = Callable[[Endpoint], AbstractAsyncContextManager[Connection]]
"""Opens a connection for the length of a `with`, and closes it politely but soon at its end.

Entering raises DialFailed; it has no time-out of its own.
"""


def endpoint_url(base: str, station_id: str) -> str:
    """*base* with *station_id* percent-encoded as its last segment, however many slashes *base* ends with.

    What cannot stand in the path of a URL as it is (spaces, letters beyond ASCII) is percent-encoded as well.

    Raises ValueError where *base* is no ws or wss URL, or carries a user, a query or a fragment.
    """
    parts = urlsplit(base)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{base!r} is no URL of a central system, such as wss://csms.example/ocpp/")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{base!r} must end with its path: no user, no ?query, no #fragment")
    if not station_id:
        raise ValueError("the charge point identity is empty, it must be the last segment of the URL")
    path = quote(parts.path.rstrip("/"), safe="%/:@!$&'()*+,;=~")
    return f"{parts.scheme}://{parts.netloc}{path}/{quote(station_id, safe='')}"
