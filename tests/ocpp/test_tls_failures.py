"""Each way in which TLS fails is named with its cause and what to do; a sound server is reached."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cpd.ocpp.certificate import Certificate
from cpd.ocpp.tls_failures import Shown, explained
from cpd.ocpp.transport import DialFailed, DialStep, Endpoint, TlsSettings
from cpd.ocpp.websocket import dial
from tests.certificates import make_awkward_certificates, make_certificates, server_tls
from tests.ocpp.tls_servers import choosy_tls, old_tls, tls_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    make_awkward_certificates(folder)
    return folder


async def failure_at(host: str, ca_file: Path | None) -> DialFailed:
    with pytest.raises(DialFailed) as caught:
        async with dial(Endpoint(url=f"wss://{host}/CP-1", tls=TlsSettings(ca_file=ca_file))):
            pass
    return caught.value


SHOWS: list[tuple[str, str | None, str, list[str]]] = [
    ("expired", "ca.pem", "tls_expired", ["expired on 2021-02-03", "this machine's clock says 20"]),
    ("future", "ca.pem", "tls_not_yet_valid", ["not valid before 2090-01-01", "clock says 20"]),
    ("other", "ca.pem", "tls_wrong_name", ["is for other.example, and you dial 127.0.0.1"]),
    ("alone", "ca.pem", "tls_self_signed", ["signed by itself"]),
    ("leaf", "ca.pem", "tls_missing_intermediate", ["by Test Intermediate, which the server does not send"]),
    ("chain", None, "tls_unknown_ca", ["by Test Intermediate", "CA that this machine does not trust"]),
]


@pytest.mark.parametrize(("shown", "ca", "cause", "words"), SHOWS, ids=[one[0] for one in SHOWS])
async def test_a_certificate_that_is_refused_is_told_with_its_own_facts(
    folder: Path, shown: str, ca: str | None, cause: str, words: list[str]
) -> None:
    with tls_server(server_tls(folder, shown)) as host:
        failure = await failure_at(host, None if ca is None else folder / ca)
    assert (failure.step, failure.cause) == (DialStep.TLS, cause)
    assert str(failure).startswith(f"TLS: the certificate of {host} ")
    assert [word for word in words if word not in str(failure)] == []
    assert failure.next_step


TALKS: list[tuple[str, Callable[[Path], ssl.SSLContext | None], str, str]] = [
    ("TLS 1.1", old_tls, "tls_too_old", "speaks no TLS 1.2 or newer"),
    ("plain text", lambda _: None, "tls_not_spoken", "does not speak TLS"),
    (
        "certificate wanted in TLS 1.3",
        lambda folder: choosy_tls(folder, ssl.TLSVersion.TLSv1_3),
        "tls_client_certificate",
        "wants a client certificate",
    ),
    (
        "certificate wanted in TLS 1.2",
        lambda folder: choosy_tls(folder, ssl.TLSVersion.TLSv1_2),
        "tls_client_certificate",
        "wants a client certificate",
    ),
]


@pytest.mark.parametrize(
    ("context", "cause", "words"), [one[1:] for one in TALKS], ids=[one[0] for one in TALKS]
)
async def test_a_server_that_talks_otherwise_is_told(
    folder: Path, context: Callable[[Path], ssl.SSLContext | None], cause: str, words: str
) -> None:
    with tls_server(context(folder)) as host:
        failure = await failure_at(host, folder / "ca.pem")
    assert (failure.step, failure.cause) == (DialStep.TLS, cause)
    assert words in str(failure)


async def test_a_server_that_hangs_up_without_a_word_is_not_said_to_complain_about_tls() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        failure = await failure_at(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
    assert (failure.step, failure.cause) == (DialStep.TLS, "broken_off")
    assert "broke off the connection" in str(failure)


def test_a_clock_that_nobody_has_set_is_named_as_the_cause() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = 9
    shown = Shown(
        Certificate(
            names=("csms.example",),
            issuer="A CA",
            not_before=datetime(2026, 3, 1, tzinfo=UTC),
            not_after=datetime(2027, 3, 1, tzinfo=UTC),
        ),
        2,
    )
    told = explained(error, "csms.example", "csms.example", shown, datetime(1970, 1, 1, tzinfo=UTC))
    assert told.sentence.endswith("not valid before 2026-03-01, and this machine's clock says 1970-01-01")
    assert told.next_step == "set the clock: sudo timedatectl set-ntp true"


@pytest.mark.parametrize("code", [9, 10, 18, 19, 20, 62, 99])
def test_a_server_that_shows_nothing_a_second_time_is_told_all_the_same(code: int) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "some reason"
    told = explained(error, "h", "h", Shown(None, None), datetime(2026, 3, 1, tzinfo=UTC))
    assert told.sentence.startswith("TLS: the certificate of h ")
    assert told.next_step
