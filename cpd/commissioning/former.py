"""The configuration that is there already: what it says stays, unless somebody decides otherwise."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cpd.commissioning.choices import Board
from cpd.errors import SettingsError
from cpd.settings.loading import mistakes_in

_EXAMPLE: Final = "CP-0042"
"""The id of the file that is shipped, which is nobody's."""

_PASSWORDS: Final = frozenset({"password", "password_file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """The tables of a file as they stand in it; *right* where `cpd config check` takes them.

    Nothing is taken over from one that is not right.
    """

    tables: dict[str, Any] = field(repr=False)
    right: bool = True

    def table(self, name: str) -> dict[str, Any]:
        """One table, empty where there is none."""
        return self.tables.get(name, {}) if self.right else {}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """A table that is there several times; connectors by their ids."""
        rows: list[dict[str, Any]] = self.tables.get(name, []) if self.right else []
        return sorted(rows, key=lambda row: row["id"]) if name == "connector" else rows

    def has_board(self, board: Board) -> bool:
        """True where its hardware is of the kind of *board*, so that each of its keys means the same."""
        if not self.right:
            return False
        ready = tomllib.loads(board.text)
        return _kind(self.table("hal"), self.rows("connector")) == _kind(ready["hal"], ready["connector"])

    def outlet(self, number: int) -> dict[str, Any] | None:
        """What it says of the outlet *number*."""
        return next((row for row in self.rows("connector") if row["id"] == number), None)

    def current_a(self, number: int) -> int | None:
        """What an outlet may give; of a new one, the least of all. None where there is no outlet at all."""
        currents = {row["id"]: int(row.get("max_current_a", 32)) for row in self.rows("connector")}
        return currents.get(number, min(currents.values(), default=None))

    def phases(self, number: int) -> int | None:
        """How many are wired to an outlet; to a new one, as to the first."""
        rows = self.rows("connector")
        row = self.outlet(number) or (rows[0] if rows else None)
        return None if row is None else int(row.get("phases", 3))

    def elsewhere(self) -> "Former":
        """The same, without the places where the processes of this charger meet."""
        hal = {
            key: value
            for key, value in self.tables.get("hal", {}).items()
            if key not in ("guard_socket", "state_dir")
        }
        rest = {key: value for key, value in self.tables.items() if key not in ("hal", "store", "control")}
        return Former(tables=rest | {"hal": hal}, right=self.right)


def read_former(file: Path) -> Former | None:
    """What *file* says; None where it is not there, or is the one that is shipped."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except OSError:
        # Where there is something, writing will tell why not.
        return None
    except ValueError:
        return Former(tables={"all of it, which is no TOML": True}, right=False)
    station = tables.get("station")
    if isinstance(station, dict) and station.get("id") == _EXAMPLE:
        return None
    try:
        right = not mistakes_in(file)
    except SettingsError:
        right = False
    return Former(tables=tables, right=right)


def lost(former: Former, text: str, decided: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The keys of *former* that are not in *text*, the new file, or say something else there.

    Left out is what an answer always says (id, address, backend, lines of controllers), and what is *decided*: tables
    that somebody has chosen anew, and keys of outlets.
    """
    before = dict(_flat(former.tables))
    after: dict[tuple[str | int, ...], Any] = dict(_flat(tomllib.loads(text, parse_float=Decimal)))
    gone = []
    for path, value in before.items():
        if after.get(path) == value or path[0] in decided:
            continue
        if path[0] == "connector" and path[-1] in decided:
            continue
        if path in (("station", "id"), ("csms", "url"), ("hal", "backend")) and path in after:
            continue
        if path[-2:] == ("serial", "port") and path in after:
            continue
        if path[0] == "csms" and path[-1] in _PASSWORDS and ("csms", "password_file") in after:
            continue
        if path == ("csms", "security_profile") and isinstance(value, int) and after.get(path, -1) > value:
            continue
        gone.append(".".join(map(str, path)))
    return tuple(gone)


def _kind(hal: dict[str, Any], connectors: list[dict[str, Any]]) -> tuple[str, bool]:
    backend = hal.get("backend", "mock")
    # The pins of a socket and of a fixed cable are not the same.
    return backend, backend == "gpio" and bool(connectors[0].get("lock", True))


def _flat(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    match value:
        case dict():
            for key, below in value.items():
                yield from _flat(below, (*path, key))
        case [dict(), *_]:
            for number, below in enumerate(value, 1):
                yield from _flat(below, (*path, number))
        case _:
            yield path, value
