"""Files over http and https: GET to fetch one, PUT to send one, and POST where PUT is not known."""

import http.client
import logging
import ssl
from base64 import b64encode
from contextlib import closing
from io import BytesIO
from typing import Final
from urllib.parse import urljoin

from cpd.transfers.location import DEFAULT_PORTS, Location, TransferFailed, parse
from cpd.transfers.wire import CHUNK_BYTES, Patience, Sink

log = logging.getLogger(__name__)

MAX_REDIRECTS: Final = 5
_FETCH_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
_SEND_ELSEWHERE: Final = frozenset({307, 308})
"""Others would turn the file into a question for a page (RFC 9110 §15.4)."""
_NO_PUT: Final = frozenset({405, 501})


def fetch(location: Location, tls: ssl.SSLContext, sink: Sink, patience: Patience) -> None:
    """Fetch the file into *sink*. Raises `TransferFailed`, `OSError`, `http.client.HTTPException`."""
    path = location.path
    for _ in range(MAX_REDIRECTS + 1):
        with closing(_connection(location, tls, patience)) as connection:
            connection.request("GET", path, headers=_headers(location))
            with connection.getresponse() as answer:
                if answer.status in _FETCH_ELSEWHERE:
                    location, path = _elsewhere(location, path, answer)
                    continue
                if answer.status != 200:
                    raise TransferFailed(f"the server answers {answer.status}")
                size = answer.headers.get("Content-Length", "")
                sink.begin(int(size) if size.isascii() and size.isdigit() else None)
                while chunk := answer.read(CHUNK_BYTES):
                    sink.write(chunk)
                return
    raise TransferFailed(f"the server redirects more than {MAX_REDIRECTS} times")


def send(location: Location, tls: ssl.SSLContext, name: str, content: bytes, patience: Patience) -> None:
    """Send *content* to the address, in a folder under *name*; errors as in `fetch`."""
    method, path = "PUT", location.path_of(name) if location.is_folder else location.path
    for _ in range(MAX_REDIRECTS + 1):
        headers = _headers(location) | {
            "Content-Type": "application/gzip",
            "Content-Length": str(len(content)),
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        with (
            closing(_connection(location, tls, patience)) as connection,
            _answer(connection, method, path, content, headers) as answer,
        ):
            if 200 <= answer.status < 300:
                return
            if answer.status in _SEND_ELSEWHERE:
                location, path = _elsewhere(location, path, answer)
            elif answer.status in _NO_PUT and method == "PUT":
                method = "POST"
            else:
                raise TransferFailed(f"the server answers {answer.status}")
    raise TransferFailed(f"the server redirects more than {MAX_REDIRECTS} times")


def _answer(
    connection: http.client.HTTPConnection, method: str, path: str, content: bytes, headers: dict[str, str]
) -> http.client.HTTPResponse:
    try:
        # As a file it goes in pieces, each of which may take its time.
        connection.request(method, path, body=BytesIO(content), headers=headers)
    except (BrokenPipeError, ConnectionResetError) as error:
        # A server that refuses says so before it has read all, and hangs up.
        log.debug("the server reads no more: %s", error)
    return connection.getresponse()


def _connection(location: Location, tls: ssl.SSLContext, patience: Patience) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(location.host, location.port)
    plain = patience.connect((location.host, location.port))
    connection.sock = plain
    if location.scheme == "https":
        try:
            connection.sock = tls.wrap_socket(plain, server_hostname=location.host)
        except BaseException:
            plain.close()
            raise
        patience.secure(plain, connection.sock)
    return connection


def _headers(location: Location) -> dict[str, str]:
    default = location.port == DEFAULT_PORTS[location.scheme]
    host = f"[{location.host}]" if ":" in location.host else location.host
    headers = {
        "Host": host if default else f"{host}:{location.port}",
        "User-Agent": "cpd",
        "Accept-Encoding": "identity",
    }
    if location.user is not None:
        secret = f"{location.user}:{location.password or ''}".encode()
        headers["Authorization"] = f"Basic {b64encode(secret).decode()}"
    return headers


def _elsewhere(location: Location, path: str, answer: http.client.HTTPResponse) -> tuple[Location, str]:
    """Where the server sends us; the password goes to nobody else, and nothing from TLS to plain text."""
    port = f":{location.port}"
    host = f"[{location.host}]" if ":" in location.host else location.host
    base = f"{location.scheme}://{host}{port}{path}"
    there = parse(urljoin(base, answer.headers.get("Location", "")))
    if there.scheme not in ("http", "https") or (location.scheme == "https" and there.scheme == "http"):
        raise TransferFailed("the server redirects to where nothing may go")
    if there.user is None and there.origin == location.origin:
        user, password = location.user, location.password
    else:
        user, password = there.user, there.password
    found = Location(
        scheme=there.scheme,
        host=there.host,
        port=there.port,
        user=user,
        password=password,
        path=there.path,
    )
    return found, there.path
