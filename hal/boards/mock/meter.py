"""An energy meter that integrates voltage times current exactly, and keeps its register across a kill.

The register lives in a small mapped file: what was written before SIGKILL is still there, without any fsync.
"""

import asyncio
import mmap
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from hal.errors import HalStateError
from hal.values import MeterReading

_UNITS_PER_WH = 3_600 * 10**15
"""Energy is counted in µW·ns, so that nothing is ever rounded away."""

MAX_WH = 2**40

_ENTRY = struct.Struct("<QQQ")
_SLOT_SIZE = _ENTRY.size + 4
_FILE_SIZE = 2 * _SLOT_SIZE


class RegisterFile:
    """Whole Wh and the rest of one, in two slots written in turn, each with a checksum against a torn write."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                if file.seek(0, 2) != _FILE_SIZE:
                    file.truncate(_FILE_SIZE)
                self._map = mmap.mmap(file.fileno(), _FILE_SIZE)
        except OSError as error:
            raise HalStateError(
                f"{path}: {error.strerror}; the mock keeps its energy register there"
            ) from error
        self._sequence, self.energy_wh, self.rest = max(
            (entry for entry in map(self._entry, (0, 1)) if entry is not None), default=(0, 0, 0)
        )

    def write(self, energy_wh: int, rest: int) -> None:
        """Replace the older of the two slots."""
        self._sequence += 1
        entry = _ENTRY.pack(self._sequence, energy_wh, rest)
        start = self._sequence % 2 * _SLOT_SIZE
        self._map[start : start + _SLOT_SIZE] = entry + zlib.crc32(entry).to_bytes(4, "little")
        self.energy_wh, self.rest = energy_wh, rest

    def close(self) -> None:
        """Unmap the file; it keeps what was written."""
        self._map.close()

    def _entry(self, slot: int) -> tuple[int, int, int] | None:
        data = self._map[slot * _SLOT_SIZE : (slot + 1) * _SLOT_SIZE]
        entry, check = data[: _ENTRY.size], data[_ENTRY.size :]
        if zlib.crc32(entry).to_bytes(4, "little") != check:
            return None
        sequence, energy_wh, rest = _ENTRY.unpack(entry)
        return sequence, energy_wh, rest


class MockMeter:
    """Integrates on the loop's time whatever current it is told flows."""

    def __init__(
        self, register: RegisterFile, *, phases: int, voltage_mv: int, reported: Callable[[int], None]
    ) -> None:
        self._reported = reported
        self._register = register
        self._loop = asyncio.get_running_loop()
        self._counted_ns = self._now_ns()
        self.current_ma: tuple[int, ...] = (0,) * phases
        self.voltage_mv = voltage_mv
        self.offline = False

    def read(self) -> MeterReading | None:
        """The reading of this instant, whole Wh rounded down; None while the meter is offline."""
        if self.offline:
            return None
        self._count()
        self._reported(self._register.energy_wh)
        return MeterReading(
            at_s=self._loop.time(),
            energy_wh=self._register.energy_wh,
            power_w=self._power_uw() // 10**6,
            current_ma=self.current_ma,
            voltage_mv=(self.voltage_mv,) * len(self.current_ma),
        )

    def flow(self, current_ma: tuple[int, ...]) -> None:
        """From now on *current_ma* flows, per phase."""
        if current_ma == self.current_ma:
            return
        self._count()
        self.current_ma = current_ma

    def set_voltage(self, voltage_mv: int) -> None:
        """From now on each phase has *voltage_mv*."""
        self._count()
        self.voltage_mv = voltage_mv

    def set_register(self, energy_wh: int) -> None:
        """Turn the register to *energy_wh*."""
        self._count()
        self._register.write(energy_wh, 0)

    def close(self) -> None:
        """Count what has flowed until now and let go of the register."""
        self._count()
        self.offline = True
        self._register.close()

    def _count(self) -> None:
        now_ns = self._now_ns()
        if now_ns == self._counted_ns:
            return
        energy = self._register.rest + self._power_uw() * (now_ns - self._counted_ns)
        self._counted_ns = now_ns
        if energy != self._register.rest:
            self._register.write(self._register.energy_wh + energy // _UNITS_PER_WH, energy % _UNITS_PER_WH)

    def _power_uw(self) -> int:
        return sum(self.current_ma) * self.voltage_mv

    def _now_ns(self) -> int:
        return int(self._loop.time() * 1e9)
