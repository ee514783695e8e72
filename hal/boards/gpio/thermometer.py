"""A 1-wire temperature sensor (DS18B20 and its like) as the kernel shows it: a file that takes its time.

Both forms are read: `w1_slave`, two lines with a checksum's verdict, and `temperature`, a number.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from hal.errors import DeviceUnavailable

FRESH_S = 60.0
PERIOD_S = 5.0

_COLDEST_MC = -55_000
_HOTTEST_MC = 125_000
_POWER_ON_MC = 85_000
"""What the sensor shows from its power-on until its first conversion."""
_NEAR_MC = 80_000

_TOLD = re.compile(r"\bt=(-?\d+)")


def temperature_mc(text: str) -> int | None:
    """The temperature in *text*, the sensor's file; None where the line lost it."""
    if "crc=" in text:
        told = _TOLD.search(text)
        if "YES" not in text or told is None:
            return None
        value = told[1]
    else:
        value = text.strip()
    try:
        measured_mc = int(value)
    except ValueError:
        return None
    return measured_mc if _COLDEST_MC <= measured_mc <= _HOTTEST_MC else None


class OneWireThermometer:
    """A `hal.board.Thermometer` over *file*. `measure` takes up to a second, on a thread of its own.

    *changed* is called on that thread.
    """

    def __init__(self, file: Path, *, changed: Callable[[], None]) -> None:
        self._file = file
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._measured: tuple[int, float] | None = None

    def temperature_mc(self) -> int | None:
        """What was measured last; None where there is nothing younger than a minute."""
        if self._measured is None:
            return None
        measured_mc, at_s = self._measured
        return measured_mc if self._loop.time() < at_s + FRESH_S else None

    def measure(self) -> None:
        """Read the sensor; a reading that fails leaves the one before until that is old."""
        try:
            measured_mc = temperature_mc(self._file.read_text("ascii", errors="replace"))
        except OSError:
            return
        before = self._measured
        jumped = measured_mc == _POWER_ON_MC and (before is None or before[0] < _NEAR_MC)
        if measured_mc is None or jumped:
            return
        self._measured = (measured_mc, self._loop.time())
        if before is None or before[0] != measured_mc:
            self._changed()


def check_sensor(file: Path, connector: int) -> None:
    """Raise DeviceUnavailable where there is no such sensor, or nobody may read it."""
    device = f"thermometer of connector {connector}"
    bus = file.parent.parent
    try:
        with file.open():
            return
    except PermissionError as error:
        raise DeviceUnavailable(device, f"{file} may not be read", "chmod a+r, or run as root") from error
    except FileNotFoundError as error:
        if not bus.is_dir():
            next_step = "put dtoverlay=w1-gpio into config.txt and reboot"
            raise DeviceUnavailable(device, f"there is no 1-wire bus ({bus})", next_step) from error
        next_step = f"check its wiring; ls {bus} shows the sensors"
        raise DeviceUnavailable(device, f"{file} does not exist", next_step) from error
    except OSError as error:
        raise DeviceUnavailable(device, f"{file}: {error.strerror}", "check the sensor's wiring") from error
