"""One connection to the guard: lines in, messages out, and never more of either than is good for the outlets."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from hal.wire.codec import WireError, decode_line, encode_line
from hal.wire.messages import LONGEST_LINE_BYTES, VERSION, Farewell, FromGuard, Hello, Order
from hal.wire.peers import Admitted, peer_of

log = logging.getLogger(__name__)

HELLO_WITHIN_S = 2.0
_LINES_AT_ONCE = 32
"""So many are obeyed before the outlets have their turn again."""

_CONGESTED_BYTES = 32 * 1024
_DROPPED_AT_BYTES = 256 * 1024
_FAREWELL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What becomes of connections: *greeted* is one that commands from now on, *left* one that is gone."""

    admitted: Admitted
    opened: "Callable[[Connection], bool]"
    greeted: "Callable[[Connection], None]"
    obeyed: "Callable[[Connection, Order], None]"
    left: "Callable[[Connection], None]"


class Connection(asyncio.Protocol):
    """A client. Whatever it sends that makes no sense ends it, and nothing else."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._working = False
        self._commands = False
        self._number = 0
        self._hello: asyncio.TimerHandle | None = None
        self.who = "?"

    @property
    def congested(self) -> bool:
        """True while it does not read what it was sent."""
        return self._transport is not None and self._transport.get_write_buffer_size() > _CONGESTED_BYTES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        connection: socket.socket = transport.get_extra_info("socket")
        try:
            peer = peer_of(connection)
        except OSError as error:
            self.drop(f"its credentials cannot be read ({error})")
            return
        self.who = f"pid={peer.pid} uid={peer.uid}"
        if not self._desk.admitted.admits(peer):
            self.drop("it is neither root nor in the socket's group")
        elif not self._desk.opened(self):
            self.drop("too many wait already")
        else:
            self._hello = self._loop.call_later(HELLO_WITHIN_S, self.drop, "it says nothing")

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._received += data
        if not self._working:
            self._work()

    def send(self, message: FromGuard) -> None:
        """Say *message*; a client that does not read is dropped, never waited for."""
        self._write(encode_line(FromGuard, message))

    def hang_up(self, reason: str) -> None:
        """End it in words."""
        if self._transport is None:
            return
        log.info("guard client %s is sent away: %s", self.who, reason)
        transport = self._transport
        self.send(Farewell(reason=reason))
        transport.close()
        self._loop.call_later(_FAREWELL_S, transport.abort)
        self._forget()

    def drop(self, reason: str) -> None:
        """End it at once."""
        if self._transport is None:
            return
        log.warning("guard client %s is dropped: %s", self.who, reason)
        self._transport.abort()
        self._forget()

    def _forget(self) -> None:
        """Nothing of it is obeyed any more."""
        if self._transport is None:
            return
        self._transport = None
        self._received.clear()
        if self._hello is not None:
            self._hello.cancel()
        self._desk.left(self)

    def _write(self, line: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(line)
        if self._transport is not None and self._transport.get_write_buffer_size() > _DROPPED_AT_BYTES:
            self.drop("it does not read")

    def _work(self) -> None:
        """Take some lines, and the rest once the outlets had their turn.

        The border of what a client can do: an error here is its end. One of the outlets themselves has made them
        safe before, and ends the guard by a way of its own.
        """
        self._working = False
        try:
            for _ in range(_LINES_AT_ONCE):
                if self._transport is None:
                    return
                end = self._received.find(b"\n")
                if end > LONGEST_LINE_BYTES or (end < 0 and len(self._received) > LONGEST_LINE_BYTES):
                    self.drop("a line without an end")
                    return
                if end < 0:
                    break
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                self._take(line)
            else:
                self._working = True
                self._loop.call_soon(self._work)
        except WireError as error:
            self.drop(str(error))
        except Exception:
            # The boundary: a bug in what one client asks must not end the guard of every outlet.
            log.exception("guard client %s met an error", self.who)
            self.drop("it met an error")
        if self._transport is not None:
            if self._working and len(self._received) > LONGEST_LINE_BYTES:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _take(self, line: bytes) -> None:
        if not self._commands:
            self._greet(decode_line(Hello, line))
            return
        order: Order = decode_line(Order, line)
        if order.number <= self._number:
            log.warning("guard client %s repeats order %d, ignored", self.who, order.number)
            return
        self._number = order.number
        self._desk.obeyed(self, order)

    def _greet(self, hello: Hello) -> None:
        self._write(encode_line(Hello, Hello(version=VERSION)))
        if hello.version != VERSION:
            self.hang_up(f"it speaks version {hello.version} of the wire, this guard {VERSION}")
            return
        if self._hello is not None:
            self._hello.cancel()
        self._commands = True
        self._desk.greeted(self)
