"""The parts of one outlet on the header: opened in the order in which they are safe, and examined."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from hal.board import CardReader, Meter, Pilot
from hal.boards.gpio import contactor, contacts, plug_lock
from hal.boards.gpio.chip import GpioChip
from hal.boards.gpio.contactor import GpioContactor
from hal.boards.gpio.contacts import GpioEmergencyStop, GpioStopButton
from hal.boards.gpio.ground_fault import GpioGroundFault
from hal.boards.gpio.light import GpioLight
from hal.boards.gpio.lines import UNSETTLED_S, Contact, Output
from hal.boards.gpio.pins import GpioOutletConfig
from hal.boards.gpio.plug_lock import GpioPlugLock
from hal.boards.gpio.proximity import ProximitySensor
from hal.boards.gpio.thermometer import OneWireThermometer
from hal.examination import Finding, Health


class PilotDevice(Pilot, Protocol):
    """The pilot of a raw board: it samples on its own thread once it is started, until it is closed."""

    def start(self, changed: Callable[[], None]) -> None:
        """Call *changed* on the loop for each new sample from now on."""

    @property
    def is_up_to_date(self) -> bool:
        """True while its thread samples in time."""

    def examine(self) -> tuple[Finding, ...]:
        """What is measured of it now."""

    def close(self) -> None:
        """Stop sampling; the output stays as it was driven last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioOutlet:
    """A `hal.board.OutletBoard`, and what its board needs of it besides."""

    connector: int
    config: GpioOutletConfig
    inputs: Mapping[str, Contact]
    pilot: PilotDevice
    contactor: GpioContactor
    lock: GpioPlugLock | None
    cable: ProximitySensor | None
    ground_fault: GpioGroundFault | None
    emergency_stop: GpioEmergencyStop | None
    stop_button: GpioStopButton | None
    thermometer: OneWireThermometer | None
    meter: Meter | None
    reader: CardReader | None
    light: GpioLight | None
    changes: "Changes"

    def watch(self, changed: Callable[[], None]) -> None:
        """Call *changed* on the loop whenever a part shows something new."""
        self.changes.watcher = changed
        self.pilot.start(changed)

    def look(self) -> None:
        """Read every contact, so that one whose edge was lost is seen all the same."""
        for contact in self.inputs.values():
            contact.look()

    def examine(self) -> Iterator[Finding]:
        """What only this board knows of its parts."""
        yield from self.pilot.examine()
        levels = {part: _level(contact) for part, contact in self.inputs.items()}
        lost = [part for part, level in levels.items() if level == "?"]
        yield Finding(
            part="GPIO pins",
            connector=self.connector,
            health=Health.FAILED if lost else Health.OK,
            evidence=", ".join(
                f"{part} GPIO{self.config.contacts[part]} {level}" for part, level in levels.items()
            ),
            next_step="restart the guard; if it stays, the GPIO chip is broken" if lost else "",
        )
        if self.stop_button is not None and self.stop_button.held():
            yield Finding(
                part="stop button",
                connector=self.connector,
                health=Health.WARNING,
                evidence="held down, or its wire touches ground",
                next_step="release it, or check its wire",
            )


class Changes:
    """Who is told of what the parts of one outlet show, once somebody watches."""

    def __init__(self) -> None:
        self.watcher: Callable[[], None] = lambda: None

    def tell(self) -> None:
        """A part shows something new."""
        self.watcher()


def open_power_outputs(
    chip: GpioChip, connector: int, config: GpioOutletConfig, opened: ExitStack
) -> Mapping[str, Output]:
    """What lets current flow: low from now on, and low when *opened* ends. Raises DeviceUnavailable."""
    return {
        part: _closing(chip.output(part, connector, pin), opened)
        for part, pin in config.power_outputs.items()
    }


