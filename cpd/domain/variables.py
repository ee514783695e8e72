"""The configuration keys of OCPP 1.6 §9 that this charge point serves: type, default, range, effect on reading.

One table. A key that is not in it is unknown to the CSMS; a key in it has an effect, or is read-only. Values are
kept as the text that goes over the wire.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cpd.domain.measurands import is_standard, measurand_of

_PHASE_ROTATION = re.compile(r"\d{1,3}\.(NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)", re.ASCII)


class ValueType(StrEnum):
    """How the text of a value is read."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    MEASURANDS = "measurands"
    PHASE_ROTATIONS = "phase rotations"
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
            case ValueType.PHASE_ROTATIONS:
                rotations = [one.strip() for one in stripped.split(",")]
                return ",".join(rotations) if all(map(_PHASE_ROTATION.fullmatch, rotations)) else None
            case ValueType.TEXT:
                return text if len(text) <= 500 else None

    def initial(self, text: str) -> str | None:
        """*text* as the file may have it: a change, or a list with measurands that only other chargers have."""
        if self.value_type is ValueType.MEASURANDS:
            names = [name.strip() for name in text.split(",") if name.strip()]
            return ",".join(names) if all(map(is_standard, names)) else None
        return self.normalised(text)

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
            case ValueType.PHASE_ROTATIONS:
                return "for each connector RST … TSR, Unknown or NotApplicable, as in 1.RST,2.STR"
            case ValueType.TEXT:
                return "text of at most 500 characters"


def _boolean(key: str, default: bool) -> Variable:
    return Variable(key=key, value_type=ValueType.BOOLEAN, default=str(default).lower())


def _integer(key: str, default: int, *, minimum: int = 0, maximum: int = 86_400 * 31) -> Variable:
    return Variable(
        key=key, value_type=ValueType.INTEGER, default=str(default), minimum=minimum, maximum=maximum
    )


def _measurands(key: str, default: str = "") -> Variable:
    return Variable(key=key, value_type=ValueType.MEASURANDS, default=default)


def _fixed(key: str, default: str | int) -> Variable:
    """A key that only the file sets."""
    value_type = ValueType.INTEGER if isinstance(default, int) else ValueType.TEXT
    return Variable(key=key, value_type=value_type, default=str(default), writable=False)


SECRET_KEYS = frozenset({"authorizationkey"})
"""Keys, casefolded, that may be written and are never shown."""

