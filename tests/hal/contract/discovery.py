"""Which devices there are: read from the folders of the product, so that none is forgotten here."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import get_args, get_type_hints

from hal.settings.tables import Hal, Reader, Table

HAL = Path(__file__).parents[3] / "hal"
SIMULATORS = "tests.hal.simulators"
METER_SIMULATOR = "modbus_meter"


def boards() -> list[str]:
    """The boards: one package each."""
    return sorted(file.parent.name for file in (HAL / "boards").glob("*/__init__.py"))


def controllers() -> list[str]:
    """The controllers: the modules that bear the name of a backend."""
    return sorted(file.stem for file in (HAL / "controllers").glob("*.py") if file.stem in backends())


def meter_families() -> list[str]:
    """The families of meters: one data file each."""
    return sorted(file.stem for file in (HAL / "meters" / "families").glob("*.toml"))


def readers() -> list[str]:
    """The card readers: the modules that bear the name of a kind."""
    return sorted(file.stem for file in (HAL / "readers").glob("*.py") if file.stem in reader_kinds())


def backends() -> tuple[str, ...]:
    """What may be configured as the hardware."""
    return _allowed(Hal, "backend")


def reader_kinds() -> tuple[str, ...]:
    """What may be configured as a reader."""
    return _allowed(Reader, "kind")


def simulator(name: str) -> ModuleType:
    """The simulator *name*; fails the test where nobody has written it."""
    assert find_spec(f"{SIMULATORS}.{name}") is not None, (
        f"{name} has no simulator: write tests/hal/simulators/{name}.py as tests/hal/contract/rig.py says"
    )
    return importlib.import_module(f"{SIMULATORS}.{name}")


def _allowed(table: type[Table], key: str) -> tuple[str, ...]:
    return get_args(get_type_hints(table)[key])
