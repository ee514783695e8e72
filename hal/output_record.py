"""What the guard drives, kept for whoever makes it safe once it is dead; see `safe_outputs`."""

import json
from contextlib import suppress
from pathlib import Path

from hal.errors import HalStateError
from hal.safe_outputs import PINS, record_path
from hal.settings import GuardSettings
from hal.settings.tables import Gpio, Serial

_GPIO = ("pilot_pwm", *PINS)
_SERIAL = ("port", "baudrate", "unit")


def keep_outputs(settings: GuardSettings, config: Path) -> None:
    """Keep what has to be made safe of *settings*, read from *config*, which may be changed while the guard runs.

    A record of *config* that is there tells of outputs that could not be set: those that are not among the new ones
    stay in it, and are tried again after the next end. Raises `HalStateError`: a guard whose outputs nobody knows is
    not to begin.
    """
    path = record_path(settings.hal.guard_socket)
    connectors: list[object] = [
        {
            "id": connector.id,
            "backend": settings.hal.backend,
            "gpio": _told(connector.gpio, _GPIO),
            "serial": _told(connector.serial, _SERIAL),
        }
        for connector in settings.connectors
    ]
    connectors += [left for left in _left(path, config) if left not in connectors]
    record = {
        "config": str(config.absolute()),
        "hal": {"guard_socket": str(settings.hal.guard_socket.absolute())},
        "connector": connectors,
    }
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(record), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise HalStateError(f"{path} cannot be written: {error.strerror}; make room beside it") from error


def _left(path: Path, config: Path) -> list[object]:
    """The outlets in the record *path*; none where there is no record of *config*, or one that nobody can read."""
    with suppress(OSError, ValueError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(kept, dict) and kept.get("config") == str(config.absolute()):
            connectors = kept.get("connector")
            return connectors if isinstance(connectors, list) else []
    return []


def _told(table: Gpio | Serial | None, keys: tuple[str, ...]) -> dict[str, object]:
    """Those of *keys* that the table has a value for."""
    values = {key: getattr(table, key, None) for key in keys}
    return {key: value for key, value in values.items() if value is not None}
