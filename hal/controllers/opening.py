"""Open a controller on its line and have it served: held and locked before anybody can use it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hal.board import CardReader, Meter
from hal.controllers.controlled_outlet import ControlledOutlet
from hal.controllers.openevse import OpenEvse
from hal.controllers.simpleevse import SimpleEvse
from hal.errors import BackendUnknown, DeviceUnavailable
from hal.latches import Latches
from hal.outlet.config import OutletConfig
from hal.serial_line import OpenPort, SerialLine, open_port
from hal.serving import serving

START_S = 10.0
"""A controller that has not said what it does by then is not there, or is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerConfig:
    """A controller of *kind* `openevse` or `simpleevse` at *port*; *unit* is its Modbus address."""

    kind: str
    port: str
    baudrate: int
    outlet: OutletConfig
    unit: int = 1


@asynccontextmanager
async def open_controller(
    config: ControllerConfig,
    *,
    latches: Latches,
    meter: Meter | None = None,
    reader: CardReader | None = None,
    open_port: OpenPort = open_port,
) -> AsyncIterator[ControlledOutlet]:
    """The outlet of *config*, running; however the body ends, the controller is told to open at the end.

    *meter* is read instead of the controller's own. Raises DeviceUnavailable where the line cannot be opened, or
    nothing that fits answers on it.
    """
    outlet: ControlledOutlet
    controller: OpenEvse | SimpleEvse
    match config.kind:
        case "openevse":
            controller = OpenEvse(
                config.outlet, config.port, hurried=lambda: outlet.hurried, changed=lambda: outlet.look()
            )
        case "simpleevse":
            controller = SimpleEvse(
                config.outlet,
                config.port,
                unit=config.unit,
                hurried=lambda: outlet.hurried,
                changed=lambda: outlet.look(),
            )
        case _:
            raise BackendUnknown(f"controller {config.kind!r} is unknown; allowed: openevse, simpleevse")
    outlet = ControlledOutlet(config.outlet, controller, latches=latches, meter=meter, reader=reader)
    line = SerialLine(
        config.port,
        baudrate=config.baudrate,
        received=controller.received,
        changed=controller.line_changed,
        open_port=open_port,
    )
    controller.attach(line)
    line.open()
    async with serving(line.run()):
        try:
            async with serving(outlet.run()):
                await _answered(config, outlet)
                yield outlet
        finally:
            await outlet.release()


async def _answered(config: ControllerConfig, outlet: ControlledOutlet) -> None:
    try:
        async with asyncio.timeout(START_S):
            await outlet.heard()
    except TimeoutError:
        raise DeviceUnavailable(
            config.port,
            f"no {config.kind} answers: {outlet.trouble}",
            "look at its power, RX and TX, baudrate and unit",
        ) from None
