"""Bursts of an MCP3208 or MCP3008 over the SPI character device: one ioctl for all samples of a burst.

The kernel paces the conversions (some 40 µs each), and other threads run meanwhile. The pauses between them differ by
some µs: sampling in step with the pilot could miss a plateau for ever, and measures its duty wrong.
"""

import ctypes
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import cycle
from pathlib import Path
from random import Random

from hal.errors import DeviceUnavailable

Ioctl = Callable[[int, int, bytearray], int]
"""`fcntl.ioctl`, as far as it is used: descriptor, request, argument."""

_LIBC = ctypes.CDLL(None, use_errno=True)

_FRAME = 3
"""Bytes of one conversion: the command goes out while the answer to it comes in."""

_MODE_0 = 0
_WORD_BITS = 8
_WR_MODE = 0x4001_6B01
_WR_BITS_PER_WORD = 0x4001_6B03
_WR_MAX_SPEED_HZ = 0x4004_6B04

_TRANSFER = struct.Struct("=QQIIHBBBBBB")
"""struct spi_ioc_transfer: tx, rx, length, Hz, delay in µs, bits per word, cs_change; the rest is 0 on plain SPI."""

MOST_SAMPLES = 511
"""The size of an ioctl's argument has 14 bits."""

_LONGEST_PAUSE_US = 12
_PATTERNS = 5
"""Each burst has other pauses than the four before it, the same ones in each run."""


def message_request(samples: int) -> int:
    """SPI_IOC_MESSAGE(n) of linux/spi/spidev.h."""
    return 0x4000_6B00 | samples * _TRANSFER.size << 16


def unlocked_ioctl(descriptor: int, request: int, argument: bytearray) -> int:
    """`fcntl.ioctl` that lets other threads run meanwhile, however long *argument* is; raises OSError.

    That of the standard library does so only up to 1 024 bytes: the whole guard would stand still for every burst.
    """
    buffer = (ctypes.c_char * len(argument)).from_buffer(argument)
    result: int = _LIBC.ioctl(descriptor, ctypes.c_ulong(request), buffer)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Converter:
    bits: int
    clock_hz: int


class AdcModel(Enum):
    """The converters that are known, with the clock that they stand at 3.3 V."""

    MCP3208 = _Converter(bits=12, clock_hz=1_000_000)
    MCP3008 = _Converter(bits=10, clock_hz=1_350_000)

    @property
    def full_scale(self) -> int:
        """The largest raw value."""
        return (1 << self.value.bits) - 1

    def command(self, channel: int) -> bytes:
        """The bytes that ask for one single-ended conversion of *channel* (0 … 7)."""
        # Start bit, single-ended, channel: ahead by so many bits that the answer ends with the last byte.
        return ((0b11_000 | channel) << (14 if self is AdcModel.MCP3208 else 12)).to_bytes(_FRAME, "big")

    def values(self, answers: bytes) -> list[int]:
        """The values in *answers*, three bytes each; without those whose null bit is not 0: nobody answered."""
        with_null_bit = (2 << self.value.bits) - 1
        words = [
            (high << 8 | low) & with_null_bit for high, low in zip(answers[1::3], answers[2::3], strict=True)
        ]
        full_scale = self.full_scale
        return words if max(words) <= full_scale else [word for word in words if word <= full_scale]


class SpiAdc:
    """A converter on the SPI device at *path*. Its channels may be read on any thread, one burst at a time each."""

    def __init__(self, model: AdcModel, path: Path, *, ioctl: Ioctl | None = None) -> None:
        self.model = model
        self.path = path
        self._ioctl: Ioctl = unlocked_ioctl if ioctl is None else ioctl
        self._descriptor: int | None = None

    def open(self) -> None:
        """Open the device. Raises DeviceUnavailable where that cannot be; whether a chip answers shows in a burst."""
        device = f"ADC on {self.path}"
        try:
            self._descriptor = self._connect()
        except FileNotFoundError as error:
            raise DeviceUnavailable(
                device, "there is no such device", "add dtparam=spi=on to config.txt, then restart"
            ) from error
        except PermissionError as error:
            raise DeviceUnavailable(
                device, "it may not be opened", "add the user of the guard to the group spi"
            ) from error
        except OSError as error:
            raise DeviceUnavailable(
                device, f"it is no SPI device: {error}", "set spi to /dev/spidev0.0 or /dev/spidev0.1"
            ) from error

    def channel(self, number: int, *, samples: int) -> "AdcChannel":
        """Bursts of *samples* (1 … 511) of input *number* (0 … 7)."""
        return AdcChannel(self, number, samples)

    def transfer(self, samples: int, transfers: bytearray) -> bool:
        """Carry out *transfers*; False where the device failed, which is then opened anew."""
        if self._descriptor is None:
            return False
        try:
            self._ioctl(self._descriptor, message_request(samples), transfers)
        except OSError:
            self._reopen(self._descriptor)
            return False
        return True

    def close(self) -> None:
        """Let go of the device."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _connect(self) -> int:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._ioctl(descriptor, _WR_MODE, bytearray([_MODE_0]))
            self._ioctl(descriptor, _WR_BITS_PER_WORD, bytearray([_WORD_BITS]))
            self._ioctl(descriptor, _WR_MAX_SPEED_HZ, bytearray(struct.pack("=I", self.model.value.clock_hz)))
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _reopen(self, descriptor: int) -> None:
        """Put the device as it is now behind *descriptor*, whose number another thread may be about to use."""
        if self._descriptor != descriptor:
            return
        with suppress(OSError):
            fresh = self._connect()
            try:
                os.dup2(fresh, descriptor, inheritable=False)
            finally:
                os.close(fresh)


class AdcChannel:
    """Bursts of one input, in buffers of its own that are made once."""

    def __init__(self, adc: SpiAdc, number: int, samples: int) -> None:
        if not (0 <= number <= 7 and 1 <= samples <= MOST_SAMPLES):
            raise ValueError(
                f"channel {number} with {samples} samples is outside 0 … 7 and 1 … {MOST_SAMPLES}"
            )
        self._adc = adc
        self._samples = samples
        self._sent = ctypes.create_string_buffer(adc.model.command(number), _FRAME)
        self._answers = ctypes.create_string_buffer(_FRAME * samples)
        pauses = Random(number)
        self._patterns = cycle(
            [
                bytearray().join(
                    self._transfer(index, pauses.randint(0, _LONGEST_PAUSE_US)) for index in range(samples)
                )
                for _ in range(_PATTERNS)
            ]
        )

    def read(self) -> list[int] | None:
        """One burst of raw values in their order; None where the device failed or nobody answered.

        All bits 0 or all 1 is the line of a chip that is not there, or not wired. A few answers that are none are
        left out.
        """
        ctypes.memset(self._answers, 0xFF, _FRAME * self._samples)
        if not self._adc.transfer(self._samples, next(self._patterns)):
            return None
        values = self._adc.model.values(self._answers.raw)
        if len(values) * 8 < self._samples * 7:
            return None
        is_dead = max(values) == 0 or min(values) == self._adc.model.full_scale
        return None if is_dead else values

    def _transfer(self, index: int, pause_us: int) -> bytes:
        # The chip converts anew at each fall of its select line. After the last one it must be released.
        is_last = index == self._samples - 1
        return _TRANSFER.pack(
            ctypes.addressof(self._sent),
            ctypes.addressof(self._answers) + _FRAME * index,
            _FRAME,
            self._adc.model.value.clock_hz,
            pause_us,
            _WORD_BITS,
            0 if is_last else 1,
            0,
            0,
            0,
            0,
        )
