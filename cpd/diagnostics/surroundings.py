"""What a bundle tells of the machine, and needs no running daemon for: versions, the file, the journal of systemd."""

import json
import os
import platform
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from cpd import __version__
from cpd.diagnostics.archive import Part
from cpd.diagnostics.redaction import Redaction
from cpd.domain.diagnostics import Window
from cpd.storage.schema import released

_LIBRARIES: Final = ("websockets", "ocpp", "msgspec", "fastjsonschema", "click")
_JOURNAL: Final = ("journalctl", "--unit=cpd", "--no-pager", "--quiet", "--output=short-iso-precise")
_JOURNAL_LINES: Final = 10_000
_JOURNAL_S: Final = 8.0
"""Less than a service may take to stop: a bundle that is being made must not keep it from that."""
_FACTS: Final = {
    "model": Path("/proc/device-tree/model"),
    "load": Path("/proc/loadavg"),
    "uptime": Path("/proc/uptime"),
}


def versions(folder: Path) -> dict[str, Any]:
    """What runs here, and on what; *folder* is where the store is."""
    return {
        "cpd": __version__,
        "store_schema": released()[-1].version,
        "python": sys.version,
        "libraries": dict(_libraries()),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "os": _os_name(),
        "kernel": f"{platform.release()} {platform.machine()}",
        "disk_free_bytes": _free_bytes(folder),
        "memory_kb": _memory_kb(),
        **{name: _text_of(file) for name, file in _FACTS.items()},
    }


def configuration_file(file: Path, redaction: Redaction) -> Any:
    """What stands in *file*, without comments and secrets; a sentence where it cannot be read."""
    try:
        with file.open("rb") as content:
            return redaction.document(tomllib.load(content))
    except (OSError, ValueError) as error:
        return f"not read: {type(error).__name__}"


def journal(window: Window, redaction: Redaction) -> str:
    """The unit's lines in *window*, the newest ones, as journalctl has them; a sentence where it has none."""
    command = [*_JOURNAL, f"--lines={_JOURNAL_LINES}"]
    if window.start_at is not None:
        command.append(f"--since=@{int(window.start_at.timestamp())}")
    if window.stop_at is not None:
        command.append(f"--until=@{int(window.stop_at.timestamp()) + 1}")
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_JOURNAL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no journal: {type(error).__name__}\n"
    return redaction.text(run.stdout.decode("utf-8", errors="replace")) or "the journal has nothing\n"


def secrets_of(file: Path) -> Iterator[str]:
    """The passwords that stand in a configuration file, or in the file that it names for one."""
    with suppress(OSError, ValueError):
        with file.open("rb") as content:
            document = tomllib.load(content)
        csms = document.get("csms", {})
        if isinstance(csms, dict):
            for value in (csms.get("password"), document.get("ocpp", {}).get("AuthorizationKey")):
                if isinstance(value, str):
                    yield value
            named = csms.get("password_file")
            if isinstance(named, str):
                yield (file.parent / named).read_text(encoding="utf-8").strip()


def json_part(name: str, document: Any) -> Part:
    """A document, laid out for a reader."""
    return Part(name=name, text=json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n")


def _libraries() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def _os_name() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return platform.system()


def _free_bytes(folder: Path) -> int | None:
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return None


def _memory_kb() -> dict[str, str]:
    lines = [line.partition(":") for line in (_text_of(Path("/proc/meminfo")) or "").splitlines()]
    return {name: value.strip() for name, _, value in lines if name in ("MemTotal", "MemAvailable")}


def _text_of(file: Path) -> str | None:
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    return None


def process_memory() -> str | None:
    """The daemon's own memory, as the kernel counts it."""
    return _text_of(Path(f"/proc/{os.getpid()}/statm"))
