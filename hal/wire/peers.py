"""Who may speak to the guard: root, its own user, and the members of the socket's group."""

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from stat import S_IWGRP

_CREDENTIALS = struct.Struct("3i")
_SO_PEERGROUPS = getattr(socket, "SO_PEERGROUPS", 59)
_MOST_GROUPS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The process at the other end, as the kernel vouches for it."""

    pid: int
    uid: int
    groups: frozenset[int]


def peer_of(connection: socket.socket) -> Peer:
    """Who has connected *connection*, a Unix socket. Raises OSError."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(credentials)
    more = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
    groups = struct.unpack(f"{len(more) // 4}i", more)
    return Peer(pid=pid, uid=uid, groups=frozenset({gid, *groups}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Whom a socket is open to; *group* None: to no group."""

    uids: frozenset[int]
    group: int | None

    @classmethod
    def at(cls, listener: socket.socket) -> "Admitted":
        """As the file of *listener* says; raises OSError where it has none."""
        state = Path(listener.getsockname()).stat()
        return cls(uids=frozenset({0, os.geteuid()}), group=state.st_gid if state.st_mode & S_IWGRP else None)

    def admits(self, peer: Peer) -> bool:
        """True where *peer* may command."""
        return peer.uid in self.uids or (self.group is not None and self.group in peer.groups)
