"""The configuration keys in force: the file's values, under what was changed at run time and the store keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cpd.domain.profiles import Capabilities, RateUnit
from cpd.domain.variables import SECRET_KEYS, VARIABLES, ChangeOutcome, Variables, spelling
from cpd.station.repositories import Store, StoredVariable
from cpd.station.signal import Signal

Source = Literal["file", "csms", "local"]
"""Who set the value that is in force."""

_UNITS = {"current": RateUnit.A, "a": RateUnit.A, "power": RateUnit.W, "w": RateUnit.W}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationKey:
    """One key as people and the CSMS see it; *source* is ``file``, ``csms`` or ``local``."""

    key: str
    value: str
    readonly: bool
    source: Source
    file_value: str | None

    @property
    def secret(self) -> bool:
        """True for a key whose values nobody is shown."""
        return self.key.casefold() in SECRET_KEYS


class Configuration:
    """Typed values, changed one by one, kept before they are in force; `changed` fires after each change."""

    def __init__(self, store: Store, given: Mapping[str, str], stored: Mapping[str, StoredVariable]) -> None:
        self._store = store
        self._given = given
        self._file = Variables.initial(given)
        self._kept = dict(stored)
        self._stored = self._acceptable()
        self.variables = self._with_stored()
        self.capabilities = _capabilities(self.variables)
        """What smart charging takes, by the keys of OCPP 1.6 §9.4."""
        self._entries: tuple[ConfigurationKey, ...] | None = None
        self.changed = Signal()

    def entries(self) -> tuple[ConfigurationKey, ...]:
        """Every key that is served, by name."""
        if self._entries is None:
            found = (self.key(folded) for folded in self.variables.served)
            self._entries = tuple(entry for entry in found if entry is not None)
        return self._entries

    def key(self, name: str) -> ConfigurationKey | None:
        """One key, whatever the case of its name; None where it is unknown."""
        if not self.variables.known(name):
            return None
        folded = name.casefold()
        variable = VARIABLES.get(folded)
        stored = self._stored.get(folded)
        return ConfigurationKey(
            key=spelling(name, self._given),
            value=self.variables.text(name),
            readonly=variable is not None and not variable.writable,
            source="file" if stored is None else stored.source,
            file_value=self._file.text(name),
        )

    async def change(self, name: str, value: str, source: Literal["csms", "local"]) -> ChangeOutcome:
        """Change a key for good; in force once this returns ACCEPTED. Raises `StorageError`, nothing changed."""
        outcome, variables = self.variables.changed(name, value)
        if outcome is not ChangeOutcome.ACCEPTED:
            return outcome
        stored = StoredVariable(value=variables.text(name), source=source)
        key = spelling(name, self._given)
        await self._store.commit(lambda repositories: repositories.variables.put(key, stored))
        self._kept[key] = self._stored[name.casefold()] = stored
        self._apply()
        return outcome

    async def reset(self, name: str) -> bool:
        """Go back to the file's value; False where the key is unknown."""
        if not self.variables.known(name):
            return False
        key = spelling(name, self._given)
        await self._store.commit(lambda repositories: repositories.variables.remove(key))
        self._kept.pop(key, None)
        self._stored.pop(name.casefold(), None)
        self._apply()
        return True

    def follow(self, given: Mapping[str, str]) -> None:
        """The file's values are *given* from now on; what was changed at run time still wins."""
        if given == self._given:
            return
        self._given = given
        self._file = Variables.initial(given)
        self._stored = self._acceptable()
        self._apply()

    def _apply(self) -> None:
        self.variables = self._with_stored()
        self.capabilities = _capabilities(self.variables)
        self._entries = None
        self.changed.fire()

    def _acceptable(self) -> dict[str, StoredVariable]:
        """What the store keeps; where the file, or another version, does not allow it, the file's value holds."""
        return {
            key.casefold(): variable
            for key, variable in self._kept.items()
            if self._file.changed(key, variable.value)[0] is ChangeOutcome.ACCEPTED
        }

    def _with_stored(self) -> Variables:
        variables = self._file
        for key, stored in self._stored.items():
            _, variables = variables.changed(key, stored.value)
        return variables


def _capabilities(variables: Variables) -> Capabilities:
    units = [
        _UNITS[name.casefold()]
        for name in variables.names("ChargingScheduleAllowedChargingRateUnit")
        if name.casefold() in _UNITS
    ]
    return Capabilities(
        max_stack_level=variables.integer("ChargeProfileMaxStackLevel"),
        allowed_units=tuple(dict.fromkeys(units)),
        max_periods=variables.integer("ChargingScheduleMaxPeriods"),
        max_installed=variables.integer("MaxChargingProfilesInstalled"),
        max_composite_duration_s=variables.integer("MaxCompositeScheduleDuration"),
        smart_charging_enabled=variables.serves("SmartCharging"),
    )
