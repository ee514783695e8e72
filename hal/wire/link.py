"""One connection to the guard, from the side of its client: opened, watched, and given up when it falls silent."""

import asyncio
from collections.abc import Callable
from typing import cast

from hal.wire.codec import WireError, decode_line, encode_line
from hal.wire.messages import (
    LONGEST_LINE_BYTES,
    SILENCE_S,
    VERSION,
    Content,
    Farewell,
    FromGuard,
    Hello,
    Order,
)

_LAST_LOOK_S = 0.05
"""A guard that seems silent is given up only if it still is so much later."""

_UNREAD_BYTES = 64 * 1024
"""What a guard that lives never leaves unread."""


class Link(asyncio.Protocol):
    """Calls *heard* with each message, and *lost* once, with the reason, when there will be no more."""

    def __init__(self, heard: Callable[[FromGuard], None], lost: "Callable[[Link, str], None]") -> None:
        self._heard = heard
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._heard_at_s = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._is_doubted = False
        self._number = 0
        self._version: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(encode_line(Hello, Hello(version=VERSION)))
        self._watch_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up("it hung up" if exc is None else str(exc))

    def data_received(self, data: bytes) -> None:
        # Beside the stamp of a line, for it tells of a guard that lives also while a line is incomplete.
        self._heard_at_s = self._loop.time()
        self._received += data
        try:
            while (end := self._received.find(b"\n")) >= 0 and self._transport is not None:
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                self._take(line)
        except WireError as error:
            self.give_up(str(error))
        if len(self._received) > LONGEST_LINE_BYTES:
            self.give_up("it sends a line without an end")

    @property
    def is_foreign(self) -> bool:
        """True where the guard has said that it speaks another version."""
        return self._version not in (None, VERSION)

    def send(self, content: Content) -> int | None:
        """Send an order; returns its number, None where it cannot be sent. Nothing is kept for later."""
        if self._transport is None or self._version != VERSION:
            return None
        self._number += 1
        order = Order(number=self._number, sent_at_s=self._loop.time(), content=content)
        self._transport.write(encode_line(Order, order))
        if self._transport.get_write_buffer_size() > _UNREAD_BYTES:
            self.give_up("it does not read")
            return None
        return self._number

    def give_up(self, reason: str) -> None:
        """Cut the connection: nothing is heard of it any more."""
        if self._transport is None:
            return
        self._end(reason, self._transport.abort)

    def close(self) -> None:
        """End it in good order: what was sent arrives."""
        if self._transport is not None:
            self._end("closed", self._transport.close)

    def _end(self, reason: str, cut: Callable[[], None]) -> None:
        cut()
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        self._lost(self, reason)

    def _take(self, line: bytes) -> None:
        if self._version is None:
            self._version = cast(Hello, decode_line(Hello, line)).version
            if self.is_foreign:
                self.give_up(f"it speaks version {self._version} of the wire, and cpd {VERSION}")
            return
        message: FromGuard = decode_line(FromGuard, line)
        if isinstance(message, Farewell):
            self.give_up(message.reason)
            return
        self._heard(message)

    def _watch_on(self) -> None:
        """Look whether the guard still speaks."""
        silent_s = self._loop.time() - self._heard_at_s
        wait_s = SILENCE_S - silent_s
        if wait_s <= 0:
            if self._is_doubted:
                self.give_up(f"silent for {silent_s:.1f} s")
                return
            # It may be this process that was stopped, and what came meanwhile is not read yet: it counts.
            wait_s = _LAST_LOOK_S
        self._is_doubted = silent_s >= SILENCE_S
        self._watch = self._loop.call_later(wait_s, self._watch_on)
