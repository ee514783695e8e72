"""Why TLS with the central system fails, in words, with the facts of its certificate.

Where a dial has failed at TLS, the server is asked once more: the event loop loses what alerts said, and `ssl` tells
nothing of a certificate that it has refused. Nothing but the handshake is sent then.
"""

import asyncio
import socket
import ssl
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cpd.clock import RELEASED, LinuxMachine
from cpd.ocpp.certificate import Certificate, read_certificate
from cpd.ocpp.dial_failures import failed, plain
from cpd.ocpp.transport import DialCause, DialFailed, DialStep

PROBE_S: Final = 3.0
"""How long asking again may take; the first answer is kept where it takes longer."""

_SET_CLOCK: Final = "set the clock: sudo timedatectl set-ntp true"
_MOST_NAMES: Final = 3


class _Verify(IntEnum):
    """The X509_V_ERR_… of openssl/x509_vfy.h that have words of their own."""

    CERT_NOT_YET_VALID = 9
    CERT_HAS_EXPIRED = 10
    DEPTH_ZERO_SELF_SIGNED_CERT = 18
    SELF_SIGNED_CERT_IN_CHAIN = 19
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20
    UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21
    HOSTNAME_MISMATCH = 62
    IP_ADDRESS_MISMATCH = 64


_TOO_OLD: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
)
_NOT_SPOKEN: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
)
_WANTS_CERTIFICATE: Final = frozenset(
    {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_UNKNOWN_CA"}
)
_REFUSES: Final = "SSLV3_ALERT_HANDSHAKE_FAILURE"
"""In TLS 1.2 that is said of a missing certificate as well."""


class Shown(NamedTuple):
    """What a server shows of itself before anybody judges it; *sent* counts the certificates of its chain."""

    certificate: Certificate | None
    sent: int | None


class TlsFailed(NamedTuple):
    """A failure in words."""

    cause: DialCause
    sentence: str
    next_step: str


async def tls_failure(error: Exception, url: str, step: DialStep, context: ssl.SSLContext) -> DialFailed:
    """What *error*, which came at *step* of dialling *url* with *context*, means."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    found = error if _complains(error) else await asyncio.to_thread(_alert, host, port, context)
    if not isinstance(found, ssl.SSLError):
        return failed(error, url, step)
    shown = Shown(None, None)
    if isinstance(found, ssl.SSLCertVerificationError):
        shown = await asyncio.to_thread(_shown, host, port)
    cause, sentence, next_step = explained(found, parts.netloc, host, shown, LinuxMachine().wall())
    return DialFailed(sentence, step=DialStep.TLS, cause=cause, next_step=next_step)


def explained(error: ssl.SSLError, netloc: str, host: str, shown: Shown, now: datetime) -> TlsFailed:
    """*error* in words; *now* is what the machine's clock shows, right or wrong."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(error, netloc, host, shown, now)
    reason = error.reason or ""
    if reason in _TOO_OLD:
        return TlsFailed(
            DialCause.TLS_TOO_OLD,
            f"TLS: {netloc} speaks no TLS 1.2 or newer",
            "its operator must allow TLS 1.2; older versions are not safe",
        )
    if reason in _NOT_SPOKEN:
        return TlsFailed(
            DialCause.TLS_NOT_SPOKEN,
            f"TLS: {netloc} does not speak TLS",
            "check the port of csms.url, or write ws:// where the CSMS has no TLS",
        )
    if reason in _WANTS_CERTIFICATE or reason == _REFUSES:
        likely = "refuses the handshake; most likely it " if reason == _REFUSES else ""
        return TlsFailed(
            DialCause.TLS_CLIENT_CERTIFICATE,
            f"TLS: {netloc} {likely}wants a client certificate, and refuses this one or none",
            "security_profile = 3 with cert_file and key_file, as its operator gave them",
        )
    return TlsFailed(
        DialCause.TLS_OTHER,
        f"TLS: no agreement with {netloc}: {plain(error)}",
        "tell its operator these words",
    )


def _unverified(
    error: ssl.SSLCertVerificationError, netloc: str, host: str, shown: Shown, now: datetime
) -> TlsFailed:
    one, subject = shown.certificate, f"TLS: the certificate of {netloc}"
    issuer = (one and one.issuer) or "a CA without a name"
    match error.verify_code:
        case _Verify.CERT_NOT_YET_VALID:
            since = f" before {one.not_before:%Y-%m-%d}" if one else " yet"
            return TlsFailed(
                DialCause.TLS_NOT_YET_VALID,
                f"{subject} is not valid{since}, and this machine's clock says {now:%Y-%m-%d}",
                _SET_CLOCK if now < RELEASED else f"{_SET_CLOCK}, unless the clock is right",
            )
        case _Verify.CERT_HAS_EXPIRED:
            ended = f"expired on {one.not_after:%Y-%m-%d}" if one else "has expired"
            return TlsFailed(
                DialCause.TLS_EXPIRED,
                f"{subject} {ended}, and this machine's clock says {now:%Y-%m-%d}",
                "its operator must renew it, unless the clock is wrong",
            )
        case _Verify.HOSTNAME_MISMATCH | _Verify.IP_ADDRESS_MISMATCH:
            names = ", ".join(one.names[:_MOST_NAMES]) if one and one.names else "another host"
            return TlsFailed(
                DialCause.TLS_WRONG_NAME,
                f"{subject} is for {names}, and you dial {host}",
                "write the name of the certificate into csms.url, or have the certificate changed",
            )
        case _Verify.DEPTH_ZERO_SELF_SIGNED_CERT:
            return TlsFailed(
                DialCause.TLS_SELF_SIGNED,
                f"{subject} is signed by itself, and no CA vouches for it",
                "name that certificate in csms.ca_file, if its operator confirms it",
            )
        case _Verify.UNABLE_TO_GET_ISSUER_CERT_LOCALLY | _Verify.UNABLE_TO_VERIFY_LEAF_SIGNATURE if (
            shown.sent == 1
        ):
            return TlsFailed(
                DialCause.TLS_MISSING_INTERMEDIATE,
                f"{subject} was issued by {issuer}, which the server does not send along and this machine "
                "does not know",
                "its operator must send the whole chain; for a CA of its own, name that in csms.ca_file",
            )
        case (
            _Verify.SELF_SIGNED_CERT_IN_CHAIN
            | _Verify.UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | _Verify.UNABLE_TO_VERIFY_LEAF_SIGNATURE
        ):
            return TlsFailed(
                DialCause.TLS_UNKNOWN_CA,
                f"{subject} was issued by {issuer}, and its chain ends at a CA that this machine does not trust",
                "get that CA's certificate from its operator, and name it in csms.ca_file",
            )
    return TlsFailed(
        DialCause.TLS_OTHER,
        f"{subject} is refused: {error.verify_message}",
        "tell its operator these words",
    )


def _complains(error: Exception) -> bool:
    """True for what TLS itself has said; an end without a word is none."""
    ends = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    return isinstance(error, ssl.SSLError) and not ends


def _alert(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLError | None:
    """What the server answers to a handshake, or to a first byte after it; None where it does not complain."""
    try:
        with (
            socket.create_connection((host, port), PROBE_S) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            # A TLS 1.3 server judges our certificate only after our side of the handshake is done.
            secured.recv(1)
    except ssl.SSLError as error:
        return error if _complains(error) else None
    except OSError:
        return None
    return None


def _shown(host: str, port: int) -> Shown:
    """The certificate as the server shows it to whoever asks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), PROBE_S) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            der = secured.getpeercert(binary_form=True)
            return Shown(None if der is None else read_certificate(der), _sent(secured))
    except OSError:
        return Shown(None, None)


def _sent(secured: ssl.SSLSocket) -> int | None:
    """How many certificates the server has sent; None where this Python does not tell."""
    # Public from Python 3.13 on; before, only the object inside has it.
    for teller in (secured, getattr(secured, "_sslobj", None)):
        chain = getattr(teller, "get_unverified_chain", None)
        if chain is not None:
            return len(chain())
    return None
