"""A Raspberry Pi as a board of outlets: every output is safe before anything else is opened, and after all is closed.

The pilot samples on a thread of its own. Contacts tell of themselves by edges, and are read every 20 ms besides.
What may wait for a device - lights, the proximity contact, 1-wire - has threads beside the safety loop.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from hal.board import CardReader, Meter
from hal.boards.gpio import light, thermometer
from hal.boards.gpio.adc import AdcModel, SpiAdc
from hal.boards.gpio.chip import GpioChip, open_chip
from hal.boards.gpio.firmware import check_outputs_let_go
from hal.boards.gpio.outlet import (
    Changes,
    GpioOutlet,
    PilotDevice,
    open_emergency_stops,
    open_outlet,
    open_power_outputs,
)
from hal.boards.gpio.pi_models import PiModel, pi_model
from hal.boards.gpio.pilot import open_pilot
from hal.boards.gpio.pins import GpioOutletConfig, device_name
from hal.boards.gpio.proximity import ProximitySensor
from hal.boards.gpio.side_thread import SideThread
from hal.boards.gpio.thermometer import OneWireThermometer, check_sensor
from hal.errors import DeviceUnavailable
from hal.evse import CardRead
from hal.examination import Finding, Health
from hal.iec61851 import F_NS
from hal.light import Light

LOOK_S = 0.02
"""An edge that nobody told of is seen this late."""

TELL_LOOKS = 25
"""After so many looks the outlets are looked at whole: what a meter, a reader or a thermometer shows, and that it
shows nothing any more, is told by nobody."""

PROXIMITY_S = 0.1
_PROXIMITY_SAMPLES = 15


class Beside(Protocol):
    """A small job that is done again and again beside the safety loop."""

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""


class GpioBoard:
    """A `hal.board.Board`, open. `open_board` is the way to get one."""

    def __init__(self, outlets: Mapping[int, GpioOutlet], model: str) -> None:
        self._outlets = MappingProxyType(dict(outlets))
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._looks = 0
        self._looking = self._loop.call_later(LOOK_S, self._look)

    @property
    def outlets(self) -> Mapping[int, GpioOutlet]:
        """The outlets by connector number."""
        return self._outlets

    @property
    def lights(self) -> Mapping[int, Light]:
        """The lights of those outlets that have one."""
        return {number: outlet.light for number, outlet in self._outlets.items() if outlet.light is not None}

    def watch_cards(self, presented: Callable[[CardRead], None]) -> None:
        """No reader hangs on the header: those that belong to the board tell of cards themselves."""

    def examine(self) -> tuple[Finding, ...]:
        """What only the board knows of its devices."""
        board = Finding(
            part="board",
            connector=None,
            health=Health.OK,
            evidence=f"{self._model}, outputs let go when we die",
        )
        return (board, *(finding for outlet in self._outlets.values() for finding in outlet.examine()))

    def make_safe(self) -> None:
        """Contactors open, then pilots to F."""
        self._looking.cancel()
        for outlet in self._outlets.values():
            outlet.contactor.command(False)
        for outlet in self._outlets.values():
            outlet.pilot.drive(F_NS)

    def close(self) -> None:
        """Make the outputs safe; the pins are let go by `open_board`."""
        self.make_safe()

    def _look(self) -> None:
        self._looking = self._loop.call_later(LOOK_S, self._look)
        self._looks = (self._looks + 1) % TELL_LOOKS
        for outlet in self._outlets.values():
            outlet.look()
            if self._looks == 0:
                outlet.changes.tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardParts:
    """How the parts are come by; each opener raises DeviceUnavailable. What it opens is closed with its context.

    *proximity* gives what measures some raw values at a proximity channel; *beside* (name, period in s, job) gives
    what does a job again and again.
    """

    chip: Callable[[Path], AbstractContextManager[GpioChip]]
    pilot: Callable[[int, GpioOutletConfig, Path], PilotDevice]
    proximity: Callable[[GpioOutletConfig, Path], AbstractContextManager[Callable[[], Sequence[int] | None]]]
    beside: Callable[[str, float, Callable[[], None]], Beside]


@contextmanager
def open_board(
    outlets: Mapping[int, GpioOutletConfig],
    *,
    root: Path = Path("/"),
    meters: Mapping[int, Meter] = MappingProxyType({}),
    readers: Mapping[int, CardReader] = MappingProxyType({}),
    parts: BoardParts | None = None,
) -> Iterator[GpioBoard]:
    """The board with *outlets* by connector, open on the running loop. However the body ends, its outputs are safe.

    *meters* and *readers* by connector, a reader of all under each of them. *root* is where the system's files are.
    Raises DeviceUnavailable for the first device that is missing, busy, not permitted or not safe.
    """
    parts = REAL_PARTS if parts is None else parts
    model = pi_model(root)
    _refuse_shared_pwm(outlets, model)
    check_outputs_let_go(root, is_rp1=model.has_rp1)
    for connector, config in outlets.items():
        if config.thermometer is not None:
            check_sensor(_under(root, config.thermometer), connector)
    with ExitStack() as opened:
        chip = opened.enter_context(parts.chip(root))
        power = {
            connector: open_power_outputs(chip, connector, config, opened)
            for connector, config in outlets.items()
        }
        circuits = open_emergency_stops(chip, outlets, opened)
        made = {}
        for connector, config in outlets.items():
            pilot = parts.pilot(connector, config, root)
            opened.callback(pilot.close)
            opened.callback(pilot.drive, F_NS)
            changes = Changes()
            made[connector] = open_outlet(
                chip,
                connector,
                config,
                power=power[connector],
                pilot=pilot,
                cable=_cable(config, root, parts, changes, opened),
                thermometer=_thermometer(config, root, changes),
                meter=meters.get(connector),
                reader=readers.get(connector),
                circuit=None if config.emergency_stop is None else circuits[config.emergency_stop],
                changes=changes,
                opened=opened,
            )
        for name, period_s, job in _jobs(made):
            work = parts.beside(name, period_s, job)
            work.start()
            opened.callback(work.close)
        board = GpioBoard(made, model.name)
        opened.callback(board.make_safe)
        yield board


def _refuse_shared_pwm(outlets: Mapping[int, GpioOutletConfig], model: PiModel) -> None:
    """Two pins may be the same channel of the PWM; a pin without one is refused where its pilot is opened."""
    taken: dict[int, int] = {}
    for connector, config in outlets.items():
        channel = model.pwm.channels.get(config.pilot_pwm)
        if channel in taken:
            raise DeviceUnavailable(
                device_name("pilot", connector, config.pilot_pwm),
                f"{model.name} makes the same signal there as for connector {taken[channel]}",
                "put the two pilots on GPIO18 and 19, or on 12 and 13",
            )
        if channel is not None:
            taken[channel] = connector


def _jobs(outlets: Mapping[int, GpioOutlet]) -> Iterator[tuple[str, float, Callable[[], None]]]:
    for number, outlet in outlets.items():
        if outlet.light is not None:
            yield f"light-{number}", light.TICK_S, outlet.light.tick
        if outlet.cable is not None:
            yield f"proximity-{number}", PROXIMITY_S, outlet.cable.measure
        if outlet.thermometer is not None:
            yield f"thermometer-{number}", thermometer.PERIOD_S, outlet.thermometer.measure


def _cable(
    config: GpioOutletConfig, root: Path, parts: BoardParts, changes: Changes, opened: ExitStack
) -> ProximitySensor | None:
    if config.proximity_channel is None:
        return None
    return ProximitySensor(
        opened.enter_context(parts.proximity(config, root)),
        full_scale=_adc_model(config).full_scale,
        pull_up_ohm=config.proximity_pull_up_ohm,
        changed=_on_loop(changes),
    )


def _thermometer(config: GpioOutletConfig, root: Path, changes: Changes) -> OneWireThermometer | None:
    if config.thermometer is None:
        return None
    return OneWireThermometer(_under(root, config.thermometer), changed=_on_loop(changes))


def _on_loop(changes: Changes) -> Callable[[], None]:
    """What a thread calls to tell of a change; one that outlives the loop tells nobody."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(changes.tell)

    return tell


@contextmanager
def _open_proximity(config: GpioOutletConfig, root: Path) -> Iterator[Callable[[], Sequence[int] | None]]:
    """The ADC of the pilot through a descriptor of its own: the kernel keeps the bursts of both apart."""
    assert config.proximity_channel is not None
    adc = SpiAdc(_adc_model(config), _under(root, config.spi))
    adc.open()
    try:
        yield adc.channel(config.proximity_channel, samples=_PROXIMITY_SAMPLES).read
    finally:
        adc.close()


def _adc_model(config: GpioOutletConfig) -> AdcModel:
    return AdcModel[config.adc.upper()]


def _under(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _open_pilot(connector: int, config: GpioOutletConfig, root: Path) -> PilotDevice:
    return open_pilot(connector, config, root=root)


REAL_PARTS = BoardParts(chip=open_chip, pilot=_open_pilot, proximity=_open_proximity, beside=SideThread)
"""The parts of a Raspberry Pi."""
