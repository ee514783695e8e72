"""The wall clock of a running daemon, stepped by libfaketime; its monotonic clock stays what it is.

The kernel is not stepped, so it gives no notice either: a step is seen when the daemon next asks for the time.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from cpd.clock import SystemClock

_LIBRARIES = sorted(Path("/usr").glob("lib*/**/faketime/libfaketimeMT.so.1")) + sorted(
    Path("/usr/local/lib").glob("faketime/libfaketimeMT.so.1")
)

needs_faketime = pytest.mark.skipif(
    not _LIBRARIES, reason="faketime is not installed: sudo apt install faketime (make test does it for root)"
)


class WallClock:
    """What the system's clock shows to the processes that are started with `environment`."""

    def __init__(self, folder: Path, shown: datetime | None = None) -> None:
        """It shows *shown* (None: the right time), and runs."""
        folder.mkdir(exist_ok=True)
        self._file = folder / "faketime"
        self._error_s = 0
        self.shows(SystemClock().now() if shown is None else shown)

    @property
    def environment(self) -> Mapping[str, str]:
        """Without its cache the library reads the file at each look at the clock."""
        return {
            "LD_PRELOAD": str(_LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def shows(self, at: datetime) -> None:
        """From now on it shows *at*, and runs."""
        self._error_s = round((at - SystemClock().now()).total_seconds())
        self.off_by(0)

    def off_by(self, by_s: int) -> None:
        """From now on it shows *by_s* seconds more than what it began with."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{self._error_s + by_s:+d}\n", encoding="ascii")
        # At once: a half-written file would be another time.
        fresh.replace(self._file)
