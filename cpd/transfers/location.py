"""An address of a file as the central system gives it, taken apart; what is secret in it is never shown."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit

DEFAULT_PORTS: Final = {"ftp": 21, "ftps": 21, "http": 80, "https": 443}
"""The schemes that are served; ftps is FTP that changes to TLS before the password (RFC 4217)."""


class TransferFailed(Exception):
    """A file did not arrive, or not whole; `str()` says why, without the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """*path* begins with a slash and is still percent-encoded, with its query; user and password are decoded."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    path: str = field(repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who is trusted with the password."""
        return self.scheme, self.host, self.port

    @property
    def is_folder(self) -> bool:
        """True where a file that is sent there needs a name."""
        return self.path.partition("?")[0].endswith("/")

    @property
    def segments(self) -> tuple[str, ...]:
        """The path as FTP walks it, decoded; the last one is empty for a folder (RFC 1738 §3.2.2)."""
        return tuple(unquote(segment) for segment in self.path[1:].split("/"))

    def path_of(self, name: str) -> str:
        """The path of a file *name* in this folder, percent-encoded."""
        path, mark, query = self.path.partition("?")
        return f"{path}{quote(name)}{mark}{query}"


def parse(text: str) -> Location:
    """Take an address apart; raises `TransferFailed` for one that cannot be served."""
    try:
        parts = urlsplit(text.strip())
        scheme, host = parts.scheme.lower(), parts.hostname
        if scheme not in DEFAULT_PORTS:
            raise TransferFailed(f"only {', '.join(DEFAULT_PORTS)} are served")
        if not host:
            raise TransferFailed("the address names no host")
        port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
    except ValueError as error:
        raise TransferFailed("the address cannot be read") from error
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query and scheme in ("http", "https"):
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    location = Location(
        scheme=scheme,
        host=host,
        port=port,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        path=path,
    )
    texts = (location.user, location.password, *location.segments)
    if any(ord(character) < 32 for text in texts for character in text or ""):
        # A line break would begin another command to the server.
        raise TransferFailed("the address cannot be read")
    return location
