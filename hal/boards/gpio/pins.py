"""Which pin of the header does what, and which pins may do it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hal.errors import DeviceUnavailable

PILOT_PINS = (12, 13, 18, 19)
"""The pins that the kernel's hardware PWM reaches."""

LAST_PIN = 27
LOW_FROM = 9
"""GPIO0 … 8 are pulled up from power-on until somebody drives them: nothing that must not be live hangs there."""

_SPI_PINS = frozenset({7, 8, 9, 10, 11})
_I2C_PINS = frozenset({2, 3})
"""They have pull-up resistors on the board itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioOutletConfig:
    """The pins of one outlet by BCM number; None for a part that is not fitted.

    Every output is active high, and *phase_relay* high connects three phases. Every input is a contact to ground with
    the pin's own pull-up. That of *ground_fault*, *emergency_stop* is closed while all is well, so that a broken wire
    counts as a trip; that of *lock_feedback* is closed while the bolt is in; that of *stop_button* while it is
    pressed. *feedback_closed* is the level at *feedback* while the contactor is closed: "high" for a mirror contact.
    *pilot_low*, *pilot_high*: two points (raw, mV) of the pilot's calibration. The proximity contact hangs on
    *proximity_channel* with *proximity_pull_up_ohm* to the ADC's reference. *thermometer* is the file of a 1-wire
    sensor, absolute.
    """

    pilot_pwm: int = 18
    adc: Literal["mcp3208", "mcp3008"] = "mcp3208"
    spi: Path = Path("/dev/spidev0.0")
    pilot_channel: int = 0
    pilot_low: tuple[int, int] | None = None
    pilot_high: tuple[int, int] | None = None
    proximity_channel: int | None = None
    proximity_pull_up_ohm: int = 1_000
    contactor: int
    feedback: int
    feedback_closed: Literal["low", "high"] = "low"
    heartbeat: int
    phase_relay: int | None = None
    ground_fault: int | None = None
    ground_fault_test: int | None = None
    lock_in: int | None = None
    lock_out: int | None = None
    lock_feedback: int | None = None
    emergency_stop: int | None = None
    stop_button: int | None = None
    led_red: int | None = None
    led_green: int | None = None
    led_blue: int | None = None
    buzzer: int | None = None
    thermometer: Path | None = None

    @property
    def power_outputs(self) -> Mapping[str, int]:
        """The pins whose level lets current flow, by what hangs on them."""
        outputs = {"contactor": self.contactor, "heartbeat": self.heartbeat}
        return outputs if self.phase_relay is None else outputs | {"phase relay": self.phase_relay}

    @property
    def contacts(self) -> Mapping[str, int]:
        """The input pins, by what hangs on them."""
        return _fitted(
            {
                "feedback": self.feedback,
                "ground fault": self.ground_fault,
                "lock feedback": self.lock_feedback,
                "emergency stop": self.emergency_stop,
                "stop button": self.stop_button,
            }
        )

    @property
    def other_outputs(self) -> Mapping[str, int]:
        """The output pins that no current hangs on."""
        return _fitted(
            {
                "ground fault test": self.ground_fault_test,
                "lock in": self.lock_in,
                "lock out": self.lock_out,
                "red LED": self.led_red,
                "green LED": self.led_green,
                "blue LED": self.led_blue,
                "buzzer": self.buzzer,
            }
        )


def check_pins(outlets: Mapping[int, GpioOutletConfig]) -> None:
    """Raise DeviceUnavailable for the first pin of *outlets* (by connector) that cannot do what it is to do."""
    for connector, outlet in outlets.items():
        for key, file in (("spi", outlet.spi), ("thermometer", outlet.thermometer)):
            if file is not None and not file.is_absolute():
                raise DeviceUnavailable(
                    f"{key} of connector {connector}", f"{file} does not begin with /", "name the whole path"
                )
        for part, pin in _pins(outlet):
            reason = _unfit(outlet, part, pin)
            if reason:
                raise DeviceUnavailable(
                    device_name(part, connector, pin),
                    reason,
                    f"wire the {part} to another pin, and name that in cpd.toml",
                )
        locking = (outlet.lock_in, outlet.lock_out, outlet.lock_feedback)
        if any(pin is not None for pin in locking) and None in locking:
            raise DeviceUnavailable(
                f"lock of connector {connector}",
                "it needs lock_in, lock_out and lock_feedback",
                "name all three in cpd.toml, or none for a fixed cable",
            )
        if outlet.ground_fault_test is not None and outlet.ground_fault is None:
            raise DeviceUnavailable(
                f"ground fault of connector {connector}",
                "its test is wired, its output is not",
                "name ground_fault in cpd.toml",
            )
    _refuse_shared_inputs(outlets)
    used = Counter(pin for outlet in outlets.values() for _, pin in _pins(outlet))
    for connector, outlet in outlets.items():
        for part, pin in _pins(outlet):
            if used[pin] > 1:
                raise DeviceUnavailable(
                    device_name(part, connector, pin), "the pin is used twice", "give each part its own pin"
                )


def _refuse_shared_inputs(outlets: Mapping[int, GpioOutletConfig]) -> None:
    """Every input of an ADC measures one thing."""
    taken: set[tuple[Path, int]] = set()
    for connector, outlet in outlets.items():
        for channel in (outlet.pilot_channel, outlet.proximity_channel):
            if channel is None:
                continue
            if (outlet.spi, channel) in taken:
                raise DeviceUnavailable(
                    f"ADC channel {channel} of {outlet.spi} (connector {connector})",
                    "the channel is used twice",
                    "give each pilot and each proximity contact its own channel",
                )
            taken.add((outlet.spi, channel))


def device_name(part: str, connector: int, pin: int) -> str:
    """How a pin is named to a person."""
    return f"GPIO{pin} ({part} of connector {connector})"


def _pins(outlet: GpioOutletConfig) -> Iterator[tuple[str, int]]:
    yield "pilot", outlet.pilot_pwm
    yield from outlet.power_outputs.items()
    yield from outlet.contacts.items()
    yield from outlet.other_outputs.items()


def _unfit(outlet: GpioOutletConfig, part: str, pin: int) -> str:
    """Why *pin* cannot be *part*; empty where it can."""
    if part == "pilot":
        if pin in PILOT_PINS:
            return ""
        return f"the hardware PWM reaches GPIO {', '.join(map(str, PILOT_PINS))} only"
    if not 0 <= pin <= LAST_PIN:
        return f"the header has GPIO0 … {LAST_PIN}"
    if pin in _SPI_PINS and outlet.spi.name.startswith("spidev0."):
        return f"the ADC on {outlet.spi} needs GPIO7 … 11"
    if part in outlet.power_outputs and pin < LOW_FROM:
        return f"it is pulled up while the Pi boots; only GPIO{LOW_FROM} … {LAST_PIN} are pulled down"
    if part in outlet.other_outputs and pin in _I2C_PINS:
        return "it has a pull-up resistor on the Pi"
    return ""


def _fitted(pins: Mapping[str, int | None]) -> dict[str, int]:
    return {part: pin for part, pin in pins.items() if pin is not None}
