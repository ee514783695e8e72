"""What stops the start and what does not; several meters on one line; and real serial ports."""

import asyncio
import logging
import os
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hal.errors import DeviceUnavailable
from hal.examination import Health
from hal.meters.modbus_meter import MeterConfig
from hal.meters.opening import open_meters
from hal.serving import serving
from tests.hal.contract.rig import until
from tests.hal.meters.line import FULL, line_of, simulated, until_read
from tests.hal.simulators.modbus_meter import SimulatedBus
from tests.hal.simulators.plugged import plugged
from tests.hal.simulators.virtual_device import PORT
from tests.virtual_time import run_virtual


async def test_a_port_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    config = MeterConfig(connector=1, model="sdm630", port=str(tmp_path / "absent"))
    with pytest.raises(DeviceUnavailable, match="no such device"):
        async with open_meters([config]):
            pass


async def test_an_unknown_model_stops_the_start_before_any_port_is_opened(tmp_path: Path) -> None:
    config = MeterConfig(connector=1, model="sdm603", port=str(tmp_path / "absent"))
    with pytest.raises(DeviceUnavailable, match='Did you mean "sdm630"'):
        async with open_meters([config]):
            pass


def test_a_meter_that_is_dark_does_not_stop_the_start() -> None:
    async def run() -> None:
        meter = simulated()
        meter.dark = True
        async with line_of(meter) as line:
            await asyncio.sleep(60)
            assert line.meter.read() is None
            (finding,) = line.meter.examine()
            assert (finding.health, "never read" in finding.evidence) == (Health.FAILED, True)
            assert "ex works 9600" in finding.next_step
            meter.dark = False
            await until_read(line.meter)

    run_virtual(run())


@pytest.mark.parametrize("behind_contactor", [False, True])
def test_a_meter_whose_adapter_is_gone_is_told_by_its_line(behind_contactor: bool) -> None:
    async def run() -> None:
        like = MeterConfig(connector=1, model="", port=PORT, behind_contactor=behind_contactor)
        async with line_of(simulated(), like=like) as line:
            line.device.pull_out()
            await asyncio.sleep(30)
            (finding,) = line.meter.examine()
            assert finding.health is Health.FAILED
            assert "the line is not open: no such device" in finding.evidence
            assert finding.next_step == "see what is there: ls /dev/serial/by-id"
            line.device.plug_in()
            await until_read(line.meter)
            assert line.meter.examine()[0].health is Health.OK

    run_virtual(run())


def test_a_meter_that_is_dark_behind_the_contactor_is_well() -> None:
    async def run() -> None:
        meter = simulated()
        meter.dark = True
        like = MeterConfig(connector=1, model="", port="", behind_contactor=True)
        async with line_of(meter, like=like) as line:
            await asyncio.sleep(60)
            assert line.meter.examine()[0].health is Health.OK
            meter.dark = False
            await until_read(line.meter, within_s=8)

    run_virtual(run())


def test_a_line_that_is_pulled_out_is_silence_until_it_is_back() -> None:
    async def run() -> None:
        async with line_of(simulated()) as line:
            await until_read(line.meter)
            line.device.pull_out()
            await until(lambda: line.meter.read() is None, within_s=4)
            await asyncio.sleep(60)
            assert line.meter.read() is None
            line.device.plug_in()
            await until_read(line.meter, within_s=8)

    run_virtual(run())


def test_meters_on_one_line_are_read_each_with_its_own_unit_and_family() -> None:
    async def run() -> None:
        first = simulated("eastron_sdm630", unit=1, energy_wh=1_000_000)
        second = simulated("phoenix_eem350", unit=7, energy_wh=2_000_000)
        async with line_of(first, second) as line:
            for number, energy_wh in ((1, 1_000_000), (2, 2_000_000)):
                await until_read(line.meters[number])
                reading = line.meters[number].read()
                assert reading is not None
                assert (reading.energy_wh, reading.voltage_mv) == (energy_wh, FULL["voltage_mv"])

    run_virtual(run())


def test_dead_meters_do_not_starve_the_others_on_their_line() -> None:
    async def run() -> None:
        alive = [simulated(unit=unit) for unit in (1, 2)]
        dead = [simulated(unit=unit) for unit in (3, 4, 5)]
        for meter in dead:
            meter.dark = True
        async with line_of(*alive, *dead) as line:
            for number in (1, 2):
                await until_read(line.meters[number])
            loop = asyncio.get_running_loop()
            end_s = loop.time() + 60
            while loop.time() < end_s:
                assert all(line.meters[number].read() for number in (1, 2))
                await asyncio.sleep(0.05)
            assert line.bus.asked.count((3, 4, 0x00, 18)) < 20
            dead[0].dark = False
            await until_read(line.meters[3])

    run_virtual(run())


async def test_a_meter_on_a_real_port_is_read_on_any_thread(tmp_path: Path) -> None:
    bus = SimulatedBus([simulated()], lambda data: device.send(data))
    with plugged(tmp_path / "tty", bus.receive) as device:
        config = MeterConfig(connector=1, model="sdm630", port=str(device.port), parity="E")
        async with open_meters([config]) as meters:
            await until_read(meters[1])
            seen: list[object] = []
            thread = threading.Thread(target=lambda: seen.append(meters[1].read()))
            thread.start()
            thread.join()
            assert seen == [meters[1].read()]


@contextmanager
def two_ends() -> Iterator[tuple[str, str]]:
    """The names of two ports, joined by a cable."""
    pairs = [os.openpty(), os.openpty()]
    for far, near in pairs:
        tty.setraw(near)
        os.set_blocking(far, False)
    loop = asyncio.get_running_loop()
    (one, _), (other, _) = pairs
    loop.add_reader(one, lambda: os.write(other, os.read(one, 4096)))
    loop.add_reader(other, lambda: os.write(one, os.read(other, 4096)))
    try:
        yield os.ttyname(pairs[0][1]), os.ttyname(pairs[1][1])
    finally:
        for far, near in pairs:
            loop.remove_reader(far)
            os.close(far)
            os.close(near)


async def test_another_implementation_of_modbus_is_understood() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    values = {
        0: 230.5,
        2: 231.0,
        4: 229.5,
        6: 16.0,
        8: 15.5,
        10: 14.0,
        0x34: 10_500.0,
        0x46: 50.0,
        0x48: 12_345.5,
    }
    registers = [
        SimData(address, values=values.get(address, 0.0), datatype=DataType.FLOAT32)
        for address in range(0, 0x4A, 2)
    ]
    with two_ends() as (ours, theirs):
        server = ModbusSerialServer(SimDevice(id=9, simdata=registers), port=theirs, baudrate=9600)
        async with serving(server.serve_forever()):
            config = MeterConfig(connector=1, model="sdm630", port=ours, unit=9)
            async with open_meters([config]) as meters:
                await until_read(meters[1])
                reading = meters[1].read()
                assert reading is not None
                assert reading.voltage_mv == (230_500, 231_000, 229_500)
                assert reading.current_ma == (16_000, 15_500, 14_000)
                assert (reading.power_w, reading.frequency_mhz) == (10_500, 50_000)
                assert reading.energy_wh == 12_345_500
            await server.shutdown()
