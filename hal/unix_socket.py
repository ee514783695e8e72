"""A listening Unix socket as a file: never a living process's, and open to nobody before its mode is right."""

import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hal.errors import SocketUnavailable

_BACKLOG = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketName:
    """How a socket is called in texts: *name*, the *program* that owns it, the *setting* that places it.

    Members of *group* may connect, where there is such a group.
    """

    name: str
    program: str
    setting: str
    group: str


GUARD_SOCKET = SocketName(
    name="guard socket", program="guard", setting="[hal] guard_socket", group="cpd-guard"
)


@contextmanager
def listening(path: Path, called: SocketName) -> Iterator[socket.socket]:
    """A listening socket at *path*, removed at the end; mode 0660 and its group where that exists, else 0600.

    The file of a killed process is replaced. A lock beside it, which dies with its holder, tells a killed process
    from a living one also while that is too busy to answer. Raises `SocketUnavailable`.
    """
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, called, error) from error
    try:
        _take(lock, path, called)
        _remove_stale(path, called)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            _open(listener, path, called)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _take(lock: int, path: Path, called: SocketName) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SocketUnavailable(
            f"another {called.program} is running with the {called.name} {path}; "
            f"stop it first, or give this one a socket of its own ({called.setting})"
        ) from None


def _remove_stale(path: Path, called: SocketName) -> None:
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISSOCK(mode):
            raise SocketUnavailable(f"{path} is not a socket; move it away, or change {called.setting}")
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, called, error) from error


def _open(listener: socket.socket, path: Path, called: SocketName) -> None:
    # Nobody can connect between bind and listen, so the mode is right before it matters.
    try:
        listener.bind(str(path))
        path.chmod(0o660 if _given(path, called.group) else 0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _unusable(path, called, error) from error


def _given(path: Path, group: str) -> bool:
    """Give the file to *group*; False where there is no such group, or this user is not in it."""
    try:
        gid = grp.getgrnam(group).gr_gid
        # Where it is the user's own, there is nothing to change: a service may be without the call for it.
        if path.stat().st_gid != gid:
            os.chown(path, -1, gid)
    except (KeyError, PermissionError):
        return False
    return True


def _unusable(path: Path, called: SocketName, error: OSError) -> SocketUnavailable:
    reason = error.strerror or str(error)
    return SocketUnavailable(
        f"the {called.name} {path} cannot be opened: {reason}; "
        f"make its directory, owned by the user of the {called.program}, or change {called.setting}"
    )
