"""The controllers on real serial ports, in real time: what a loop on virtual time cannot show."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.controllers.opening import ControllerConfig, open_controller
from hal.errors import BackendUnknown, DeviceUnavailable
from hal.latches import Latches
from hal.outlet.config import OutletConfig
from hal.values import PilotState
from tests.hal.simulators.openevse import OpenEvseSimulator
from tests.hal.simulators.plugged import plugged
from tests.hal.simulators.simpleevse import SimpleEvseSimulator

SIMULATORS: dict[str, type[OpenEvseSimulator] | type[SimpleEvseSimulator]] = {
    "openevse": OpenEvseSimulator,
    "simpleevse": SimpleEvseSimulator,
}


def config(kind: str, port: Path) -> ControllerConfig:
    return ControllerConfig(kind=kind, port=str(port), baudrate=9_600, outlet=OutletConfig(id=1, lock=False))


@pytest.mark.parametrize("kind", SIMULATORS)
async def test_a_controller_is_found_followed_pulled_out_and_found_again(kind: str, tmp_path: Path):
    port = tmp_path / "tty"
    heard: list[Callable[[bytes], None]] = []
    with plugged(port, lambda data: heard[0](data)) as device:
        simulator = SIMULATORS[kind](device.send)
        heard.append(simulator.received)
        latches = Latches.load(tmp_path / "state")
        async with asyncio.timeout(30), open_controller(config(kind, port), latches=latches) as evse:
            events = evse.events()
            simulator.vehicle.plug_in()
            while evse.snapshot().pilot is not PilotState.B:
                await anext(events)
            device.pull_out()
            simulator.vehicle.plug_out()
            device.plug_in()
            while evse.snapshot().pilot is not PilotState.A:
                await anext(events)
        await latches.flush()
    assert simulator.advertised_ma == 0


@pytest.mark.parametrize("kind", SIMULATORS)
async def test_a_port_that_is_not_there_stops_the_start(kind: str, tmp_path: Path):
    latches = Latches.load(tmp_path / "state")
    with pytest.raises(DeviceUnavailable, match="no such device"):
        async with open_controller(config(kind, tmp_path / "tty"), latches=latches):
            raise AssertionError("it was opened")


async def test_no_other_kind_is_taken_for_one_of_these(tmp_path: Path):
    with pytest.raises(BackendUnknown, match="allowed: openevse, simpleevse"):
        async with open_controller(config("yeti", tmp_path / "tty"), latches=Latches.load(tmp_path)):
            raise AssertionError("it was opened")
