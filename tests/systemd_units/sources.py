"""The files in systemd/, read as systemd reads them, and the tools of systemd that judge them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "systemd"

TARGETS = ("sysinit", "basic", "shutdown", "network", "multi-user")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit: the values of each directive by its section, in order; an empty one takes back those before it."""

    name: str
    sections: dict[str, dict[str, list[str]]]

    def all(self, section: str, key: str) -> list[str]:
        """Every value of *key*."""
        return self.sections[section].get(key, [])

    def one(self, key: str) -> str:
        """The only value of the service's *key*."""
        (value,) = self.all("Service", key)
        return value


def unit(name: str) -> Unit:
    """The unit *name* of systemd/."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in (SOURCES / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return Unit(name=name, sections=sections)


def tool(name: str) -> str:
    """The path of a tool of systemd; skips the test where it is missing, unless it must be there."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CPD_REQUIRE_SYSTEMD") == "1":
            pytest.fail(f"{name} is not installed, and CPD_REQUIRE_SYSTEMD=1 asks for it")
        pytest.skip(f"{name} is not installed")
    return found


def ran(*command: str) -> tuple[int, str]:
    """Exit status and everything that *command* said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def installed(root: Path) -> Path:
    """A file system under *root* with the units, what they start, and the targets that they name."""
    units = root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for source in SOURCES.glob("*.service"):
        shutil.copy(source, units)
    for target in TARGETS:
        (units / f"{target}.target").write_text("[Unit]\n", encoding="utf-8")
    for program in ("opt/cpd/bin/cpd", "opt/cpd/bin/python", "bin/sh", "bin/cp"):
        path = root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return root
