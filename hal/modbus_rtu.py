"""The frames of Modbus RTU that read registers and write holding registers, and the one answer that each may get.

Pure. RTU has no transaction id: an answer is one only where its unit, its function, its length and its CRC fit
the request exactly, and nothing came with it.
"""

from dataclasses import dataclass
from enum import Enum, auto
from struct import pack, unpack

READ = 3
READ_INPUT = 4
WRITE = 16
_EXCEPTION = 0x80
_EXCEPTION_LENGTH = 5


class Outcome(Enum):
    """What a received piece is to a request: INCOMPLETE may become an answer, FOREIGN never will."""

    INCOMPLETE = auto()
    FOREIGN = auto()
    REFUSED = auto()
    WRITTEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Read *count* registers from *address* of *unit*, or write *values* there where there are any.

    *function* is that of a read: READ for holding registers, READ_INPUT for input registers.

    Single writes take the function for several registers too: the echo of such a request on a two-wire line
    cannot be taken for its confirmation.
    """

    unit: int
    address: int
    count: int
    values: tuple[int, ...] = ()
    function: int = READ

    @classmethod
    def read(cls, unit: int, address: int, count: int, *, function: int = READ) -> "Request":
        """Read *count* registers from *address*."""
        return cls(unit=unit, address=address, count=count, function=function)

    @classmethod
    def write(cls, unit: int, address: int, value: int) -> "Request":
        """Write *value* (0 … 65 535) to *address*."""
        return cls(unit=unit, address=address, count=1, values=(value,))

    @property
    def frame(self) -> bytes:
        """The bytes of the request."""
        if not self.values:
            return with_crc(pack(">BBHH", self.unit, self.function, self.address, self.count))
        head = pack(">BBHHB", self.unit, WRITE, self.address, self.count, 2 * self.count)
        return with_crc(head + pack(f">{self.count}H", *self.values))

    def answered_by(self, data: bytes) -> tuple[int, ...] | Outcome:
        """The registers that *data* answers with, or what else it is. An echo of the request is passed over."""
        if self.frame.startswith(data):
            return Outcome.INCOMPLETE
        data = data.removeprefix(self.frame)
        if len(data) >= _EXCEPTION_LENGTH and data[1] == self._function | _EXCEPTION:
            return Outcome.REFUSED if self._is_whole(data, _EXCEPTION_LENGTH) else Outcome.FOREIGN
        length = len(self._head) + 2 + (0 if self.values else 2 * self.count)
        if len(data) < length:
            return Outcome.INCOMPLETE
        if not self._is_whole(data, length) or not data.startswith(self._head):
            return Outcome.FOREIGN
        return Outcome.WRITTEN if self.values else unpack(f">{self.count}H", data[3:-2])

    @property
    def _function(self) -> int:
        return WRITE if self.values else self.function

    @property
    def _head(self) -> bytes:
        if self.values:
            return pack(">BBHH", self.unit, WRITE, self.address, self.count)
        return pack(">BBB", self.unit, self.function, 2 * self.count)

    def _is_whole(self, data: bytes, length: int) -> bool:
        return len(data) == length and data[0] == self.unit and with_crc(data[:-2]) == data


def with_crc(data: bytes) -> bytes:
    """*data* with its CRC-16, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return data + pack("<H", crc)
