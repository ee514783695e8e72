"""Files over FTP: passive, binary, and with TLS on both connections where the address says ftps (RFC 4217)."""

import ftplib
import socket
import ssl
from contextlib import suppress

from cpd.transfers.location import Location, TransferFailed
from cpd.transfers.wire import CHUNK_BYTES, Patience, Sink


def fetch(location: Location, tls: ssl.SSLContext, sink: Sink, patience: Patience) -> None:
    """Fetch the file into *sink*. Raises `TransferFailed`, `OSError`, `EOFError` and `ftplib.Error`."""
    *folders, name = location.segments
    if not name:
        raise TransferFailed("the address names no file")
    session = _session(location, tls, patience)
    try:
        _enter(session, folders)
        size: int | None = None
        with suppress(ftplib.error_perm):
            # Not every server knows SIZE, and those that do want the type first.
            session.voidcmd("TYPE I")
            size = session.size(name)
        data, announced = session.ntransfercmd(f"RETR {name}")
        with data:
            sink.begin(announced if size is None else size)
            while chunk := data.recv(CHUNK_BYTES):
                sink.write(chunk)
        session.voidresp()
    finally:
        session.close()


def send(location: Location, tls: ssl.SSLContext, name: str, content: bytes, patience: Patience) -> None:
    """Send *content* to the address, under *name* where that is a folder; errors as in `fetch`."""
    *folders, last = location.segments
    session = _session(location, tls, patience)
    try:
        _enter(session, folders)
        if last and not _is_folder(session, last):
            name = last
        session.voidcmd("TYPE I")
        data, _ = session.ntransfercmd(f"STOR {name}")
        with data:
            view = memoryview(content)
            while view:
                patience.check()
                data.sendall(view[:CHUNK_BYTES])
                view = view[CHUNK_BYTES:]
            if isinstance(data, ssl.SSLSocket):
                # Without our farewell a careful server calls the file cut off; many close without theirs, and it is
                # the reply that counts.
                with suppress(OSError):
                    data.unwrap()
        session.voidresp()
    finally:
        session.close()


class _Plain(ftplib.FTP):
    """FTP whose connections can be given up."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(timeout=patience.silence_s)
        self._patience = patience

    def greet(self, host: str, port: int) -> None:
        """Connect, and read the greeting."""
        self.host, self.port = host, port
        self.sock = self._patience.connect((host, port))
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        self._patience.check()
        data, size = super().ntransfercmd(cmd, rest)
        self._patience.secure(data, data)
        return data, size


class _Secure(_Plain, ftplib.FTP_TLS):
    """FTP over TLS; the data connection resumes the session of the control connection, as many servers demand."""

    def __init__(self, patience: Patience, context: ssl.SSLContext) -> None:
        ftplib.FTP_TLS.__init__(self, context=context, timeout=patience.silence_s)
        self._patience = patience

    def auth(self) -> str:
        assert self.sock is not None
        plain = self.sock
        answer = self.voidcmd("AUTH TLS")
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)
        self._patience.secure(plain, self.sock)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        return answer

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        self._patience.check()
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            secured = self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session)
        except BaseException:
            data.close()
            raise
        self._patience.secure(data, secured)
        return secured, size


def _session(location: Location, tls: ssl.SSLContext, patience: Patience) -> ftplib.FTP:
    session = _Secure(patience, tls) if location.scheme == "ftps" else _Plain(patience)
    try:
        session.greet(location.host, location.port)
        if isinstance(session, _Secure):
            session.auth()
        session.login(location.user or "anonymous", location.password or "anonymous@")
        if isinstance(session, _Secure):
            session.prot_p()
    except BaseException:
        session.close()
        raise
    return session


def _is_folder(session: ftplib.FTP, name: str) -> bool:
    """True where *name* is a folder, in which the session is then: many an address leaves out the last slash."""
    try:
        session.cwd(name)
    except ftplib.error_perm:
        return False
    return True


def _enter(session: ftplib.FTP, folders: list[str]) -> None:
    """Walk to the folder, from where the server has put us."""
    for folder in folders:
        if folder:
            session.cwd(folder)
