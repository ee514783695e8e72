"""Which way imports point, and that time comes from one place: read from the source, and seen by importing it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HAL_FACE = (
    "hal.evse",
    "hal.examination",
    "hal.light",
    "hal.values",
    "hal.iec61851",
    "hal.readers.id_format",
)
CONTROL_FACE = ("cpd.control.api", "cpd.control.client")

ALLOWED = {
    "cpd": (),
    "cpd.errors": (),
    "cpd.clock": (),
    "cpd.systemd": ("hal.journal", "hal.logging_thread"),
    "cpd.status_line": ("cpd.domain.connector_status", "cpd.station.snapshot"),
    "cpd.supervision": (
        "cpd.station.pulse",
        "cpd.station.signal",
        "cpd.station.snapshot",
        "cpd.status_line",
        "cpd.clock",
        "hal.systemd",
        "hal.watchdog",
    ),
    "cpd.hard_reset": (),
    "cpd.belonging": (
        "cpd.domain.transactions",
        "cpd.station.journal",
        "cpd.station.repositories",
        "cpd.station.timebase",
        "cpd.storage.database",
    ),
    "cpd.firmware": ("cpd.station.firmware", "cpd.transfers"),
    "cpd.transfers": (),
    "cpd.diagnostics": (
        "cpd.__version__",
        "cpd.control",
        "cpd.ocpp",
        "cpd.parts",
        "cpd.station",
        "cpd.storage.schema",
        "cpd.settings",
        "cpd.transfers",
        "cpd.domain",
        "cpd.clock",
        "cpd.errors",
        "hal.examination",
    ),
    "cpd.settings": ("cpd.__version__", "cpd.errors", "cpd.domain.variables", "hal.settings", "hal.errors"),
    "cpd.domain": HAL_FACE,
    "cpd.station": ("cpd.domain", "cpd.clock", "cpd.errors", *HAL_FACE),
    "cpd.storage": ("cpd.station.repositories", "cpd.domain", "cpd.errors"),
    "cpd.ocpp": ("cpd.clock", "cpd.errors"),
    "cpd.ocpp.v16": ("cpd.ocpp", "cpd.station", "cpd.domain", "cpd.clock", "cpd.errors", *HAL_FACE),
    "cpd.control": (
        "cpd.station",
        "cpd.domain",
        "cpd.settings.changes",
        "cpd.clock",
        "cpd.errors",
        "hal.errors",
        "hal.world_acts",
        *HAL_FACE,
    ),
    # Loaded by `cpd init` alone.
    "cpd.cli.asking": ("cpd.cli.terminal", "cpd.commissioning"),
    "cpd.cli.given": (),
    "cpd.cli.hardware_questions": ("cpd.cli.asking", "cpd.cli.given", "cpd.commissioning"),
    "cpd.cli.questions": (
        "cpd.cli.asking",
        "cpd.cli.given",
        "cpd.cli.hardware_questions",
        "cpd.cli.terminal",
        "cpd.commissioning",
        "cpd.errors",
        "cpd.settings",
    ),
    "cpd.cli.commission": (
        "cpd.cli",
        "cpd.commissioning",
        "cpd.control.doctor",
        *CONTROL_FACE,
        "cpd.diagnostics",
        "cpd.errors",
        "cpd.settings",
        "hal.settings.tables",
    ),
    # Loaded by `cpd backup`, `cpd restore` and `cpd factory-reset` alone.
    "cpd.cli.upkeep": (*CONTROL_FACE, "cpd.errors", "cpd.settings", "cpd.upkeep"),
    "cpd.cli.restore": ("cpd.cli", *CONTROL_FACE, "cpd.upkeep"),
    "cpd.cli.factory_reset": ("cpd.cli", *CONTROL_FACE, "cpd.storage.clearing", "cpd.upkeep"),
    "cpd.upkeep": (
        "cpd.__version__",
        "cpd.belonging",
        "cpd.diagnostics.frame_files",
        "cpd.errors",
        "cpd.settings",
        "cpd.storage",
    ),
    "cpd.control.listener": ("cpd.errors", "hal.errors", "hal.unix_socket"),
    "cpd.control.api": (),
    "cpd.control.client": ("cpd.control.api",),
    "cpd.cli": CONTROL_FACE,
    # The central system is the independent peer: it shares the connection with cpd, never cpd's OCPP.
    "cpd.lab": (
        "cpd.cli",
        *CONTROL_FACE,
        "cpd.ocpp.transport",
        "cpd.station.signal",
        "cpd.clock",
        "cpd.errors",
    ),
    "cpd.commissioning": (
        "cpd.cli.terminal",
        "cpd.clock",
        "cpd.diagnostics.machine_examination",
        "cpd.errors",
        "cpd.lab.demo",
        "cpd.ocpp.transport",
        "cpd.settings",
        "hal.errors",
        "hal.examination",
        "hal.meters.family",
        "hal.settings",
        "hal.wire.client",
    ),
    "cpd.manual": (
        "cpd.__version__",
        "cpd.cli",
        "cpd.clock",
        "cpd.domain.variables",
        "cpd.settings.tables",
        "hal.process",
        "hal.safe_outputs",
        "hal.settings",
    ),
    "cpd.reloading": ("cpd.settings", "cpd.errors"),
    "cpd.parts": (
        "cpd.firmware",
        "cpd.settings",
        "cpd.station.config",
        "cpd.station.fail_safe",
        "cpd.station.free_vend",
        "cpd.station.snapshot",
        "cpd.domain.composite",
        "cpd.domain.local_time",
        "cpd.ocpp.link",
        "cpd.ocpp.transport",
    ),
    "cpd.daemon": ("cpd", "hal"),
    "hal": (),
}
"""What each package may import of ours besides itself; the longest name that fits a module rules it."""

ALLOWED_LAZILY = {
    "cpd.cli": (
        "cpd.__version__",
        "cpd.clock",
        "cpd.commissioning.choices",
        "cpd.daemon",
        "cpd.diagnostics",
        "cpd.domain.variables",
        "cpd.lab",
        "cpd.systemd",
        "cpd.upkeep",
        "cpd.settings",
        "cpd.errors",
        "hal.boards.mock",
        "hal.errors",
        "hal.values",
    ),
}
"""What may be imported inside a function as well: `cpd status` never pays for it."""

THIRD_PARTY = {
    "cpd.domain": set(),
    "cpd.station": set(),
    "cpd.storage": {"msgspec"},
    "cpd.settings": {"msgspec"},
    "cpd.ocpp": {"msgspec", "fastjsonschema", "websockets"},
    "cpd.ocpp.v16": {"msgspec"},
    "cpd.control": {"msgspec"},
    "cpd.cli": {"click"},
    "cpd.manual": {"click"},
    "cpd.lab": {"click", "msgspec", "ocpp", "websockets"},
    "cpd": {"msgspec"},
    "hal": set(),
    "hal.settings": {"msgspec"},
    "hal.boards.gpio.chip": {"gpiozero", "lgpio"},
    "hal.serial_line": {"serial"},
    "hal.journal": {"systemd"},
    "hal.systemd": {"systemd"},
    "hal.readers.keyboard": {"evdev"},
}
"""Libraries by package. A driver's library belongs to the one module of `hal` that drives it."""