VARIABLES: Mapping[str, Variable] = {
    variable.key.casefold(): variable
    for variable in (
        _boolean("AllowOfflineTxForUnknownId", False),
        _boolean("AuthorizationCacheEnabled", True),
        _boolean("AuthorizeRemoteTxRequests", False),
        _integer("BlinkRepeat", 3, maximum=100),
        _integer("ClockAlignedDataInterval", 0, maximum=86_400),
        _integer("ConnectionTimeOut", 60, minimum=1),
        # How the phases are wired is the installer's to say, and changes nothing that is measured at the meter.
        Variable(
            key="ConnectorPhaseRotation",
            value_type=ValueType.PHASE_ROTATIONS,
            default="1.Unknown",
            writable=False,
        ),
        _fixed("ConnectorPhaseRotationMaxLength", 100),
        _fixed("GetConfigurationMaxKeys", 100),
        _integer("HeartbeatInterval", 300, minimum=1),
        _boolean("LocalAuthListEnabled", True),
        _fixed("LocalAuthListMaxLength", 10_000),
        _integer("LightIntensity", 100, maximum=100),
        _boolean("LocalAuthorizeOffline", True),
        _boolean("LocalPreAuthorize", False),
        _integer("MaxEnergyOnInvalidId", 0, maximum=1_000_000),
        _measurands("MeterValuesAlignedData", "Energy.Active.Import.Register"),
        _fixed("MeterValuesAlignedDataMaxLength", 20),
        _measurands(
            "MeterValuesSampledData",
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered",
        ),
        _fixed("MeterValuesSampledDataMaxLength", 20),
        _integer("MeterValueSampleInterval", 60),
        _integer("MinimumStatusDuration", 0, maximum=3_600),
        _fixed("NumberOfConnectors", 1),
        _integer("ResetRetries", 1, maximum=10),
        _fixed("SendLocalListMaxLength", 1_000),
        _boolean("StopTransactionOnEVSideDisconnect", True),
        _boolean("StopTransactionOnInvalidId", True),
        _measurands("StopTxnAlignedData"),
        _fixed("StopTxnAlignedDataMaxLength", 20),
        _measurands("StopTxnSampledData"),
        _fixed("StopTxnSampledDataMaxLength", 20),
        _fixed(
            "SupportedFeatureProfiles",
            "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
        ),
        _fixed("SupportedFeatureProfilesMaxLength", 6),
        _integer("TransactionMessageAttempts", 3, minimum=1, maximum=100),
        _integer("TransactionMessageRetryInterval", 60),
        _boolean("UnlockConnectorOnEVSideDisconnect", True),
        _integer("WebSocketPingInterval", 60, maximum=86_400),
        _fixed("ChargeProfileMaxStackLevel", 10),
        _fixed("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
        _fixed("ChargingScheduleMaxPeriods", 1_000),
        _fixed("ConnectorSwitch3to1PhaseSupported", "false"),
        _fixed("MaxChargingProfilesInstalled", 100),
        _fixed("MaxCompositeScheduleDuration", 2_678_400),
        Variable(
            key="ReserveConnectorZeroSupported",
            value_type=ValueType.BOOLEAN,
            default="true",
            writable=False,
        ),
    )
}
"""Every known key, by its casefolded name: key names compare without regard to case."""

OPTIONAL_KEYS: Mapping[str, str] = {
    "chargeprofilemaxstacklevel": "SmartCharging",
    "chargingscheduleallowedchargingrateunit": "SmartCharging",
    "chargingschedulemaxperiods": "SmartCharging",
    "connectorswitch3to1phasesupported": "SmartCharging",
    "maxchargingprofilesinstalled": "SmartCharging",
    "maxcompositescheduleduration": "SmartCharging",
    "localauthlistenabled": "LocalAuthListManagement",
    "localauthlistmaxlength": "LocalAuthListManagement",
    "sendlocallistmaxlength": "LocalAuthListManagement",
    "reserveconnectorzerosupported": "Reservation",
}
"""Keys that are unknown while the feature profile that each of them belongs to is off."""


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
        profile = OPTIONAL_KEYS.get(folded)
        return folded in self.values and (profile is None or self.serves(profile))

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
        return _names(self.values[key.casefold()])

    def serves(self, feature_profile: str) -> bool:
        """True where SupportedFeatureProfiles names *feature_profile*."""
        return feature_profile.casefold() in _names(self.values["supportedfeatureprofiles"].casefold())

    def changed(self, key: str, text: str) -> "tuple[ChangeOutcome, Variables]":
        """The outcome of a change by the CSMS or a technician, and the values after it."""
        folded = key.casefold()
        if not self.known(key):
            return ChangeOutcome.NOT_SUPPORTED, self
        variable = VARIABLES.get(folded)
        if variable is not None and not variable.writable:
            return ChangeOutcome.REJECTED, self
        value = text if variable is None else variable.normalised(text)
        if value is None or (variable is not None and self._too_long(variable, value)):
            return ChangeOutcome.REJECTED, self
        return ChangeOutcome.ACCEPTED, Variables({**self.values, folded: value})

    def _too_long(self, variable: Variable, value: str) -> bool:
        """True where a list of measurands has more entries than its MaxLength key allows."""
        if variable.value_type is not ValueType.MEASURANDS or not value:
            return False
        return value.count(",") >= self.integer(f"{variable.key}MaxLength")


@lru_cache(maxsize=64)
def _names(text: str) -> tuple[str, ...]:
    """Remembered, because each request of the CSMS asks which feature profiles are served."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def spelling(key: str, given: Iterable[str] = ()) -> str:
    """The key as the specification, or else one of *given*, spells it."""
    variable = VARIABLES.get(key.casefold())
    if variable is not None:
        return variable.key
    return next((other for other in given if other.casefold() == key.casefold()), key)
