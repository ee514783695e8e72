"""The tables of the configuration file that the hardware's side reads: keys, types, ranges and defaults.

What needs more than one key to be judged is in `checks`.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Text50 = Annotated[str, Meta(min_length=1, max_length=50)]
Text255 = Annotated[str, Meta(min_length=1, max_length=255)]
ConnectorId = Annotated[int, Meta(ge=1, le=100)]
Baudrate = Annotated[int, Meta(ge=300, le=4_000_000)]
Unit = Annotated[int, Meta(ge=1, le=247)]
Pin = Annotated[int, Meta(ge=2, le=27)]
LowPin = Annotated[int, Meta(ge=9, le=27)]
"""A pin that is pulled down until somebody drives it: GPIO 0 … 8 are pulled up while the machine boots."""
OutputPin = Annotated[int, Meta(ge=4, le=27)]
"""A pin without a pull-up resistor on the board: GPIO 2 and 3 have one, for I²C."""
AdcChannel = Annotated[int, Meta(ge=0, le=7)]
CalibrationPoint = tuple[Annotated[int, Meta(ge=0, le=4095)], Annotated[int, Meta(ge=-20_000, le=20_000)]]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Hal(Table, frozen=True, kw_only=True):
    """``[hal]``: which hardware there is and in which process it is driven.

    *mock_vehicle*: the simulated vehicles after a restart, unplugged or as they were.
    """

    backend: Literal["mock", "gpio", "openevse", "simpleevse"] = "mock"
    process: Literal["inside", "guard"] = "inside"
    guard_socket: Path = Path("/run/cpd-guard/guard.sock")
    state_dir: Path = Path("/var/lib/cpd-guard")
    mock_vehicle: Literal["unplugged", "remembered"] = "unplugged"


class Serial(Table, frozen=True, kw_only=True):
    """``[connector.serial]``: the line of a controller that drives pilot and contactor itself.

    *baudrate* None: 115 200 for openevse, 9 600 for simpleevse. *unit*: its Modbus address (simpleevse).
    """

    port: Text255
    baudrate: Baudrate | None = None
    unit: Unit = 1


class Gpio(Table, frozen=True, kw_only=True):
    """``[connector.gpio]``: the pins of an outlet on a Raspberry Pi, by their BCM numbers.

    A *CalibrationPoint* is the ADC's raw value and the pilot's level in mV at it. *feedback_closed* is the level of
    the mirror contacts while the contactor is closed. The proximity contact hangs on *proximity_channel*, with
    *proximity_pull_up_ohm* to the ADC's reference. *thermometer* is the file of a 1-wire sensor.
    """

    pilot_pwm: Literal[12, 13, 18, 19] = 18
    adc: Literal["mcp3208", "mcp3008"] = "mcp3208"
    spi: Path = Path("/dev/spidev0.0")
    pilot_channel: AdcChannel = 0
    pilot_low: CalibrationPoint | None = None
    pilot_high: CalibrationPoint | None = None
    proximity_channel: AdcChannel | None = None
    proximity_pull_up_ohm: Annotated[int, Meta(ge=100, le=100_000)] = 1_000
    contactor: LowPin
    feedback: Pin
    feedback_closed: Literal["low", "high"] = "low"
    heartbeat: LowPin
    phase_relay: LowPin | None = None
    ground_fault: Pin | None = None
    ground_fault_test: OutputPin | None = None
    lock_in: OutputPin | None = None
    lock_out: OutputPin | None = None
    lock_feedback: Pin | None = None
    emergency_stop: Pin | None = None
    stop_button: Pin | None = None
    led_red: OutputPin | None = None
    led_green: OutputPin | None = None
    led_blue: OutputPin | None = None
    buzzer: OutputPin | None = None
    thermometer: Path | None = None


class Connector(Table, frozen=True, kw_only=True):
    """``[[connector]]``: the electrical facts of one outlet, and how a session begins at it.

    A limit below *min_current_a* pauses. A pause that a limit asks for lasts *min_pause_s* at least. The phases are
    switched *phase_switch_pause_s* after the vehicle was told to stop, or later. *meter_loss*: whether a session goes
    on without a meter, its register standing still, or ends. *meter_behind_contactor*: the meter has power only while
    the contactor is closed. *serial* and *gpio* are for the backends that need them.
    """

    id: ConnectorId
    max_current_a: Annotated[int, Meta(ge=6, le=80)] = 32
    min_current_a: Annotated[int, Meta(ge=6, le=32)] = 6
    min_pause_s: Annotated[int, Meta(ge=5, le=600)] = 5
    phases: Literal[1, 3] = 3
    voltage_v: Annotated[int, Meta(ge=100, le=260)] = 230
    lock: bool = True
    ventilation: bool = False
    phase_switching: bool = False
    phase_switch_pause_s: Annotated[int, Meta(ge=10, le=600)] = 60
    free_vend: bool = False
    auto_start_tag: Annotated[str, Meta(max_length=20)] = ""
    meter_loss: Literal["continue", "stop"] = "continue"
    meter_behind_contactor: bool = False
    serial: Serial | None = None
    gpio: Gpio | None = None


class Meter(Table, frozen=True, kw_only=True):
    """``[[meter]]``: the energy meter of a connector on a serial line, 8 data bits, *parity* none, even or odd."""

    connector: ConnectorId
    model: Text50
    port: Text255
    baudrate: Baudrate = 9600
    unit: Unit = 1
    parity: Literal["N", "E", "O"] = "N"


class Reader(Table, frozen=True, kw_only=True):
    """``[[reader]]``: a reader of RFID cards, of one connector or (None) of all.

    *baudrate* None: that of its kind. The idTag is *id_bytes* (0: all) of the card's number in *id_format*.
    """

    kind: Literal["rdm6300", "pn532", "keyboard"]
    port: Text255
    baudrate: Baudrate | None = None
    connector: ConnectorId | None = None
    byte_order: Literal["msb", "lsb"] = "msb"
    id_format: Literal["hex", "decimal"] = "hex"
    id_bytes: Literal[0, 4, 7, 10] = 0


class HardwareTables(Table, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What the hardware's side reads of the file; every other table is somebody else's."""

    hal: Hal = Hal()
    connectors: tuple[Connector, ...] = msgspec.field(name="connector")
    meters: tuple[Meter, ...] = msgspec.field(name="meter", default=())
    readers: tuple[Reader, ...] = msgspec.field(name="reader", default=())
