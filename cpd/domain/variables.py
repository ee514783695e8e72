"""The configuration keys of OCPP 1.6 §9 that this charge point serves: type, default, range, effect on reading.

One table. A key that is not in it is unknown to the CSMS; a key in it has an effect, or is read-only. Values are
kept as the text that goes over the wire.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

MEASURANDS = (
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Voltage",
)
"""What the hardware can measure or knows (OCPP 1.6 §7.31)."""

_PHASED = {"Current.Import": ("L1", "L2", "L3"), "Voltage": ("L1-N", "L2-N", "L3-N", "L1", "L2", "L3")}


class ValueType(StrEnum):
    """How the text of a value is read."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    MEASURANDS = "measurands"
    TEXT = "text"


class ChangeOutcome(StrEnum):
    """Answer to a change of a value (OCPP 1.6 §7.22 ConfigurationStatus)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One configuration key; *minimum* and *maximum* bound an integer, in the unit the specification gives it."""

    key: str
    value_type: ValueType
    default: str
    writable: bool = True
    minimum: int = 0
    maximum: int = 86_400 * 31

    def normalised(self, text: str) -> str | None:
        """*text* as it is kept, or None where it is not a value of this key."""
        stripped = text.strip()
        match self.value_type:
            case ValueType.BOOLEAN:
                lowered = stripped.lower()
                return lowered if lowered in ("true", "false") else None
            case ValueType.INTEGER:
                digits = stripped.removeprefix("+")
                if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
                    return None
                number = int(digits)
                return str(number) if self.minimum <= number <= self.maximum else None
            case ValueType.MEASURANDS:
                names = [name.strip() for name in stripped.split(",") if name.strip()]
                known = [measurand_of(name) for name in names]
                return ",".join(names) if None not in known else None
            case ValueType.TEXT:
                return text if len(text) <= 500 else None

    @property
    def allowed(self) -> str:
        """What a value may be, in words that follow "allowed:"."""
        match self.value_type:
            case ValueType.BOOLEAN:
                return "true or false"
            case ValueType.INTEGER:
                return f"a whole number, {self.minimum} … {self.maximum}"
            case ValueType.MEASURANDS:
                return "measurands of this charger with commas between them"
            case ValueType.TEXT:
                return "text of at most 500 characters"


def _boolean(key: str, default: bool) -> Variable:
    return Variable(key=key, value_type=ValueType.BOOLEAN, default=str(default).lower())


def _integer(key: str, default: int, *, minimum: int = 0, maximum: int = 86_400 * 31) -> Variable:
    return Variable(
        key=key, value_type=ValueType.INTEGER, default=str(default), minimum=minimum, maximum=maximum
    )


def _fixed(key: str, default: str | int) -> Variable:
    """A key that only the file sets."""
    value_type = ValueType.INTEGER if isinstance(default, int) else ValueType.TEXT
    return Variable(key=key, value_type=value_type, default=str(default), writable=False)


