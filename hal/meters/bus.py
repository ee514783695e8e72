"""The one owner of a serial line with Modbus RTU devices on it: one request at a time, and no reply for another's.

RTU replies carry no number. One that comes late is taken for the reply to the next request: a voltage for a current.
So the line must be silent before each request, and for longer after one that failed; and a reply of another unit,
function or length than was asked for is refused, which is why no two requests to a meter ask for one length.
"""

import asyncio
from dataclasses import dataclass

from hal.errors import DeviceUnavailable
from hal.modbus_rtu import Outcome, Request
from hal.serial_line import OpenPort, SerialLine
from hal.serving import pause

_BITS_PER_BYTE = 11
_FRAME_BYTES = 5
"""A reply without its registers, and the whole of an exception."""
_READ_FRAMES_BYTES = 8 + _FRAME_BYTES
"""A request and its reply, without the registers."""
_LONGEST_BYTES = 256
"""The longest frame; Modbus over serial line §2.5.1."""
_NOT_HERE = (1, 2, 3)
"""Exceptions: illegal function, illegal address, illegal count; Modbus application protocol §7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusTimings:
    """*reply_s*: how long a device may think. *gap_s*: silence before a request. *drain_s*: the same after a failure
    or a stray byte, longer than a late reply is late. *babble_s*: a line is waited for no longer until it is silent.
    """

    reply_s: float = 0.4
    gap_s: float = 0.05
    drain_s: float = 0.3
    babble_s: float = 2.0


class ReadFailed(Exception):
    """There is no usable reply; the text says what there is instead."""


class ReadRefused(ReadFailed):
    """The device answers that it does not have what was asked for."""


class ModbusBus:
    """The line at *port*, asked by one task at a time."""

    def __init__(self, port: str, *, baudrate: int, timings: BusTimings, open_port: OpenPort) -> None:
        self._baudrate = baudrate
        self._timings = timings
        self._line = SerialLine(
            port, baudrate=baudrate, received=self._hear, changed=self._change, open_port=open_port
        )
        self._opened = asyncio.Event()
        self._request: Request | None = None
        self._reply: asyncio.Future[tuple[int, ...] | ReadFailed] | None = None
        self._heard = bytearray()
        self._heard_s = 0.0
        self._disturbed = True

    def open(self) -> None:
        """Open the line. Raises DeviceUnavailable."""
        self._line.open()

    def close(self) -> None:
        """Close the line; without effect where it is closed."""
        self._line.close()

    async def run(self) -> None:
        """Keep the line open for ever."""
        await self._line.run()

    @property
    def trouble(self) -> DeviceUnavailable | None:
        """Why the line is not open; None while it is."""
        return self._line.trouble

    async def until_open(self) -> None:
        """Return once the line is open."""
        await self._opened.wait()

    async def read(self, *, unit: int, function: int, address: int, count: int) -> tuple[int, ...]:
        """The *count* registers from *address* on of the device *unit*. Raises ReadFailed."""
        await self._silence()
        # Until the reply is here whole: whoever asks next must not get it.
        self._disturbed = True
        registers = await self._ask(Request.read(unit, address, count, function=function))
        self._disturbed = False
        return registers

    async def _ask(self, request: Request) -> tuple[int, ...]:
        frames_bytes = _READ_FRAMES_BYTES + 2 * request.count
        within_s = self._timings.reply_s + frames_bytes * _BITS_PER_BYTE / self._baudrate
        self._heard.clear()
        self._request = request
        self._reply = asyncio.get_running_loop().create_future()
        try:
            self._line.write(request.frame)
            async with asyncio.timeout(within_s):
                reply = await self._reply
        except TimeoutError:
            reply = ReadFailed("not the reply to the request" if self._heard else "no reply")
        finally:
            self._request = self._reply = None
            self._heard_s = asyncio.get_running_loop().time()
        if isinstance(reply, ReadFailed):
            raise reply
        return reply

    async def _silence(self) -> None:
        """Return once nothing was heard for as long as is due. Raises ReadFailed on a line that babbles."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + self._timings.babble_s
        while (left_s := self._heard_s + self._due_silence_s - loop.time()) > 0:
            if loop.time() >= give_up_s:
                raise ReadFailed("the line is never silent")
            await pause(left_s)

    @property
    def _due_silence_s(self) -> float:
        return self._timings.drain_s if self._disturbed else self._timings.gap_s

    def _hear(self, data: bytes) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        if self._request is None or self._reply is None or self._reply.done():
            self._disturbed = True
            return
        self._heard += data
        # What is older than the longest reply belongs to none: a line that babbles is not searched in whole.
        del self._heard[:-_LONGEST_BYTES]
        reply = _reply_in(bytes(self._heard), self._request)
        if reply is not None:
            self._reply.set_result(reply)

    def _change(self, is_open: bool) -> None:
        if is_open:
            self._disturbed = True
            self._heard_s = asyncio.get_running_loop().time()
            self._opened.set()
            return
        self._opened.clear()
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(ReadFailed("the line is lost"))


def _reply_in(heard: bytes, request: Request) -> tuple[int, ...] | ReadFailed | None:
    """The reply to *request* in *heard*, or the exception; None while there is neither.

    Adapters add bytes of noise before and behind a frame when the line turns: they are passed over.
    """
    for start in range(len(heard)):
        registers = request.answered_by(heard[start : start + _FRAME_BYTES + 2 * request.count])
        if not isinstance(registers, Outcome):
            return registers
        exception = heard[start : start + _FRAME_BYTES]
        if request.answered_by(exception) is Outcome.REFUSED:
            code = exception[2]
            refused = ReadRefused if code in _NOT_HERE else ReadFailed
            return refused(f"exception {code} for {request.count} registers at {request.address:#06x}")
    return None
