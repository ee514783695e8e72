"""A web server of files on the loopback, as operators have them for firmware and diagnostics."""

import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTENT = b"firmware" * 20_000


@dataclass(slots=True)
class FileServer:
    """Answers the first requests by *faults*, then with the file, or by keeping what it gets.

    A fault is a status, ``cut`` in the middle of the file, ``silent``, or ``to ADDRESS``, a redirect. *received* is
    what was uploaded, by its path; *asked* are the methods of all requests.
    """

    location: str
    folder: str = ""
    faults: list[str] = field(default_factory=list)
    served: int = 0
    received: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    """Set once a request is left without an answer."""


@contextmanager
def file_server(
    *, tls: ssl.SSLContext | None = None, user: str | None = None, password: str = "", host: str = "127.0.0.1"
) -> Iterator[FileServer]:
    """Serve on a free port until the body ends, to *user* alone where one is given."""
    ended = threading.Event()
    expected = None if user is None else f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (fault := self._begin()) is not None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(CONTENT[: len(CONTENT) // 2] if fault == "cut" else CONTENT)

        def do_PUT(self) -> None:
            if self._begin() is not None:
                server.received[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(201)
                self.end_headers()

        do_POST = do_PUT

        def _begin(self) -> str | None:
            """Note the request; its fault where it is still to be answered, None where it was."""
            server.served += 1
            server.asked.append(self.command)
            server.authorizations.append(self.headers["Authorization"])
            fault = server.faults.pop(0) if server.faults else ""
            if fault == "silent":
                server.silent.set()
                ended.wait(30)
            elif fault.isdigit():
                self.send_error(int(fault))
            elif fault.startswith("to "):
                self.send_response(307)
                self.send_header("Location", fault[3:])
                self.end_headers()
            elif expected not in (None, self.headers["Authorization"]):
                self.send_error(401)
            else:
                return fault
            return None

        def log_message(self, *_args: Any) -> None:
            """Nothing on stderr."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what some tests are about."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if tls is None else "https"
        address = f"{scheme}://{host}:{http.server_port}/"
        server = FileServer(location=f"{address}new.bin", folder=f"{address}diagnostics/")
        serving = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            ended.set()
            http.shutdown()
            serving.join()