def open_emergency_stops(
    chip: GpioChip, outlets: Mapping[int, GpioOutletConfig], opened: ExitStack
) -> Mapping[int, Contact]:
    """The circuits of the emergency stops of *outlets* by pin, open until *opened* ends. Raises DeviceUnavailable."""
    circuits: dict[int, Contact] = {}
    for connector, config in outlets.items():
        pin = config.emergency_stop
        if pin is not None and pin not in circuits:
            circuits[pin] = chip.contact(
                "emergency stop",
                connector,
                pin,
                settle_s=contacts.TRIP_SETTLE_S,
                unsettled_s=contacts.TRIP_UNSETTLED_S,
            )
            opened.callback(circuits[pin].close)
    return circuits


def open_outlet(
    chip: GpioChip,
    connector: int,
    config: GpioOutletConfig,
    *,
    power: Mapping[str, Output],
    pilot: PilotDevice,
    cable: ProximitySensor | None,
    thermometer: OneWireThermometer | None,
    meter: Meter | None,
    reader: CardReader | None,
    circuit: Contact | None,
    changes: Changes,
    opened: ExitStack,
) -> GpioOutlet:
    """The outlet of *config*, its remaining pins open until *opened* ends. Raises DeviceUnavailable.

    *circuit* is that of its emergency stop, open already.
    """

    def output(part: str) -> Output | None:
        pin = config.other_outputs.get(part)
        return None if pin is None else _closing(chip.output(part, connector, pin), opened)

    def contact(part: str, settle_s: float, unsettled_s: float = UNSETTLED_S) -> Contact | None:
        pin = config.contacts.get(part)
        if pin is None:
            return None
        made = chip.contact(part, connector, pin, settle_s=settle_s, unsettled_s=unsettled_s)
        opened.callback(made.close)
        inputs[part] = made
        return made

    inputs: dict[str, Contact] = {}
    mirror = contact("feedback", contactor.SETTLE_S)
    assert mirror is not None
    motor_in, motor_out, bolt = (
        output("lock in"),
        output("lock out"),
        contact("lock feedback", plug_lock.SETTLE_S),
    )
    lock = None
    if motor_in is not None and motor_out is not None and bolt is not None:
        lock = GpioPlugLock(motor_in, motor_out, bolt, changed=changes.tell)
        opened.callback(lock.close)
    test = output("ground fault test")
    leak = contact("ground fault", contacts.TRIP_SETTLE_S, contacts.TRIP_UNSETTLED_S)
    ground_fault = None
    if leak is not None:
        ground_fault = GpioGroundFault(leak, test, changed=changes.tell)
        opened.callback(ground_fault.close)
    if circuit is not None:
        inputs["emergency stop"] = circuit
    button = contact("stop button", contacts.BUTTON_SETTLE_S)
    mirror.watch(changes.tell)
    return GpioOutlet(
        connector=connector,
        config=config,
        inputs=inputs,
        pilot=pilot,
        contactor=GpioContactor(
            power["contactor"],
            power["heartbeat"],
            mirror,
            closed_level=config.feedback_closed,
            phase_relay=power.get("phase relay"),
        ),
        lock=lock,
        cable=cable,
        ground_fault=ground_fault,
        emergency_stop=None if circuit is None else GpioEmergencyStop(circuit, changed=changes.tell),
        stop_button=None if button is None else GpioStopButton(button),
        thermometer=thermometer,
        meter=meter,
        reader=reader,
        light=_light(chip, connector, config, output("buzzer"), opened),
        changes=changes,
    )


def _light(
    chip: GpioChip, connector: int, config: GpioOutletConfig, buzzer: Output | None, opened: ExitStack
) -> GpioLight | None:
    pins = [(part, config.other_outputs.get(part)) for part in ("red LED", "green LED", "blue LED")]
    leds = [None if pin is None else chip.led(part, connector, pin) for part, pin in pins]
    for led in leds:
        if led is not None:
            opened.callback(led.close)
    return GpioLight(leds, buzzer) if any(leds) or buzzer is not None else None


def _closing(output: Output, opened: ExitStack) -> Output:
    opened.callback(output.close)
    return output


def _level(contact: Contact) -> str:
    closed = contact.is_closed()
    return "?" if closed is None else "low" if closed else "high"
