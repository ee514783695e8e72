"""Servers of files on the loopback, as operators have them for firmware: HTTP, and FTP with a password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTENT = b"firmware" * 20_000


@dataclass(slots=True)
class FileServer:
    """Answers the first requests by *faults*: an HTTP status, or ``cut`` in the middle; then with the file."""

    location: str
    faults: list[str] = field(default_factory=list)
    served: int = 0


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Serve on a free port until the body ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.served += 1
            fault = server.faults.pop(0) if server.faults else ""
            if fault.isdigit():
                self.send_error(int(fault))
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2] if fault == "cut" else CONTENT)

        def log_message(self, *_args: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = FileServer(location=f"http://127.0.0.1:{http.server_port}/new.bin")
        serving = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            http.shutdown()
            serving.join()


@contextmanager
def ftp_server(user: str, password: str) -> Iterator[FileServer]:
    """One passive FTP session for *user*, until the body ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"ftp://{user}:{password}@127.0.0.1:{listener.getsockname()[1]}"
        server = FileServer(location=f"{address}/folder/new.bin")
        serving = threading.Thread(target=_serve_ftp, args=(listener, server, user, password), daemon=True)
        serving.start()
        yield server
    serving.join(10)


def _serve_ftp(listener: socket.socket, server: FileServer, user: str, password: str) -> None:
    control, _ = listener.accept()
    with (
        control,
        control.makefile("rwb", buffering=0) as lines,
        socket.create_server(("127.0.0.1", 0)) as data,
    ):
        high, low = divmod(data.getsockname()[1], 256)
        lines.write(b"220 ready\r\n")
        for line in lines:
            match line.decode().split():
                case ["USER", name]:
                    answer = "331 password" if name == user else "530 who"
                case ["PASS", secret]:
                    answer = "230 in" if secret == password else "530 no"
                case ["PASV"]:
                    answer = f"227 (127,0,0,1,{high},{low})"
                case ["RETR", "new.bin"]:
                    lines.write(b"150 here it comes\r\n")
                    connection, _ = data.accept()
                    with connection:
                        connection.sendall(CONTENT)
                    server.served += 1
                    answer = "226 done"
                case _:
                    answer = "200 fine"
            lines.write(f"{answer}\r\n".encode())
