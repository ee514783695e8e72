"""What every family of meters does: true readings with their age, silence instead of old numbers, recovery."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hal.values import MeterReading
from tests.hal.contract.discovery import METER_SIMULATOR, meter_families, simulator
from tests.hal.contract.rig import MeterRig, until
from tests.hal.contract.test_evse import all_are_told_well

READS_S = 6.0
"""A register may be read less often than voltage and current."""
STALE_S = 3.0

every_family = pytest.mark.parametrize("family", meter_families())


def on(family: str, tmp_path: Path, test: Callable[[MeterRig], Awaitable[None]]) -> None:
    """Run *test* on a meter of *family*."""
    simulated = simulator(METER_SIMULATOR)

    async def opened() -> None:
        async with simulated.meter_rig(tmp_path, family) as rig:
            rig.measure(energy_wh=120_000, voltage_mv=[230_000] * rig.phases, current_ma=[0] * rig.phases)
            await test(rig)

    simulated.run(opened())


def shows(rig: MeterRig, field: str, wanted: int, *, within: float) -> bool:
    """The reading has *field*, total or of every phase, within a share of *wanted*."""
    reading = rig.meter.read()
    value = None if reading is None else getattr(reading, field)
    values = value if isinstance(value, tuple) else (value,)
    return all(one is not None and abs(one - wanted) <= within * wanted for one in values)


@every_family
def test_what_is_measured_is_read_in_its_units(family: str, tmp_path: Path) -> None:
    async def measured(rig: MeterRig) -> None:
        rig.measure(energy_wh=1_234_500, voltage_mv=[231_000] * rig.phases, current_ma=[15_900] * rig.phases)
        power_w = 231 * 159 * rig.phases // 10
        await until(lambda: shows(rig, "power_w", power_w, within=0.01), within_s=READS_S)
        if "voltage_mv" in rig.shows:
            assert shows(rig, "voltage_mv", 231_000, within=0.005)
        if "current_ma" in rig.shows:
            assert shows(rig, "current_ma", 15_900, within=0.01)
        await until(lambda: energy_wh(rig.meter.read()) == truncated(1_234_500, rig), within_s=READS_S)
        for field in {"voltage_mv", "current_ma"} - set(rig.shows):
            assert getattr(rig.meter.read(), field) is None

    on(family, tmp_path, measured)


@every_family
def test_a_reading_is_never_older_than_it_may_be(family: str, tmp_path: Path) -> None:
    async def watched(rig: MeterRig) -> None:
        loop = asyncio.get_running_loop()
        await until(lambda: rig.meter.read() is not None, within_s=READS_S)
        end_s = loop.time() + 12
        while loop.time() < end_s:
            reading = rig.meter.read()
            assert reading is not None
            assert 0 <= loop.time() - reading.at_s <= STALE_S
            await asyncio.sleep(0.1)

    on(family, tmp_path, watched)


@every_family
def test_a_silent_meter_is_silent_and_comes_back_by_itself(family: str, tmp_path: Path) -> None:
    async def silent(rig: MeterRig) -> None:
        await until(lambda: rig.meter.read() is not None, within_s=READS_S)
        rig.answer(False)
        await until(lambda: rig.meter.read() is None, within_s=STALE_S + 1.5)
        assert all_are_told_well(rig.examine())
        rig.answer(True)
        await until(lambda: rig.meter.read() is not None, within_s=10)

    on(family, tmp_path, silent)


@every_family
def test_whoever_looks_is_told_of_the_meter(family: str, tmp_path: Path) -> None:
    async def examined(rig: MeterRig) -> None:
        await until(lambda: rig.meter.read() is not None, within_s=READS_S)
        assert all_are_told_well(rig.examine())

    on(family, tmp_path, examined)


def energy_wh(reading: MeterReading | None) -> int | None:
    return None if reading is None else reading.energy_wh


def truncated(wh: int, rig: MeterRig) -> int:
    return wh // rig.step_wh * rig.step_wh
