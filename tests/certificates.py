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


def make_awkward_certificates(folder: Path) -> None:
    """Beside those of `make_certificates` in *folder*: what servers show that nobody should trust.

    expired.pem, future.pem (from 2090 on) and alone.pem, signed by itself; leaf.pem, whose intermediate CA stands in
    intermediate.pem.
    """

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    here = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("req", "-x509", *key, "-subj", "/CN=alone", "-keyout", "alone.key", "-out", "alone.pem", *here)
    openssl(
        "req", "-x509", *key, "-subj", "/CN=Test Intermediate", "-keyout", "intermediate.key",
        "-out", "intermediate.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    openssl(
        "req", "-x509", *key, "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.pem", *here,
        "-CA", "intermediate.pem", "-CAkey", "intermediate.key", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    chain = (folder / "leaf.pem").read_text() + (folder / "intermediate.pem").read_text()
    (folder / "chain.pem").write_text(chain)
    (folder / "chain.key").write_text((folder / "leaf.key").read_text())
    (folder / "ca.cnf").write_text(_CA)
    (folder / "index.txt").touch()
    for name, start, end in (
        ("expired", "20200101000000Z", "20210203000000Z"),
        ("future", "20900101000000Z", "20910101000000Z"),
    ):
        openssl(
            "req",
            "-new",
            *key,
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            *here,
        )
        openssl(
            "ca", "-batch", "-notext", "-config", "ca.cnf", "-rand_serial", "-cert", "ca.pem", "-keyfile", "ca.key",
            "-in", f"{name}.csr", "-out", f"{name}.pem", "-startdate", start, "-enddate", end,
        )  # fmt: skip


_CA = """
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def server_tls(folder: Path, name: str) -> ssl.SSLContext:
    """The server's side of TLS with the certificate *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context
