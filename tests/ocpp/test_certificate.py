"""A certificate is read as openssl shows it, and a torn one is no reason to fail."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cpd.ocpp.certificate import read_certificate
from tests.certificates import make_certificates


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


def der(file: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(file.read_text())


def test_names_issuer_and_validity_are_read(folder: Path) -> None:
    read = read_certificate(der(folder / "server.pem"))
    assert read is not None
    assert (read.names, read.issuer) == (("localhost", "127.0.0.1"), "Test CA")
    assert read.not_after - read.not_before == timedelta(days=3650)
    assert abs(read.not_before - datetime.now(UTC)) < timedelta(hours=1)


def test_what_is_signed_by_itself_has_no_issuer_and_its_own_name(folder: Path) -> None:
    read = read_certificate(der(folder / "ca.pem"))
    assert read is not None
    assert (read.names, read.issuer) == (("Test CA",), None)


def test_a_torn_certificate_is_not_read_and_breaks_nothing(folder: Path) -> None:
    whole = der(folder / "server.pem")
    for length in range(len(whole)):
        assert read_certificate(whole[:length]) is None
    for place in range(len(whole)):
        read_certificate(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
