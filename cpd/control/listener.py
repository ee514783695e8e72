"""The control socket as a file: never a living daemon's, and open to nobody before its mode is right."""

import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpd.errors import CpdError

GROUP = "cpd"
_BACKLOG = 64


class ControlSocketError(CpdError):
    """The control socket cannot be opened; the text says why, and what to do."""


@contextmanager
def listening(path: Path, *, group: str = GROUP) -> Iterator[socket.socket]:
    """A listening socket at *path*, removed at the end; mode 0660 and *group* where it exists, else 0600.

    The file of a killed daemon is replaced. A lock beside it, which dies with its holder, tells a killed
    daemon from a living one also while that is too busy to answer. Raises `ControlSocketError`.
    """
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(lock, path)
        _remove_stale(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            _open(listener, path, group)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ControlSocketError(
            f"another cpd is running with the control socket {path}; "
            "stop it first, or give this one a socket of its own ([control] socket)"
        ) from None


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISSOCK(mode):
            raise ControlSocketError(f"{path} is not a socket; move it away, or change [control] socket")
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from error


def _open(listener: socket.socket, path: Path, group: str) -> None:
    # Nobody can connect between bind and listen, so the mode is right before it matters.
    try:
        listener.bind(str(path))
        path.chmod(0o660 if _given(path, group) else 0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _unusable(path, error) from error


def _given(path: Path, group: str) -> bool:
    """Give the file to *group*; False where there is no such group, or this user is not in it."""
    try:
        os.chown(path, -1, grp.getgrnam(group).gr_gid)
    except (KeyError, PermissionError):
        return False
    return True


def _unusable(path: Path, error: OSError) -> ControlSocketError:
    reason = error.strerror or str(error)
    return ControlSocketError(
        f"the control socket {path} cannot be opened: {reason}; "
        "make its directory, owned by the user of cpd, or change [control] socket"
    )
