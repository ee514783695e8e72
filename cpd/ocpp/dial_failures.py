"""Why the central system cannot be reached, in words: the cause, and what to do. TLS is in `tls_failures`.

The link's log, `cpd status`, `cpd doctor` and `cpd connect test` all say what stands here.
"""

import errno
import socket
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidUpgrade,
    NegotiationError,
)
from websockets.http11 import Response

from cpd.ocpp.transport import SUBPROTOCOL, TELL_OPERATOR, DialCause, DialFailed, DialStep

_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})


class _Refusal(NamedTuple):
    cause: DialCause
    sentence: str
    next_step: str


_REFUSALS: Final = {
    401: _Refusal(
        DialCause.PASSWORD_REFUSED,
        "the central system refuses the password: check csms.password or AuthorizationKey",
        "compare id and password with what the CSMS has (capitals count); the user name is the id",
    ),
    403: _Refusal(
        DialCause.STATION_REFUSED,
        "the central system refuses this charge point: is station.id registered there?",
        "have this id registered, or unlocked, at the CSMS",
    ),
    404: _Refusal(
        DialCause.PATH_UNKNOWN,
        "the central system has nothing at this path: check csms.url and station.id",
        "create the charger at the CSMS; compare path and id letter by letter (capitals count)",
    ),
    429: _Refusal(
        DialCause.OVERLOADED, "the central system is flooded with requests", "wait; cpd dials again by itself"
    ),
    500: _Refusal(
        DialCause.SERVER_FAILED,
        "the central system failed; some answer so to a station.id that they do not know",
        f"have this id registered; else {TELL_OPERATOR}",
    ),
    502: _Refusal(
        DialCause.SERVER_FAILED, "a proxy in front of the central system cannot reach it", TELL_OPERATOR
    ),
    503: _Refusal(DialCause.SERVER_FAILED, "the central system is out of service", TELL_OPERATOR),
    504: _Refusal(
        DialCause.SERVER_FAILED,
        "a proxy in front of the central system gets no answer from it",
        TELL_OPERATOR,
    ),
}


_WANTS_PASSWORD: Final = _Refusal(
    DialCause.PASSWORD_REFUSED,
    "the central system wants a password, and none is set",
    "get the password of this id from its operator: csms.password_file",
)


def refused(response: Response, *, with_password: bool = True) -> DialFailed:
    """The upgrade, sent *with_password* or without, was answered with another status than 101."""
    status = response.status_code
    if 300 <= status < 400:
        where = response.headers.get("Location", "nowhere")[:120]
        refusal = _Refusal(
            DialCause.REDIRECTED,
            f"the central system redirects to {where}, which is not followed: set csms.url",
            "ask its operator for the ws:// or wss:// address of chargers",
        )
    elif status >= 500:
        refusal = _Refusal(DialCause.SERVER_FAILED, "the central system failed", TELL_OPERATOR)
    else:
        refusal = _Refusal(
            DialCause.HTTP_REFUSED,
            "the central system refuses the WebSocket",
            "check csms.url: is it the address of chargers, not of the web page?",
        )
    refusal = _REFUSALS.get(status, refusal)
    if status == 401 and not with_password:
        refusal = _WANTS_PASSWORD
    return DialFailed(
        f"HTTP {status}: {refusal.sentence}",
        step=DialStep.WEBSOCKET,
        cause=refusal.cause,
        next_step=refusal.next_step,
        http_status=status,
        retry_after_s=_retry_after_s(response) if status in (429, 503) else None,
    )


def failed(error: Exception, url: str, step: DialStep) -> DialFailed:
    """*error* came at *step*; one of TLS itself is for `tls_failures`."""
    host = urlsplit(url).netloc
    cause, sentence, next_step = _failure(error, url, host)
    return DialFailed(sentence, step=step, cause=cause, next_step=next_step)


def _failure(error: Exception, url: str, host: str) -> tuple[DialCause, str, str]:
    match error:
        case ConnectionRefusedError():
            return (
                DialCause.REFUSED,
                f"{host} refuses the connection: nothing listens there",
                "check host and port in csms.url; is the CSMS up?",
            )
        case socket.gaierror() if error.errno == socket.EAI_AGAIN:
            return (
                DialCause.NO_NAME_SERVER,
                f"the name of {host} cannot be resolved: no name server answers",
                "check the network: ip address; resolvectl status",
            )
        case socket.gaierror():
            return (
                DialCause.NAME_UNKNOWN,
                f"the name of {host} cannot be resolved: there is no such host",
                "check the spelling of csms.url",
            )
        case TimeoutError():
            return (
                DialCause.SILENT,
                f"{host} does not answer",
                "check host and port; a firewall on the way may drop it",
            )
        case (
            ConnectionResetError()
            | BrokenPipeError()
            | ssl.SSLEOFError()
            | ssl.SSLZeroReturnError()
            | InvalidMessage()
            | EOFError()
            | ConnectionClosed()
        ):
            wants = (
                "does this port want wss://?" if url.startswith("ws://") else "is this the port of wss://?"
            )
            return (
                DialCause.BROKEN_OFF,
                f"{host} broke off the connection during the handshake",
                f"check port and scheme of csms.url: {wants}",
            )
        case OSError() if error.errno in _UNREACHABLE:
            return (
                DialCause.UNREACHABLE,
                f"{host} cannot be reached: {plain(error)}",
                "check cable, Wi-Fi or modem: ip route",
            )
        case OSError():
            return DialCause.OTHER, f"{host} cannot be reached: {plain(error)}", "check the network"
        case NegotiationError():
            return (
                DialCause.NO_SUBPROTOCOL,
                f"{host} selected another subprotocol than {SUBPROTOCOL}: {error}",
                f"ask its operator for the {SUBPROTOCOL} (JSON) address",
            )
        case InvalidUpgrade():
            return (
                DialCause.NO_WEBSOCKET,
                f"{host} answers HTTP, but not as a WebSocket",
                "check csms.url: is it the address of chargers, not of the web page?",
            )
        case InvalidHandshake():
            return (
                DialCause.NO_WEBSOCKET,
                f"{host} answered a handshake that is no WebSocket's: {error}",
                TELL_OPERATOR,
            )
    return DialCause.OTHER, f"{url!r} cannot be dialled: {error}", "check csms.url"


def plain(error: OSError) -> str:
    """What the system calls *error*."""
    return error.strerror or str(error) or type(error).__name__


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