IMPURE = {
    "asyncio",
    "logging",
    "os",
    "pathlib",
    "random",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}
"""Modules of the standard library that have no place in `cpd.domain`."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """*module* imports *name*; *lazy* inside a function, *typing* only for the type checker."""

    module: str
    line: int
    name: str
    lazy: bool
    typing: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    @property
    def ours(self) -> bool:
        return self.top in ("cpd", "hal")

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


@cache
def sources() -> dict[str, ast.Module]:
    """The parsed source of every module, by its dotted name."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            file.read_text()
        )
        for top in ("cpd", "hal")
        for file in sorted((ROOT / top).rglob("*.py"))
    }


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for module, tree in sources().items() for found in _imports_of(module, tree))


def _imports_of(module: str, node: ast.AST, lazy: bool = False, typing: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.module is not None:
            # `from package import module` is an import of that module, and the roots hold no code to rule.
            whole = [f"{child.module}.{alias.name}" for alias in child.names]
            root = child.module in ("cpd", "hal")
            names = [name if root or name in sources() else child.module for name in whole]
        for name in names:
            yield Import(module=module, line=child.lineno, name=name, lazy=lazy, typing=typing)
        in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        yield from _imports_of(module, child, lazy or in_function, typing or for_types)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def ruling(module: str, table: dict[str, object]) -> str:
    """The longest name in *table* that *module* is in."""
    return max((package for package in table if within(module, package)), key=len)


def permitted(found: Import) -> bool:
    package = ruling(found.module, ALLOWED)
    allowed = (package, *ALLOWED[package], *(ALLOWED_LAZILY.get(package, ()) if found.lazy else ()))
    return any(within(found.name, one) for one in allowed)


def test_every_module_has_a_rule():
    assert [module for module in sources() if ruling(module, ALLOWED) == "cpd"] == ["cpd"]


def test_imports_are_absolute():
    relative = [
        f"{module}:{node.lineno}"
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str):
    ruled = [found for found in imports() if found.ours and ruling(found.module, ALLOWED) == package]
    assert [str(found) for found in ruled if not permitted(found)] == []


def test_the_framing_of_ocpp_knows_nothing_of_one_version():
    framing = [found for found in imports() if ruling(found.module, ALLOWED) == "cpd.ocpp"]
    assert [str(found) for found in framing if within(found.name, "cpd.ocpp.v16")] == []


def test_packages_do_not_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for found in imports():
        if found.ours and not found.typing:
            here, there = ruling(found.module, ALLOWED), ruling(found.name, ALLOWED)
            if here != there and not found.lazy:
                graph.setdefault(here, set()).add(there)
    TopologicalSorter(graph).prepare()


def test_modules_do_not_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for found in imports():
        if found.ours and not found.typing and not found.lazy:
            graph.setdefault(found.module, set()).add(found.name)
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("package", THIRD_PARTY)
def test_libraries_are_imported_where_they_belong(package: str):
    wrong = [
        str(found)
        for found in imports()
        if not found.ours
        and found.top not in sys.stdlib_module_names
        and ruling(found.module, THIRD_PARTY) == package
        and found.top not in THIRD_PARTY[package]
    ]
    assert wrong == []


def test_the_domain_is_pure():
    assert [
        str(found) for found in imports() if within(found.module, "cpd.domain") and found.top in IMPURE
    ] == []


TIME = {"asyncio.sleep", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
LOOSE_TASKS = {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task"}


def uses(names: set[str]) -> list[str]:
    """Where a dotted name that ends like one of *names* is mentioned."""
    return [
        f"{module}:{node.lineno} uses {ast.unparse(node)}"
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and any(f".{ast.unparse(node)}".endswith(f".{name}") for name in names)
    ]


def test_only_the_clock_knows_what_time_it_is():
    importers = [str(found) for found in imports() if found.top == "time"]
    assert [one for one in importers + uses(TIME) if not one.startswith("cpd.clock:")] == []


def test_the_clock_is_seen_to_use_time():
    """The search above finds what it looks for."""
    assert any(one.startswith("cpd.clock:") for one in uses(TIME))
    assert any(found.module == "cpd.clock" and found.name == "time" for found in imports())


def test_no_task_is_started_outside_a_task_group():
    assert uses(LOOSE_TASKS) == []


IMPORT_ALL = """
import importlib, sys, threading

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"gpiozero", "lgpio", "serial", "pymodbus", "spidev", "smbus2", "systemd"}:
            raise ImportError(f"{name} is only on a charger")

sys.meta_path.insert(0, Absent())
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
"""


def test_importing_has_no_side_effects_and_needs_no_driver():
    modules = [module for module in sources() if not module.endswith(".__main__")]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, *modules],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_hardware_side_runs_without_cpd():
    modules = [module for module in sources() if within(module, "hal") and not module.endswith(".__main__")]
    script = f"{IMPORT_ALL}\nassert not any(name.partition('.')[0] == 'cpd' for name in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script, *modules], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
