"""The tables of the configuration file: their keys, types, ranges and defaults, one class for each.

What needs more than one key to be judged is in `checks`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from cpd import __version__
from cpd.domain.variables import SECRET_KEYS as SECRET_VARIABLES

SECRET_KEYS = frozenset({"password"}) | SECRET_VARIABLES
"""Keys, in lower case, whose values are never shown."""

Text20 = Annotated[str, Meta(min_length=1, max_length=20)]
Text25 = Annotated[str, Meta(min_length=1, max_length=25)]
Text50 = Annotated[str, Meta(min_length=1, max_length=50)]
Text255 = Annotated[str, Meta(min_length=1, max_length=255)]
Command = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
WaitS = Annotated[float, Meta(ge=0.1, le=86_400)]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Station(Table, frozen=True, kw_only=True):
    """``[station]``: what BootNotification says of the charge point, and what concerns all of it.

    *recurring_local_time*: the IANA name of the zone by whose clocks Recurring charging profiles recur; None for UTC.
    *random_delay_max_s*: the longest random wait before charging profiles may raise the current; 0 for none.
    """

    id: Text255
    vendor: Text20 = "cpd"
    model: Text20 = "Pi"
    serial_number: Text25 | None = None
    firmware_version: Text50 = __version__
    max_current_a: Annotated[int, Meta(ge=1, le=1000)] | None = None
    on_power_loss: Literal["stop", "resume"] = "stop"
    hard_reset_command: Command | None = None
    recurring_local_time: Text50 | None = None
    random_delay_max_s: Annotated[int, Meta(ge=0, le=1800)] = 0


class Csms(Table, frozen=True, kw_only=True):
    """``[csms]``: where the central system is and how the link to it behaves."""

    url: Text255
    security_profile: Annotated[int, Meta(ge=0, le=3)] = 0
    password: Text255 | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    verify_hostname: bool = True
    answer_timeout_s: WaitS = 30
    reconnect_min_s: WaitS = 1
    reconnect_max_s: WaitS = 300
    reconnect_jitter_s: Annotated[float, Meta(ge=0, le=3600)] = 5

    def __repr__(self) -> str:
        shown = asdict(self) | {"password": None if self.password is None else "…"}
        return f"Csms({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


class Offline(Table, frozen=True, kw_only=True):
    """``[offline]``: what may flow once the central system has been silent for *after_s* seconds."""

    after_s: Annotated[int, Meta(ge=1, le=604_800)]
    max_current_a: Annotated[int, Meta(ge=0, le=80)]


class Store(Table, frozen=True, kw_only=True):
    """``[store]``: where and for how long things are kept."""

    path: Path = Path("/var/lib/cpd/cpd.db")
    keep_days: Annotated[int, Meta(ge=1, le=36_500)] = 365
    quota_mb: Annotated[int, Meta(ge=1, le=100_000)] = 64


class Control(Table, frozen=True, kw_only=True):
    """``[control]``: the socket of the command line."""

    socket: Path = Path("/run/cpd/cpd.sock")


class Firmware(Table, frozen=True, kw_only=True):
    """``[firmware]``: how an update is installed, and brought back where the new version is not accepted in time."""

    install_command: Command | None = None
    confirm_command: Command | None = None
    rollback_command: Command | None = None
    confirm_within_s: Annotated[int, Meta(ge=1, le=86_400)] = 600


class Hal(Table, frozen=True, kw_only=True):
    """``[hal]``: which hardware there is and in which process it is driven.

    *mock_vehicle*: the simulated vehicles after a restart, unplugged or as they were.
    """

    backend: Literal["mock", "gpio", "openevse", "simpleevse"] = "mock"
    process: Literal["inside", "guard"] = "inside"
    guard_socket: Path = Path("/run/cpd-guard/guard.sock")
    state_dir: Path = Path("/var/lib/cpd-guard")
    mock_vehicle: Literal["unplugged", "remembered"] = "unplugged"


class Connector(Table, frozen=True, kw_only=True):
    """``[[connector]]``: the electrical facts of one outlet, and how a session begins at it.

    A limit below *min_current_a* pauses. A pause that a limit asks for lasts *min_pause_s* at least. The phases are
    switched *phase_switch_pause_s* after the vehicle was told to stop, or later. *meter_loss*: whether a session goes
    on without a meter, its register standing still, or ends. *meter_behind_contactor*: the meter has power only while
    the contactor is closed.
    """

    id: Annotated[int, Meta(ge=1, le=100)]
    max_current_a: Annotated[int, Meta(ge=6, le=80)] = 32
    min_current_a: Annotated[int, Meta(ge=6, le=32)] = 6
    min_pause_s: Annotated[int, Meta(ge=5, le=600)] = 5
    phases: Literal[1, 3] = 3
    voltage_v: Annotated[int, Meta(ge=90, le=300)] = 230
    lock: bool = True
    ventilation: bool = False
    phase_switching: bool = False
    phase_switch_pause_s: Annotated[int, Meta(ge=10, le=600)] = 60
    free_vend: bool = False
    auto_start_tag: Annotated[str, Meta(max_length=20)] = ""
    meter_loss: Literal["continue", "stop"] = "continue"
    meter_behind_contactor: bool = False


class Meter(Table, frozen=True, kw_only=True):
    """``[[meter]]``: the energy meter of a connector on a serial line."""

    connector: Annotated[int, Meta(ge=1, le=100)]
    model: Text50
    port: Text255
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    unit: Annotated[int, Meta(ge=1, le=247)] = 1


class Reader(Table, frozen=True, kw_only=True):
    """``[[reader]]``: a reader of RFID cards."""

    kind: Literal["rdm6300", "pn532", "keyboard"]
    port: Text255
    byte_order: Literal["msb", "lsb"] = "msb"


class Document(Table, frozen=True, kw_only=True):
    """The whole file as it is written; *ocpp* is still untyped."""

    station: Station
    csms: Csms | None = None
    offline: Offline | None = None
    store: Store = Store()
    control: Control = Control()
    firmware: Firmware = Firmware()
    hal: Hal = Hal()
    connectors: tuple[Connector, ...] = msgspec.field(name="connector")
    meters: tuple[Meter, ...] = msgspec.field(name="meter", default=())
    readers: tuple[Reader, ...] = msgspec.field(name="reader", default=())
    ocpp: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration, checked: every path absolute, *connectors* by id, a password file already read.

    *file* is where it was read from. *csms* is None for a charger that works alone, *offline* where silence of the
    central system limits nothing. *ocpp* has the initial values of configuration keys as they go over the wire.
    *warnings* are sentences about what is strange and was taken nevertheless; they are for the caller to log.
    """

    file: Path
    station: Station
    csms: Csms | None
    offline: Offline | None
    store: Store
    control: Control
    firmware: Firmware
    hal: Hal
    connectors: tuple[Connector, ...]
    meters: tuple[Meter, ...]
    readers: tuple[Reader, ...]
    ocpp: dict[str, str] = field(repr=False)
    warnings: tuple[str, ...]
