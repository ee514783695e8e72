"""An FTP server on the loopback, as strict as those in the field: TLS before the password, and one session of it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath

from tests.scenarios.file_server import CONTENT, FileServer

USER, PASSWORD = "charger", "p@ss/word"
ADDRESS = "charger:p%40ss%2Fword"
FOLDER = "folder"


@contextmanager
def ftp_server(*, tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Serve `FOLDER` with ``new.bin`` in it to `USER`, until the body ends; faults are ``cut`` and ``full``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme, host = ("ftp", "127.0.0.1") if tls is None else ("ftps", "localhost")
        address = f"{scheme}://{ADDRESS}@{host}:{listener.getsockname()[1]}/{FOLDER}/"
        server = FileServer(location=f"{address}new.bin", folder=address)
        serving = threading.Thread(target=_accept, args=(listener, server, tls), daemon=True)
        serving.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
    serving.join(10)


def _accept(listener: socket.socket, server: FileServer, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            control, _ = listener.accept()
        except OSError:
            return
        control.settimeout(10)
        with suppress(OSError):
            _Session(control, server, tls).serve()


class _Session:
    def __init__(self, control: socket.socket, server: FileServer, tls: ssl.SSLContext | None) -> None:
        self._control = control
        self._server = server
        self._tls = tls
        self._private = False
        self._in = False
        self._folder = PurePosixPath("/")
        self._user = ""

    def serve(self) -> None:
        try:
            self._converse()
        finally:
            self._control.close()

    def _converse(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as self._data:
            self._data.settimeout(10)
            self._say("220 ready")
            while line := self._line():
                self._server.asked.append(line.split()[0])
                self._say(self._answer(line))
                if line.startswith("AUTH") and self._tls is not None:
                    self._control = self._tls.wrap_socket(self._control, server_side=True)

    def _answer(self, line: str) -> str:
        command, _, argument = line.partition(" ")
        if self._tls is not None and command != "AUTH" and not isinstance(self._control, ssl.SSLSocket):
            return "530 TLS first"
        match command:
            case "AUTH":
                return "502 no TLS" if self._tls is None else "234 go on"
            case "USER":
                self._user = argument
                return "331 password"
            case "PASS":
                self._in = (self._user, argument) == (USER, PASSWORD)
                return "230 in" if self._in else "530 no"
            case _ if not self._in:
                return "530 who"
            case "PBSZ" | "TYPE":
                return "200 fine"
            case "PROT":
                self._private = argument == "P"
                return "200 fine"
            case "CWD":
                there = self._folder / argument
                if there == PurePosixPath("/") / FOLDER:
                    self._folder = there
                    return "250 there"
                return "550 no such folder"
            case "SIZE":
                return f"213 {len(CONTENT)}"
            case "PASV":
                high, low = divmod(self._data.getsockname()[1], 256)
                return f"227 (127,0,0,1,{high},{low})"
            case "RETR" | "STOR":
                return self._transfer(command, self._folder / argument)
            case _:
                return "502 unknown"

    def _transfer(self, command: str, file: PurePosixPath) -> str:
        if command == "RETR" and file != PurePosixPath("/") / FOLDER / "new.bin":
            return f"550 {file} is not there"
        fault = self._server.faults.pop(0) if self._server.faults else ""
        if fault == "full":
            return "452 the disk is full"
        self._say("150 here it comes")
        connection, _ = self._data.accept()
        if self._private and self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
            if not connection.session_reused:
                connection.close()
                return "522 another TLS session"
        with connection:
            if command == "RETR":
                connection.sendall(CONTENT[: len(CONTENT) // 2] if fault == "cut" else CONTENT)
                if isinstance(connection, ssl.SSLSocket):
                    with suppress(OSError):
                        connection.unwrap()
            else:
                pieces = bytearray()
                while piece := connection.recv(65_536):
                    pieces += piece
                    if fault == "cut" and len(pieces) > 1_000:
                        return "426 cut off"
                self._server.received[str(file)] = bytes(pieces)
        self._server.served += 1
        return "426 cut off" if fault == "cut" else "226 done"

    def _line(self) -> str:
        line = bytearray()
        while not line.endswith(b"\r\n"):
            byte = self._control.recv(1)
            if not byte:
                return ""
            line += byte
        return line.decode().strip()

    def _say(self, answer: str) -> None:
        self._control.sendall(f"{answer}\r\n".encode())
