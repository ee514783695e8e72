"""What the mock remembers of a vehicle, so that a power cut of the charger does not unplug it.

S2 is not remembered: it is the vehicle's own answer to the pilot, and the pilot starts anew.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from hal.boards.mock.ev import Vehicle
from hal.boards.mock.personalities import PERSONALITIES
from hal.boards.mock.slot_file import SlotFile
from hal.errors import HalStateError

_CONTENT_BYTES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedVehicle:
    """The wishes of a vehicle, and the ampacity of the cable that it is plugged in with (None: it is not)."""

    cable_a: int | None
    ready: bool
    max_current_ma: int
    phases: int
    ventilation: bool
    personality: str

    @classmethod
    def of(cls, vehicle: Vehicle, cable_a: int | None) -> "RememberedVehicle":
        """*vehicle* as it is now."""
        return cls(
            cable_a=cable_a,
            ready=vehicle.ready,
            max_current_ma=vehicle.max_current_ma,
            phases=vehicle.phases,
            ventilation=vehicle.ventilation,
            personality=next(name for name, one in PERSONALITIES.items() if one is vehicle.personality),
        )

    def shape(self, vehicle: Vehicle) -> None:
        """Give *vehicle* these wishes, before it is plugged in."""
        vehicle.ready = self.ready
        vehicle.max_current_ma = self.max_current_ma
        vehicle.phases = self.phases
        vehicle.ventilation = self.ventilation
        vehicle.personality = PERSONALITIES[self.personality]


class VehicleMemory:
    """The file of one outlet; written at each act upon the vehicle."""

    def __init__(self, path: Path) -> None:
        """Raises `HalStateError` where the file cannot be used."""
        self._path = path
        self._file = SlotFile(path, _CONTENT_BYTES)

    def recall(self) -> RememberedVehicle | None:
        """The vehicle as it was kept last; None before the first act. Raises `HalStateError` for a file of others."""
        if self._file.content is None:
            return None
        try:
            vehicle = RememberedVehicle(**json.loads(self._file.content))
        except (ValueError, TypeError) as error:
            raise HalStateError(
                f"{self._path}: not a vehicle of this release ({error}); delete it"
            ) from error
        if vehicle.personality not in PERSONALITIES:
            raise HalStateError(f"{self._path}: personality {vehicle.personality!r} is unknown; delete it")
        return vehicle

    def keep(self, vehicle: RememberedVehicle) -> None:
        """Remember *vehicle* as it is now."""
        fields = {name: getattr(vehicle, name) for name in RememberedVehicle.__slots__}
        self._file.write(json.dumps(fields).encode().ljust(_CONTENT_BYTES))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
