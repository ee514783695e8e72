"""What a charger writes on its SD card, counted at the card's own device: the file system's journal is in it.

All that is written is given to the card each half minute of virtual time, as the kernel does it at the latest.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.card import Card, apart, card, in_memory
from tests.scenarios.meter_frames import TAG
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

HOUR_S = 3_600
FLUSH_S = 30
CHARGING_BYTES = 1_000_000
IDLE_BYTES = 100_000
"""Bytes in an hour, at most."""

Record = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def day(request: pytest.FixtureRequest) -> dict[str, int]:
    """Hours of idling and of charging, each with and without a link: a day, or with --torture a day of each."""
    if request.config.getoption("--torture"):
        return dict.fromkeys(("idle offline", "idle", "charging", "charging offline"), 24)
    return {"idle offline": 6, "idle": 12, "charging": 3, "charging offline": 3}


async def written(here: Site, disk: Card, hours: int) -> list[int]:
    """Bytes that each of the next *hours* costs."""
    counts = []
    for _ in range(hours):
        before = disk.written_bytes()
        for _ in range(0, HOUR_S, FLUSH_S):
            await here.clock.sleep(FLUSH_S)
            disk.flush()
        counts.append(disk.written_bytes() - before)
        here.log.entries.clear()
    return counts


def test_a_day_wears_no_sd_card_out(tmp_path: Path, day: dict[str, int], record_property: Record) -> None:
    async def scenario() -> dict[str, list[int]]:
        # The register of the mock meter is not the charger's: a real one counts by itself.
        with card(tmp_path / "card") as disk, in_memory(disk.folder / "hal", megabytes=1):
            async with site(disk.folder) as here:
                counts = {}
                for part, hours in day.items():
                    here.network.up = True
                    if part == "charging":
                        await here.charge(TAG)
                    if part.endswith("offline"):
                        here.network.cut()
                    # What begins and ends a part is not what it costs.
                    await here.clock.sleep(60)
                    disk.flush()
                    counts[part] = await written(here, disk, hours)
                return counts

    counts = apart(lambda: run_virtual(scenario()))
    for part, each in counts.items():
        record_property(f"bytes on the card in an hour of {part}", sum(each) // len(each))
        allowed = IDLE_BYTES if part.startswith("idle") else CHARGING_BYTES
        assert max(each) <= allowed, f"{part}: {each}"
