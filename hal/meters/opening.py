"""Open the configured meters, and ask them for as long as they are wanted."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from hal.meters.bus import BusTimings, ModbusBus
from hal.meters.modbus_meter import MeterConfig, ModbusMeter
from hal.serial_line import OpenPort, open_port
from hal.serving import pause, serving

GIVES_WAY_S = 10.0
"""A meter that fails gives way to the others on its line for no longer than this."""


def _port_with(parity: str) -> OpenPort:
    return partial(open_port, parity=parity)


@asynccontextmanager
async def open_meters(
    configs: Sequence[MeterConfig],
    *,
    port_with: Callable[[str], OpenPort] = _port_with,
) -> AsyncIterator[Mapping[int, ModbusMeter]]:
    """The meters by connector, asked on the loop that this is entered on; they may be read on any thread.

    Meters on one port share it, with the baudrate and the parity of the first; *port_with* opens a port of a parity.
    Raises DeviceUnavailable where a model is not known or a port cannot be opened. A meter that does not answer is
    no reason to stop: it may have power only while something charges.
    """
    buses: dict[str, ModbusBus] = {}
    lines: dict[str, list[ModbusMeter]] = {}
    for config in configs:
        if config.port not in buses:
            buses[config.port] = ModbusBus(
                config.port,
                baudrate=config.baudrate,
                timings=BusTimings(),
                open_port=port_with(config.parity),
            )
        lines.setdefault(config.port, []).append(ModbusMeter(config, buses[config.port]))
    with ExitStack() as opened:
        for bus in buses.values():
            opened.callback(bus.close)
            bus.open()
        async with serving(
            *(bus.run() for bus in buses.values()), *(_ask(bus, lines[port]) for port, bus in buses.items())
        ):
            yield {meter.config.connector: meter for sharing in lines.values() for meter in sharing}


async def _ask(bus: ModbusBus, meters: Sequence[ModbusMeter]) -> None:
    """Ask that meter next whose turn it is, for ever."""
    while True:
        meter = min(meters, key=_turn)
        await pause(meter.due_in_s)
        await bus.until_open()
        await meter.poll()


def _turn(meter: ModbusMeter) -> tuple[bool, float]:
    """Who is due first goes first, but a meter that fails after those that answer: waiting for it takes long."""
    gives_way = meter.fails and meter.due_in_s > -GIVES_WAY_S
    is_due = meter.due_in_s <= 0
    return not is_due or gives_way, meter.due_in_s
