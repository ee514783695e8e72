"""What a configuration file that was read again changes: what can be in force at once, what needs a restart.

One table says which keys a running daemon can follow; every other one waits for the restart, so that a key that
nobody thought of is never half applied.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from msgspec.structs import asdict
from msgspec.structs import replace as with_values

from cpd.settings.tables import SECRET_KEYS, Settings
from hal.settings.tables import Connector, Table

FOLLOWED: Final[Mapping[str, frozenset[str]]] = {
    "station": frozenset({"max_current_a", "on_power_loss", "hard_reset_command"}),
    "store": frozenset({"keep_days", "quota_mb"}),
    "firmware": frozenset({"install_command", "confirm_command", "rollback_command", "confirm_within_s"}),
    "connector": frozenset({"max_current_a", "free_vend", "auto_start_tag"}),
}
"""By table, the keys that a running daemon follows; ``[offline]``, ``[ocpp]`` and a ``[csms]`` that stays it follows
whole. A connector's maximum rises no higher than it was at the start, which the hardware's side still guards."""

NOT_SHOWN: Final = "(not shown)"

_Table = TypeVar("_Table", bound=Table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A key whose value in the file is another one: ``connector[1].free_vend``. Values are TOML, None: not there."""

    key: str
    before: str | None
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a file that was read again is about; *warnings* are sentences about what is strange in it."""

    changed: tuple[Change, ...]
    needs_restart: tuple[Change, ...]
    unchanged: tuple[str, ...]
    warnings: tuple[str, ...]


def followed(started: Settings, running: Settings, file: Settings) -> Settings:
    """What is to be in force where *running* is and *file* is wanted, in a daemon that began with *started*."""
    wanted = {connector.id: connector for connector in file.connectors}
    guarded_a = {connector.id: connector.max_current_a for connector in started.connectors}
    return replace(
        running,
        station=_taken("station", running.station, file.station),
        csms=running.csms if None in (running.csms, file.csms) else file.csms,
        offline=file.offline,
        store=_taken("store", running.store, file.store),
        firmware=_taken("firmware", running.firmware, file.firmware),
        connectors=tuple(
            _outlet(one, wanted.get(one.id, one), guarded_a[one.id]) for one in running.connectors
        ),
        ocpp=file.ocpp,
    )


def changes(before: Settings, now: Settings, file: Settings) -> Changes:
    """What changed from *before* to *now*, and what of *file* is still not in force."""
    was, is_now, wanted = _keys(before), _keys(now), _keys(file)
    names = tuple(dict.fromkeys((*wanted, *was)))
    waiting = [_waiting(key, is_now, wanted) for key in names if is_now.get(key) != wanted.get(key)]
    return Changes(
        changed=tuple(_change(key, was, is_now) for key in names if was.get(key) != is_now.get(key)),
        needs_restart=tuple(dict.fromkeys(waiting)),
        unchanged=tuple(key for key in names if was.get(key) == is_now.get(key) == wanted.get(key)),
        warnings=file.warnings,
    )


def _outlet(running: Connector, wanted: Connector, guarded_a: int) -> Connector:
    taken = _taken("connector", running, wanted)
    return taken if taken.max_current_a <= guarded_a else _with_maximum(taken, running.max_current_a)


def _with_maximum(connector: Connector, max_current_a: int) -> Connector:
    return with_values(connector, max_current_a=max_current_a)


def _taken(table: str, running: _Table, file: _Table) -> _Table:
    return with_values(running, **{key: getattr(file, key) for key in FOLLOWED[table]})


def _keys(settings: Settings) -> dict[str, object]:
    """Every key that the file has or could have, as people write it, with its value."""
    tables: dict[str, Table | None] = {
        "station": settings.station,
        "csms": settings.csms,
        "offline": settings.offline,
        "store": settings.store,
        "control": settings.control,
        "firmware": settings.firmware,
        "hal": settings.hal,
        **{f"connector[{one.id}]": one for one in settings.connectors},
        **{f"meter[{number}]": one for number, one in enumerate(settings.meters, 1)},
        **{f"reader[{number}]": one for number, one in enumerate(settings.readers, 1)},
    }
    told = {key: value for table, one in tables.items() for key, value in _keys_of(table, one)}
    return told | {f"ocpp.{key}": value for key, value in settings.ocpp.items()}


def _keys_of(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Table):
        for key, one in asdict(value).items():
            yield from _keys_of(f"{name}.{key}", one)
    elif value is not None:
        yield name, value


def _waiting(key: str, now: Mapping[str, object], wanted: Mapping[str, object]) -> Change:
    """The change of *key*, or of its whole table where that comes or goes."""
    table = key.partition(".")[0]
    there, then = (any(one.startswith(f"{table}.") for one in keys) for keys in (now, wanted))
    if there and then:
        return _change(key, now, wanted)
    return Change(key=table, before="a table" if there else None, now="a table" if then else None)


def _change(key: str, before: Mapping[str, object], now: Mapping[str, object]) -> Change:
    return Change(key=key, before=_shown(key, before.get(key)), now=_shown(key, now.get(key)))


def _shown(key: str, value: object) -> str | None:
    table, name = key.partition(".")[0], key.rpartition(".")[2]
    match value:
        case None:
            return None
        case _ if name.casefold() in SECRET_KEYS:
            return NOT_SHOWN
        case str() if table == "ocpp":
            return value
        case bool() | str() | tuple():
            return json.dumps(value, ensure_ascii=False)
        case Path():
            return json.dumps(str(value), ensure_ascii=False)
        case float():
            return f"{value:g}"
        case _:
            return str(value)
