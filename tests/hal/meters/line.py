"""Meters on a simulated line with their drivers, on virtual time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from hal.meters.modbus_meter import MeterConfig, ModbusMeter
from hal.meters.opening import open_meters
from tests.hal.contract.rig import until
from tests.hal.simulators.modbus_meter import LAYOUTS, SimulatedBus, SimulatedMeter
from tests.hal.simulators.virtual_device import PORT, VirtualDevice, virtual_device

FULL = {"voltage_mv": (231_000, 232_000, 229_000), "current_ma": (16_000, 15_000, 14_000)}
"""What the simulated meters measure, if nothing else is said; no two numbers are alike."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The *device* is the adapter of the *bus*; *meters* are the drivers by connector."""

    bus: SimulatedBus
    device: VirtualDevice
    meters: Mapping[int, ModbusMeter]

    @property
    def meter(self) -> ModbusMeter:
        return self.meters[1]


def simulated(
    family: str = "eastron_sdm630", *, unit: int = 1, energy_wh: int = 12_345_000
) -> SimulatedMeter:
    """A meter of *family* at which current flows."""
    meter = SimulatedMeter(layout=LAYOUTS[family], unit=unit)
    meter.measure(energy_wh=energy_wh, **FULL)
    return meter


@asynccontextmanager
async def line_of(*simulated: SimulatedMeter, like: MeterConfig | None = None) -> AsyncIterator[Line]:
    """The drivers of *simulated* at connectors 1 … n; *like* is what their configurations have besides."""
    like = like or MeterConfig(connector=1, model="", port=PORT)
    bus = SimulatedBus(simulated, lambda data: device.send(data))
    configs = [
        replace(like, connector=number, model=meter.layout.model, port=PORT, unit=meter.unit)
        for number, meter in enumerate(simulated, start=1)
    ]
    with virtual_device(bus.receive) as device:
        async with open_meters(configs, port_with=lambda parity: device.open_port) as meters:
            yield Line(bus=bus, device=device, meters=meters)


async def until_read(meter: ModbusMeter, *, within_s: float = 10.0) -> None:
    """Wait until the meter has a reading."""
    await until(lambda: meter.read() is not None, within_s=within_s)
