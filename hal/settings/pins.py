"""What a Raspberry Pi's pins and ADC channels must satisfy: none that is somebody else's.

Each is used once, but for the circuit of an emergency stop, which may be that of several outlets.
"""

from collections.abc import Iterator
from itertools import chain

from hal.settings.mistakes import KeyPath, Mistake
from hal.settings.tables import Connector, Gpio

PIN_KEYS = (
    "pilot_pwm",
    "contactor",
    "feedback",
    "heartbeat",
    "phase_relay",
    "ground_fault",
    "ground_fault_test",
    "lock_in",
    "lock_out",
    "lock_feedback",
    "emergency_stop",
    "stop_button",
    "led_red",
    "led_green",
    "led_blue",
    "buzzer",
)
"""The keys of ``[connector.gpio]`` that name a pin."""

_BUS_PINS = {"spidev0": range(7, 12), "spidev1": range(16, 22)}
"""What the kernel's SPI controllers take of the header, chip selects included."""

_ADC_CHANNELS = ("pilot_channel", "proximity_channel")


def check_gpio(connectors: tuple[Connector, ...]) -> Iterator[Mistake]:
    """What is wrong with the pins of *connectors*, all of which are on one Raspberry Pi."""
    pins: dict[int, str] = {}
    circuits: set[int] = set()
    channels: dict[tuple[str, int], str] = {}
    for gpio in (connector.gpio for connector in connectors if connector.gpio is not None):
        pins |= dict.fromkeys(_bus_pins(gpio), f"the bus of {gpio.spi}")
    for index, connector in enumerate(connectors):
        if connector.gpio is None:
            problem = 'backend = "gpio" needs the pins of this outlet.'
            remedy = "Add [connector.gpio] with its pins behind this [[connector]]."
            yield Mistake(("connector", index, "gpio"), problem, remedy)
            continue
        yield from _check_parts(connector, connector.gpio, index)
        for key in chain(PIN_KEYS, _ADC_CHANNELS):
            number: int | None = getattr(connector.gpio, key)
            path: KeyPath = ("connector", index, "gpio", key)
            if number is None or (key == "emergency_stop" and number in circuits):
                continue
            here = f"connector {connector.id}'s {key}"
            user = (
                channels.setdefault((str(connector.gpio.spi), number), here)
                if key in _ADC_CHANNELS
                else pins.setdefault(number, here)
            )
            if user != here:
                what = "channel" if key in _ADC_CHANNELS else "pin"
                yield Mistake(path, f"This {what} is {user}.", f"Choose another {what} for one of the two.")
            elif key == "emergency_stop":
                circuits.add(number)


def _bus_pins(gpio: Gpio) -> range:
    return next((pins for bus, pins in _BUS_PINS.items() if gpio.spi.name.startswith(f"{bus}.")), range(0))


def _check_parts(connector: Connector, gpio: Gpio, index: int) -> Iterator[Mistake]:
    """What an outlet needs as it is wired, and what only comes in pairs."""
    table: KeyPath = ("connector", index, "gpio")
    if connector.lock:
        for key in ("proximity_channel", "lock_in", "lock_out", "lock_feedback"):
            if getattr(gpio, key) is None:
                problem = "A socket (lock = true) needs this: an unlocked or unknown plug is never energised."
                yield Mistake((*table, key), problem, "Add it, or set lock = false for a fixed cable.")
    if connector.phase_switching and gpio.phase_relay is None:
        yield Mistake(
            (*table, "phase_relay"),
            "phase_switching = true needs the pin of its relay.",
            "Add it, or set phase_switching = false.",
        )
    if gpio.ground_fault_test is not None and gpio.ground_fault is None:
        yield Mistake(
            (*table, "ground_fault"), "A self-test needs the input that answers it.", "Add ground_fault."
        )
    if (gpio.pilot_low is None) is not (gpio.pilot_high is None):
        missing = "pilot_low" if gpio.pilot_low is None else "pilot_high"
        yield Mistake((*table, missing), "A calibration has two points.", "Add it, or leave out both.")
    if gpio.pilot_low is not None and gpio.pilot_high is not None:
        (low_raw, low_mv), (high_raw, high_mv) = gpio.pilot_low, gpio.pilot_high
        if not (low_raw < high_raw and low_mv < high_mv):
            problem = "Both its numbers must be above those of pilot_low."
            yield Mistake((*table, "pilot_high"), problem, "Measure the two points again.")
        full_scale = 1023 if gpio.adc == "mcp3008" else 4095
        if high_raw > full_scale:
            problem = f"An {gpio.adc} has raw values up to {full_scale}."
            yield Mistake((*table, "pilot_high"), problem, "Measure the two points again.")
