"""What the guard drives, kept beside its socket for whoever makes it safe once it is dead; see `safe_outputs`."""

import json
from pathlib import Path

from hal.errors import HalStateError
from hal.safe_outputs import PINS, RECORD
from hal.settings import GuardSettings
from hal.settings.tables import Gpio, Serial

_GPIO = ("pilot_pwm", *PINS)
_SERIAL = ("port", "baudrate", "unit")


def keep_outputs(settings: GuardSettings, config: Path) -> None:
    """Keep what has to be made safe of *settings*, read from *config*, which may be changed while the guard runs.

    Raises `HalStateError`: a guard whose outputs nobody knows is not to begin.
    """
    connectors = [
        {
            "id": connector.id,
            "gpio": _told(connector.gpio, _GPIO),
            "serial": _told(connector.serial, _SERIAL),
        }
        for connector in settings.connectors
    ]
    record = {
        "config": str(config.absolute()),
        "hal": {"backend": settings.hal.backend},
        "connector": connectors,
    }
    path = settings.hal.guard_socket.with_name(RECORD)
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(record), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise HalStateError(f"{path} cannot be written: {error.strerror}; make room beside it") from error


def _told(table: Gpio | Serial | None, keys: tuple[str, ...]) -> dict[str, object]:
    """Those of *keys* that the table has a value for."""
    values = {key: getattr(table, key, None) for key in keys}
    return {key: value for key, value in values.items() if value is not None}
