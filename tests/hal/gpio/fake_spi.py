"""An MCP3208 or MCP3008 behind the ioctl of an SPI device, bit by bit."""

import ctypes
import errno
import os
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache

from hal.boards.gpio.adc import AdcModel

SPI_IOC_WR_MODE = 0x40016B01
SPI_IOC_WR_BITS_PER_WORD = 0x40016B03
SPI_IOC_WR_MAX_SPEED_HZ = 0x40046B04

SELECT_NS = 12_000
"""What the kernel takes between two transfers of a message, the least time of a released select line included."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One struct spi_ioc_transfer."""

    sent_at: int
    answer_at: int
    length: int
    speed_hz: int
    delay_us: int
    bits_per_word: int
    cs_change: int


@dataclass
class FakeSpi:
    """Call it as an ioctl. *raw* gives the converter's input at a channel and an instant in ns.

    *now_ns* is the time, which every burst takes some of. *error* is raised as an OSError, *error_once* by the next
    call only; *wire* "low" or "high" is a line on which nobody answers; *garbled* are the samples of each burst
    that a disturbance spoils; *interrupted* is called once, in the middle of the next burst. *inode* is
    the device of the last one.
    """

    model: AdcModel
    raw: Callable[[int, int], int]
    now_ns: int = 0
    error: int | None = None
    error_once: int | None = None
    wire: str | None = None
    garbled: Collection[int] = ()
    interrupted: Callable[[], None] | None = None
    inode: int = 0
    settings: dict[int, int] = field(default_factory=dict)
    messages: list[list[Transfer]] = field(default_factory=list)

    def __call__(self, descriptor: int, request: int, argument: bytearray) -> int:
        error = self.error or self.error_once
        self.error_once = None
        if error is not None:
            raise OSError(error, os.strerror(error))
        if request in (SPI_IOC_WR_MODE, SPI_IOC_WR_BITS_PER_WORD, SPI_IOC_WR_MAX_SPEED_HZ):
            self.settings[request] = int.from_bytes(argument, "little")
            return 0
        size = request >> 16 & 0x3FFF
        if request != 0x40006B00 | size << 16 or size % 32 or size != len(argument):
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        transfers = _parsed(bytes(argument))
        self.inode = os.fstat(descriptor).st_ino
        self.messages = [*self.messages[-3:], transfers]
        for index, transfer in enumerate(transfers):
            if index == len(transfers) // 2 and self.interrupted is not None:
                call, self.interrupted = self.interrupted, None
                call()
            sent = ctypes.string_at(transfer.sent_at, transfer.length)
            answer = b"\xff\xff\xff" if index in self.garbled else self._answer(sent)
            ctypes.memmove(transfer.answer_at, answer, 3)
            self.now_ns += len(sent) * 8 * 1_000_000_000 // transfer.speed_hz
            self.now_ns += transfer.delay_us * 1_000 + SELECT_NS
        return sum(transfer.length for transfer in transfers)

    def _answer(self, sent: bytes) -> bytes:
        if self.wire is not None:
            return bytes(3) if self.wire == "low" else b"\xff" * 3
        channel, shift, before = _asked(sent, self.model.value.bits)
        value = self.raw(channel, self.now_ns) & self.model.full_scale
        return (before | value << shift).to_bytes(3, "big")


@cache
def _asked(sent: bytes, bits: int) -> tuple[int, int, int]:
    """The channel that *sent* asks for, where the value stands in the answer, and what is before it."""
    command = f"{int.from_bytes(sent, 'big'):024b}"
    start = command.index("1")
    assert command[start + 1] == "1", "differential inputs are not wired"
    # Behind the channel one clock to sample and a null bit; the line floats high before.
    shift = 24 - (start + 7 + bits)
    assert shift >= 0, "the answer does not end in time"
    return int(command[start + 2 : start + 5], 2), shift, 0xFF_FFFF >> shift + bits + 1 << shift + bits + 1


@cache
def _parsed(message: bytes) -> list[Transfer]:
    transfers = []
    for at in range(0, len(message), 32):
        sent_at, answer_at, length, speed_hz, delay_us, bits, cs_change, *rest = struct.unpack(
            "=QQIIHBBBBBB", message[at : at + 32]
        )
        assert rest == [0, 0, 0, 0], "not for plain SPI"
        transfers.append(
            Transfer(
                sent_at=sent_at,
                answer_at=answer_at,
                length=length,
                speed_hz=speed_hz,
                delay_us=delay_us,
                bits_per_word=bits,
                cs_change=cs_change,
            )
        )
    return transfers
