"""A synchronous client of the control socket, for command line and demo: cheap to import, never hanging.

Every failure is a `ClientError` that says what is wrong and what to do next.
"""

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

from cpd.control.api import ErrorObject, StatusDocument

TIMEOUT_S = 5.0
RECONNECT_S = 1.0
_CHUNK_BYTES = 65_536


class ClientError(Exception):
    """Root of the failures of a call; *next_step* is what a person may do."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class DaemonNotRunning(ClientError):
    """Nothing serves the socket, or it went away during the call."""


class PermissionRefused(ClientError):
    """The socket, or the call, is not for this user."""


class TimedOut(ClientError):
    """The daemon accepts connections and does not answer."""


class NotFound(ClientError):
    """There is no such connector, transaction or key."""


class InvalidParams(ClientError):
    """The call does not make sense to the daemon."""


class Refused(ClientError):
    """The daemon understood, and will not do it."""


class NotSupported(Refused):
    """The daemon has no such method; it may be older than the client."""


class ControlClient:
    """One connection to the daemon at *path*, made at the first call; not for several threads.

    *timeout_s* bounds each wait for the daemon.
    """

    def __init__(self, path: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._last_id = 0
        self._news: list[StatusDocument] = []

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next call connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._received.clear()
        self._news.clear()

    def call(self, method: str, params: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The result of *method*; raises a `ClientError`."""
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}}
        self._send(json.dumps(request).encode() + b"\n")
        while True:
            message = self._message(self._timeout_s)
            if message.get("method") == "status":
                self._news.append(message["params"])
            elif message.get("id") in (self._last_id, None):
                if "error" in message:
                    raise _error_from(message["error"])
                return cast(dict[str, Any], message["result"])

    def watch(self, *, refresh_s: float = TIMEOUT_S, full: bool = False) -> Iterator[StatusDocument | None]:
        """The status now, at each change, and every *refresh_s* without one, for ever.

        None for each `RECONNECT_S` without a daemon, also at the beginning. Raises only
        `PermissionRefused` and what the daemon refuses.
        """
        params = {"full": full}
        while True:
            try:
                self.close()
                self.call("watch", params)
                while True:
                    yield cast(StatusDocument, self.call("status", params))
                    yield from self._changes(refresh_s)
            except (DaemonNotRunning, TimedOut):
                yield None
                threading.Event().wait(RECONNECT_S)

    def _changes(self, quiet_s: float) -> Iterator[StatusDocument]:
        """What the daemon tells of its own accord, until it is quiet for *quiet_s*."""
        while True:
            while self._news:
                yield self._news.pop(0)
            try:
                message = self._message(quiet_s)
            except TimedOut:
                return
            if message.get("method") == "status":
                self._news.append(message["params"])

    def _send(self, line: bytes) -> None:
        if self._socket is None:
            self._socket = _connected(self._path, self._timeout_s)
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(line)
        except TimeoutError as error:
            self.close()
            raise _silent(self._timeout_s) from error
        except OSError:
            # The daemon may have said why before it hung up; that is read next.
            return

    def _message(self, timeout_s: float) -> dict[str, Any]:
        while b"\n" not in self._received:
            chunk = self._chunk(timeout_s)
            if not chunk:
                self.close()
                raise DaemonNotRunning("cpd ended during the call", "systemctl status cpd")
            self._received += chunk
        line, _, rest = self._received.partition(b"\n")
        self._received = bytearray(rest)
        try:
            message = json.loads(line)
        except ValueError as error:
            self.close()
            raise ClientError(f"no cpd at {self._path}: {error}", "check --socket") from error
        if not isinstance(message, dict):
            raise ClientError(f"no cpd at {self._path}", "check --socket")
        return message

    def _chunk(self, timeout_s: float) -> bytes:
        if self._socket is None:
            raise DaemonNotRunning("cpd ended during the call", "systemctl status cpd")
        try:
            self._socket.settimeout(timeout_s)
            return self._socket.recv(_CHUNK_BYTES)
        except TimeoutError as error:
            raise _silent(timeout_s) from error
        except OSError:
            return b""


def _connected(path: str, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(path)
    except PermissionError as error:
        connection.close()
        group = _group_of(path)
        raise PermissionRefused(
            f"user {_user()} may not talk to cpd",
            f"sudo usermod -aG {group} {_user()}, then log in again" if group else "the same again with sudo",
        ) from error
    except (TimeoutError, BlockingIOError) as error:
        connection.close()
        raise _silent(timeout_s) from error
    except OSError as error:
        connection.close()
        raise DaemonNotRunning("cpd is not running", "sudo systemctl status cpd") from error
    return connection


def _error_from(error: ErrorObject) -> ClientError:
    kind = _KINDS.get(error.get("data", {}).get("code", ""), ClientError)
    return kind(error["message"], error.get("data", {}).get("next_step", ""))


_KINDS: dict[str, type[ClientError]] = {
    "invalid_params": InvalidParams,
    "not_found": NotFound,
    "refused": Refused,
    "timeout": TimedOut,
    "no_permission": PermissionRefused,
    "not_supported": NotSupported,
}


def _silent(timeout_s: float) -> TimedOut:
    return TimedOut(f"cpd did not answer in {timeout_s:g} s", "journalctl -u cpd -n 20")


def _group_of(path: str) -> str | None:
    """The group that may use the socket; None where only its owner may."""
    import grp

    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib costs a client 10 ms
    except OSError:
        return "cpd"
    if not status.st_mode & 0o060:
        return None
    try:
        return grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        return str(status.st_gid)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
