"""Certificates for tests of TLS, made with the openssl command: a CA, and servers that it vouches for."""

import ssl
import subprocess
from pathlib import Path


def make_certificates(folder: Path) -> None:
    """ca.pem; server.pem for localhost and other.pem for another host, each with its key."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650")
    openssl(
        "req", "-x509", *new_key, "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    for name, alternative in (("server", "DNS:localhost,IP:127.0.0.1"), ("other", "DNS:other.example")):
        openssl(
            "req", "-x509", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem",
            "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName={alternative}",
            "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip


def server_tls(folder: Path, name: str) -> ssl.SSLContext:
    """The server's side of TLS with the certificate *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context
