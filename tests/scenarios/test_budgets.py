"""What many hours cost: bytes for an SD card to wear out on, commits, memory, and a store that does not grow."""

from pathlib import Path

import pytest

from tests.scenarios.meter_frames import TAG
from tests.scenarios.site import Site, site
from tests.scenarios.traffic import Commits, kept_pages, remembered, written_bytes
from tests.virtual_time import run_virtual

HOUR_S = 3_600
MB = 1_000_000
EVERYTHING = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"

pytestmark = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the kernel counts no writes")


@pytest.fixture
def charging_hours(request: pytest.FixtureRequest) -> int:
    return 200 if request.config.getoption("--torture") else 2


@pytest.fixture
def many_hours(request: pytest.FixtureRequest) -> int:
    return 200 if request.config.getoption("--torture") else 75


def test_idle_hours_write_next_to_nothing(tmp_path: Path, many_hours: int) -> None:
    async def scenario() -> None:
        keys = f'ClockAlignedDataInterval = 900\nMeterValuesAlignedData = "{EVERYTHING}"'
        async with site(tmp_path, ocpp=keys) as here:
            written = written_bytes()
            pages = kept_pages(here)
            await here.clock.sleep(many_hours * HOUR_S)
            # Once an hour what was said to the CSMS: 1.4 kB, which is a block of the card.
            assert written_bytes() - written < many_hours * 2_000
            assert kept_pages(here) == pages

    run_virtual(scenario())


def test_a_charging_hour_has_twelve_commits_while_the_csms_answers(
    tmp_path: Path, charging_hours: int
) -> None:
    async def scenario() -> None:
        keys = (
            "MeterValueSampleInterval = 60\nClockAlignedDataInterval = 900\n"
            f'MeterValuesSampledData = "{EVERYTHING}"\nMeterValuesAlignedData = "{EVERYTHING}"\n'
        )
        async with site(tmp_path, connectors=2, ocpp=keys) as here:
            await here.charge(TAG, 1)
            await here.charge("OTHER", 2)
            await here.clock.sleep(60)
            commits, written = Commits(here.folder / "cpd.db"), written_bytes()
            committed = 0
            for _ in range(charging_hours):
                await here.clock.sleep(HOUR_S)
                committed += commits.since()
                here.log.entries.clear()
            assert 11 * charging_hours <= committed <= 12 * charging_hours + 1
            assert written_bytes() - written < 25 * MB * charging_hours / 200

    run_virtual(scenario())


async def session(here: Site) -> None:
    await here.charge(TAG)
    await here.clock.sleep(65)
    here.world.swipe(TAG)
    await here.status("Finishing")
    here.world.plug_out(1)
    await here.status("Available")


def test_sessions_of_many_days_leave_nothing_behind(tmp_path: Path, many_hours: int) -> None:
    async def scenario() -> None:
        keys = f'MeterValueSampleInterval = 20\nStopTxnSampledData = "{EVERYTHING}"'
        async with site(tmp_path, ocpp=keys, store="keep_days = 1") as here:
            held = pages = 0
            for hour in range(many_hours):
                if hour % 5 == 0:
                    await session(here)
                await here.clock.sleep(HOUR_S)
                if hour == 50:
                    held, pages = remembered(), kept_pages(here)
            assert abs(remembered() - held) < 20
            assert kept_pages(here) <= pages + 2
            told = await here.control("transactions.list", limit=1_000)
            assert 5 <= len(told["transactions"]) <= 10

    run_virtual(scenario())
