"""Every family over the wire: each quantity is where its manual has it."""

from pathlib import Path

import pytest

from hal.meters.modbus_meter import MeterConfig
from hal.meters.opening import open_meters
from hal.values import MeterReading
from tests.hal.contract.rig import until
from tests.hal.meters.line import line_of, simulated, until_read
from tests.hal.simulators.modbus_meter import LAYOUTS, SimulatedBus
from tests.hal.simulators.plugged import plugged
from tests.virtual_time import run_virtual

VOLTAGE_MV = (231_000, 232_000, 229_000)
CURRENT_MA = (16_000, 15_000, 14_000)
POWER_W = (3_696, 3_480, 3_206)


async def reading_of(family: str) -> MeterReading:
    meter = simulated(family, energy_wh=12_345_500)
    meter.measure(energy_wh=12_345_500, voltage_mv=VOLTAGE_MV, current_ma=CURRENT_MA)
    async with line_of(meter) as line:
        await until_read(line.meter)
        reading = line.meter.read()
        assert reading is not None
        return reading


@pytest.mark.parametrize("family", LAYOUTS)
def test_everything_that_a_family_measures_is_told(family: str) -> None:
    reading = run_virtual(reading_of(family))
    layout = LAYOUTS[family]
    phases = 0 if layout.volts is None else layout.phases
    assert reading.energy_wh == 12_345_500
    assert reading.power_w == sum(POWER_W[: layout.phases])
    assert reading.voltage_mv == (VOLTAGE_MV[:phases] or None)
    assert reading.current_ma == (CURRENT_MA[:phases] or None)
    assert reading.phase_power_w == (POWER_W if layout.watts[0] else None)
    assert reading.frequency_mhz == (None if layout.hertz is None else 50_000)


@pytest.mark.parametrize("family", LAYOUTS)
async def test_every_family_is_read_over_a_serial_line(tmp_path: Path, family: str) -> None:
    meter = simulated(family, energy_wh=12_345_500)
    bus = SimulatedBus([meter], lambda data: device.send(data))
    config = MeterConfig(connector=1, model=meter.layout.model, port=str(tmp_path / "meter"))
    with plugged(tmp_path / "meter", bus.receive) as device:
        async with open_meters([config]) as meters:
            await until(lambda: meters[1].read() is not None, within_s=30)
            reading = meters[1].read()
            assert reading is not None and reading.energy_wh == 12_345_500
