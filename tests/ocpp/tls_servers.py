"""TLS servers that refuse in every way, as real ones do: with an alert that reaches the other side."""

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.certificates import server_tls


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext | None) -> Iterator[str]:
    """Something that does no more than the handshake; without a *context* not even that. Yields host:port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    _greet(connection, context)

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Closing alone would leave accept() where it is.
            listener.shutdown(socket.SHUT_RDWR)
            server.join()


def _greet(connection: socket.socket, context: ssl.SSLContext | None) -> None:
    connection.settimeout(5)
    if context is None:
        connection.sendall(b"220 mail.example ready\r\n")
        connection.recv(4096)
        return
    with context.wrap_socket(connection, server_side=True) as secured:
        secured.recv(4096)


def old_tls(folder: Path) -> ssl.SSLContext:
    """TLS 1.0 and 1.1 only."""
    context = server_tls(folder, "server")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def choosy_tls(folder: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Whoever comes must show a certificate of ca.pem."""
    context = server_tls(folder, "server")
    context.maximum_version = version
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context
