"""Which pin of the header does what. Which pins may do it is checked with the configuration (`hal.settings.pins`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioOutletConfig:
    """The pins of one outlet by BCM number; None for a part that is not fitted.

    Every output is active high, and *phase_relay* high connects three phases. Every input is a contact to ground with
    the pin's own pull-up. That of *ground_fault*, *emergency_stop* is closed while all is well, so that a broken wire
    counts as a trip; that of *lock_feedback* is closed while the bolt is in; that of *stop_button* while it is
    pressed. Several outlets may have one *emergency_stop*. *feedback_closed* is the level at *feedback* while the
    contactor is closed: "high" for a mirror contact.
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


def device_name(part: str, connector: int, pin: int) -> str:
    """How a pin is named to a person."""
    return f"GPIO{pin} ({part} of connector {connector})"


def _fitted(pins: Mapping[str, int | None]) -> dict[str, int]:
    return {part: pin for part, pin in pins.items() if pin is not None}
