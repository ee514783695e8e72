"""The tables of the configuration file that are the daemon's: keys, types, ranges and defaults, one class for each.

Those of the hardware are in `hal.settings.tables`. What needs more than one key to be judged is in `checks`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from cpd import __version__
from cpd.domain.variables import SECRET_KEYS as SECRET_VARIABLES
from hal.settings.tables import Connector, Hal, HardwareTables, Meter, Reader, Table, Text50, Text255

SECRET_KEYS = frozenset({"password"}) | SECRET_VARIABLES
"""Keys, in lower case, whose values are never shown."""

Text20 = Annotated[str, Meta(min_length=1, max_length=20)]
Text25 = Annotated[str, Meta(min_length=1, max_length=25)]
Command = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
WaitS = Annotated[float, Meta(ge=0.1, le=86_400)]


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


class Document(HardwareTables, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file as it is written; *ocpp* is still untyped."""

    station: Station
    csms: Csms | None = None
    offline: Offline | None = None
    store: Store = Store()
    control: Control = Control()
    firmware: Firmware = Firmware()
    ocpp: dict[str, Any] = msgspec.field(default_factory=dict)


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
