"""An energy meter that integrates voltage times current exactly, and keeps its register across a kill."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hal.boards.mock.slot_file import SlotFile
from hal.values import MeterReading

_UNITS_PER_WH = 3_600 * 10**15
"""Energy is counted in µW·ns, so that nothing is ever rounded away."""

MAX_WH = 2**40

MAINS_MHZ = 50_000
"""Frequency of the simulated mains; its vehicles draw in phase with it."""

WAKE_S = 2.0
"""A meter that gets its power with the current says something this long after."""

_ENTRY = struct.Struct("<QQ")


class RegisterFile:
    """Whole Wh and the rest of one."""

    def __init__(self, path: Path) -> None:
        """Raises `HalStateError` where the file cannot be used."""
        self._file = SlotFile(path, _ENTRY.size)
        content = self._file.content
        self.energy_wh, self.rest = (0, 0) if content is None else _ENTRY.unpack(content)

    def write(self, energy_wh: int, rest: int) -> None:
        """Keep a new reading."""
        self._file.write(_ENTRY.pack(energy_wh, rest))
        self.energy_wh, self.rest = energy_wh, rest

    def close(self) -> None:
        """Let go of the file; it keeps what was written."""
        self._file.close()


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
        self._awake_s: float | None = self._loop.time()
        self._shown_ma: tuple[int, ...] | None = None
        self._frozen: MeterReading | None = None
        self._delivered = 0

    @property
    def measured_ma(self) -> tuple[int, ...]:
        """What a reading of this instant says of the current."""
        if self._frozen is not None and self._frozen.current_ma is not None:
            return self._frozen.current_ma
        return self.current_ma if self._shown_ma is None else self._shown_ma

    @property
    def is_silent(self) -> bool:
        """True while there is no reading."""
        return self.offline or self._awake_s is None or self._loop.time() < self._awake_s

    @property
    def is_frozen(self) -> bool:
        """True while every reading repeats an earlier one."""
        return self._frozen is not None

    @property
    def delivered_wh(self) -> int:
        """What truly flowed since the start, whatever the register was turned to; rounded down."""
        self._count()
        return self._delivered // _UNITS_PER_WH

    def read(self) -> MeterReading | None:
        """The reading of this instant, whole Wh rounded down; None while the meter is offline or dark."""
        if self.is_silent:
            return None
        self._count()
        if self._frozen is not None:
            return replace(self._frozen, at_s=self._loop.time())
        self._reported(self._register.energy_wh)
        return MeterReading(
            at_s=self._loop.time(),
            energy_wh=self._register.energy_wh,
            power_w=self._power_uw() // 10**6,
            current_ma=self.measured_ma,
            voltage_mv=(self.voltage_mv,) * len(self.current_ma),
            phase_power_w=tuple(current_ma * self.voltage_mv // 10**6 for current_ma in self.current_ma),
            reactive_var=0,
            power_factor_permille=1_000,
            frequency_mhz=MAINS_MHZ,
        )

    def power(self, powered: bool) -> None:
        """From now on the meter has power, or none; without it is dark, and it needs `WAKE_S` to wake."""
        if not powered:
            self._awake_s = None
        elif self._awake_s is None:
            self._awake_s = self._loop.time() + WAKE_S

    def flow(self, current_ma: tuple[int, ...]) -> None:
        """From now on *current_ma* flows, per phase."""
        if current_ma == self.current_ma:
            return
        self._count()
        self.current_ma = current_ma

    def freeze_current(self, frozen: bool) -> None:
        """From now on the reading shows the current that flows now, or again the one that flows."""
        self._shown_ma = self.current_ma if frozen else None

    def freeze(self, frozen: bool) -> None:
        """From now on each reading repeats the one of this instant as if it were new, or tells the truth again."""
        self._frozen = None
        self._frozen = self.read() if frozen else None

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
        flowed = self._power_uw() * (now_ns - self._counted_ns)
        self._delivered += flowed
        energy = self._register.rest + flowed
        self._counted_ns = now_ns
        if energy != self._register.rest:
            self._register.write(self._register.energy_wh + energy // _UNITS_PER_WH, energy % _UNITS_PER_WH)

    def _power_uw(self) -> int:
        return sum(self.current_ma) * self.voltage_mv

    def _now_ns(self) -> int:
        return int(self._loop.time() * 1e9)