VARIABLES: Mapping[str, Variable] = {
    variable.key.casefold(): variable
    for variable in (
        _boolean("AllowOfflineTxForUnknownId", False),
        _boolean("AuthorizationCacheEnabled", True),
        _boolean("AuthorizeRemoteTxRequests", False),
        _integer("ConnectionTimeOut", 60, minimum=1),
        _fixed("GetConfigurationMaxKeys", 100),
        _integer("HeartbeatInterval", 300, minimum=1),
        _boolean("LocalAuthorizeOffline", True),
        _boolean("LocalPreAuthorize", False),
        Variable(
            key="MeterValuesSampledData",
            value_type=ValueType.MEASURANDS,
            default="Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered",
        ),
        _integer("MeterValueSampleInterval", 60),
        _integer("MinimumStatusDuration", 0, maximum=3_600),
        _fixed("NumberOfConnectors", 1),
        _boolean("StopTransactionOnEVSideDisconnect", True),
        _boolean("StopTransactionOnInvalidId", True),
        _fixed("SupportedFeatureProfiles", "Core,SmartCharging,RemoteTrigger"),
        _integer("TransactionMessageAttempts", 3, minimum=1, maximum=100),
        _integer("TransactionMessageRetryInterval", 60),
        _integer("WebSocketPingInterval", 60, maximum=86_400),
        _fixed("ChargeProfileMaxStackLevel", 10),
        _fixed("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
        _fixed("ChargingScheduleMaxPeriods", 1_000),
        _fixed("ConnectorSwitch3to1PhaseSupported", "false"),
        _fixed("MaxChargingProfilesInstalled", 100),
        _fixed("MaxCompositeScheduleDuration", 2_678_400),
    )
}
"""Every known key, by its casefolded name: key names compare without regard to case."""

SMART_CHARGING_KEYS = frozenset(
    {
        "chargeprofilemaxstacklevel",
        "chargingscheduleallowedchargingrateunit",
        "chargingschedulemaxperiods",
        "connectorswitch3to1phasesupported",
        "maxchargingprofilesinstalled",
        "maxcompositescheduleduration",
    }
)
"""Keys that are unknown while the SmartCharging feature profile is off."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The values in force: what the store keeps over what the file says over the defaults."""

    values: Mapping[str, str]

    @classmethod
    def initial(cls, given: Mapping[str, str]) -> "Variables":
        """The defaults under *given*, whose values were checked; unknown keys become plain read/write ones."""
        values = {folded: variable.default for folded, variable in VARIABLES.items()}
        values.update({key.casefold(): value for key, value in given.items()})
        return cls(values)

    @property
    def served(self) -> list[str]:
        """The casefolded names of all known keys, sorted."""
        return sorted(key for key in self.values if self.known(key))

    def known(self, key: str) -> bool:
        """True for a key that is there, and not one of a feature profile that is off."""
        folded = key.casefold()
        return folded in self.values and (folded not in SMART_CHARGING_KEYS or self.serves("SmartCharging"))

    def text(self, key: str) -> str:
        """The value of a known key as it goes over the wire."""
        return self.values[key.casefold()]

    def integer(self, key: str) -> int:
        """The value of an integer key."""
        return int(self.values[key.casefold()])

    def boolean(self, key: str) -> bool:
        """The value of a boolean key."""
        return self.values[key.casefold()].strip().lower() == "true"

    def names(self, key: str) -> tuple[str, ...]:
        """The value of a comma-separated key."""
        return tuple(name.strip() for name in self.values[key.casefold()].split(",") if name.strip())

    def serves(self, feature_profile: str) -> bool:
        """True where SupportedFeatureProfiles names *feature_profile*."""
        return feature_profile.casefold() in {
            name.casefold() for name in self.names("SupportedFeatureProfiles")
        }

    def changed(self, key: str, text: str) -> "tuple[ChangeOutcome, Variables]":
        """The outcome of a change by the CSMS or a technician, and the values after it."""
        folded = key.casefold()
        if not self.known(key):
            return ChangeOutcome.NOT_SUPPORTED, self
        variable = VARIABLES.get(folded)
        if variable is not None and not variable.writable:
            return ChangeOutcome.REJECTED, self
        value = text if variable is None else variable.normalised(text)
        if value is None:
            return ChangeOutcome.REJECTED, self
        return ChangeOutcome.ACCEPTED, Variables({**self.values, folded: value})


def spelling(key: str, given: Iterable[str] = ()) -> str:
    """The key as the specification, or else one of *given*, spells it."""
    variable = VARIABLES.get(key.casefold())
    if variable is not None:
        return variable.key
    return next((other for other in given if other.casefold() == key.casefold()), key)


def measurand_of(name: str) -> str | None:
    """The measurand of an entry such as ``Voltage.L1`` or ``Current.Import``; None where it cannot be measured.

    OCPP 1.6 §9.1.17: "where applicable, the Measurand is combined with the optional phase".
    """
    if name in MEASURANDS:
        return name
    measurand, _, phase = name.rpartition(".")
    return measurand if phase in _PHASED.get(measurand, ()) else None
