"""What the link needs of a transport: where to dial, a connection that carries texts, two ways to fail.

It knows neither WebSockets nor OCPP messages, so that a link can also run over memory.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

SUBPROTOCOL = "ocpp1.6"


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


class DialFailed(Exception):
    """No link could be opened; `str()` is a sentence for a technician.

    *http_status* is set where the central system answered the upgrade, *retry_after_s* where it asked for
    patience.
    """

    def __init__(
        self, sentence: str, *, http_status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.http_status = http_status
        self.retry_after_s = retry_after_s


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

    Raises ValueError where *base* is no ws or wss URL, or carries a user, a query or a fragment.
    """
    parts = urlsplit(base)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{base!r} is no URL of a central system, such as wss://csms.example/ocpp/")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{base!r} must end with its path: no user, no ?query, no #fragment")
    if not station_id:
        raise ValueError("the charge point identity is empty, it must be the last segment of the URL")
    return f"{base.rstrip('/')}/{quote(station_id, safe='')}"
