"""What an X.509 certificate says of itself: names, validity, issuer. Pure, and it judges nothing.

`ssl` tells this only of a certificate that it has accepted, and people ask about the other ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

_UTC_TIME = 0x17
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"
_SUBJECT_ALTERNATIVE_NAME = b"\x55\x1d\x11"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """*names* are the hosts that it is for, *issuer* who signed it, and None for itself; both as they are written."""

    names: tuple[str, ...]
    issuer: str | None
    not_before: datetime
    not_after: datetime


def read_certificate(der: bytes) -> Certificate | None:
    """What the certificate in DER (RFC 5280 §4.1) says; None where it cannot be read."""
    try:
        return _certificate(der)
    except (ValueError, IndexError, StopIteration):
        return None


def _certificate(der: bytes) -> Certificate:
    ((_, certificate),) = _items(der)
    _, body = next(_items(certificate))
    fields = list(_items(body))
    if fields[0][0] == _VERSION:
        del fields[0]
    # Serial number, signature, issuer, validity, subject; then the key, and what may follow it.
    (_, issuer), (_, validity), (_, subject) = fields[2:5]
    not_before, not_after = (_time(tag, value) for tag, value in _items(validity))
    names = next((tuple(_alternative_names(value)) for tag, value in fields[6:] if tag == _EXTENSIONS), ())
    return Certificate(
        names=names or ((_name(subject),) if _name(subject) else ()),
        issuer=None if issuer == subject else _name(issuer),
        not_before=not_before,
        not_after=not_after,
    )


def _items(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of one value after the other. Raises ValueError where one is cut off."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(der[at : at + octets], "big"), at + octets
        if at + length > len(der):
            raise ValueError("a value is cut off")
        yield tag, der[at : at + length]
        at += length


def _name(rdns: bytes) -> str:
    """The common name of a distinguished name, else its organisation, else nothing."""
    found: dict[bytes, str] = {}
    for _, one in _items(rdns):
        for _, attribute in _items(one):
            (_, kind), (_, value) = _items(attribute)
            found[kind] = value.decode("utf-8", errors="replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or ""


def _alternative_names(extensions: bytes) -> Iterator[str]:
    ((_, listed),) = _items(extensions)
    for _, extension in _items(listed):
        (_, kind), *_, (_, value) = _items(extension)
        if kind != _SUBJECT_ALTERNATIVE_NAME:
            continue
        ((_, names),) = _items(value)
        for tag, name in _items(names):
            if tag == _DNS_NAME:
                yield name.decode("ascii", errors="replace")
            elif tag == _IP_ADDRESS:
                yield str(ip_address(name))


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280 §4.1.2.5.1: two digits of the year are those of 1950 … 2049.
        text = ("20" if text < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
