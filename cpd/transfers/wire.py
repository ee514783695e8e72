"""What both protocols share: a connection that can be given up from another thread, and limits."""

import os
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from cpd.transfers.location import TransferFailed

SILENCE_S: Final = 20.0
"""How long a server may say nothing."""

CHUNK_BYTES: Final = 1 << 16

MAX_FILE_BYTES: Final = 4 << 30

ROOM_BYTES: Final = 16 << 20
"""What a file that is fetched leaves free on its disk: the store needs room to keep sessions."""


class Patience:
    """How long a transfer waits: *silence_s* for its server at a time, and until `give_up` in all."""

    def __init__(self, silence_s: float) -> None:
        self.silence_s = silence_s
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._given_up = False

    def give_up(self) -> None:
        """End the transfer from another thread, also one that waits for its server."""
        with self._lock:
            self._given_up = True
            for connection in self._sockets:
                with suppress(OSError):
                    # Of TLS as well only the connection below: the other thread is still using the rest.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            self._sockets.clear()

    def connect(self, address: tuple[str, int]) -> socket.socket:
        """Connect to any of the addresses that a name has, one after the other. Raises `OSError`."""
        self.check()
        connection = socket.create_connection(address, timeout=self.silence_s)
        with self._lock:
            self._sockets.append(connection)
        self.check()
        return connection

    def secure(self, plain: socket.socket, secured: socket.socket) -> None:
        """*secured* has taken the place of *plain*, which is of no use any more."""
        with self._lock:
            if plain in self._sockets:
                self._sockets.remove(plain)
            self._sockets.append(secured)

    def check(self) -> None:
        """Raises `TransferFailed` once the transfer is given up."""
        if self._given_up:
            raise TransferFailed("the transfer was abandoned")


class Sink(Protocol):
    """Where a file goes."""

    def begin(self, size_bytes: int | None) -> None:
        """The file is there and begins; its size where that is known. Raises `TransferFailed` where it is too big."""

    def write(self, chunk: bytes) -> None:
        """The next bytes. Raises `TransferFailed` where there is no room."""


class FileSink:
    """A `Sink` over an open file, which is never larger than promised nor fills the disk."""

    def __init__(self, descriptor: int, patience: Patience) -> None:
        self._descriptor = descriptor
        self._patience = patience
        self._promised: int | None = None
        self._got = 0

    def begin(self, size_bytes: int | None) -> None:
        self._promised = size_bytes
        if size_bytes is not None:
            self._require_room(size_bytes)

    def write(self, chunk: bytes) -> None:
        self._patience.check()
        self._require_room(len(chunk))
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._got += len(chunk)

    def finish(self) -> None:
        """The server says that it was all. Raises `TransferFailed` where it was not."""
        if self._promised is not None and self._got != self._promised:
            raise TransferFailed(f"the file ended after {self._got} of {self._promised} bytes")

    def _require_room(self, more_bytes: int) -> None:
        if self._got + more_bytes > MAX_FILE_BYTES:
            raise TransferFailed(f"the file is larger than {MAX_FILE_BYTES >> 30} GiB")
        disk = os.fstatvfs(self._descriptor)
        if disk.f_bavail * disk.f_frsize < more_bytes + ROOM_BYTES:
            raise TransferFailed("the disk is full")


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, the certificate and host name of the server always checked.

    Against the system's store, and what *ca_file* adds. Raises `OSError`.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def plain_words(error: Exception) -> str:
    """Why a transfer failed, without anything of an address."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of the server is refused: {error.verify_message}"
        case ssl.SSLError():
            return "TLS: no agreement with the server, or it broke off"
        case TimeoutError():
            return "the server was silent for too long"
        case socket.gaierror():
            return "the name of the server cannot be resolved"
        case OSError(strerror=str() as words):
            return words
        case _:
            return f"the server broke off ({type(error).__name__})"
