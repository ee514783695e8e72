"""What `cpd doctor` finds around the daemon: software, board, files, disk. It needs no running daemon."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cpd import __version__
from cpd.settings import Settings
from hal.examination import Finding, Health

_LITTLE_BYTES: Final = 500_000_000
_TOO_LITTLE_BYTES: Final = 50_000_000
_FOR_OTHERS: Final = 0o007
_ARM: Final = "restart the machine; else RuntimeWatchdogSec=15s in /etc/systemd/system.conf"


def found(part: str, health: Health, evidence: str, next_step: str = "") -> Finding:
    """A finding on what belongs to no connector."""
    return Finding(part=part, connector=None, health=health, evidence=evidence, next_step=next_step)


def examine_software(root: Path = Path("/")) -> Iterator[Finding]:
    """What runs here, and on what; *root* is where the files of the system begin."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield found("software", Health.OK, f"cpd {__version__}, Python {python}")
    yield found("machine", Health.OK, pi_model(root) or "not a Raspberry Pi")
    yield found("system", Health.OK, f"{_os_name()}, kernel {platform.release()}")
    yield from _watchdog(root)


def pi_model(root: Path = Path("/")) -> str | None:
    """What the device tree calls a Raspberry Pi; None on another machine."""
    with suppress(OSError):
        model = (root / "proc/device-tree/model").read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        return model if "Raspberry Pi" in model else None
    return None


def _watchdog(root: Path) -> Iterator[Finding]:
    """A kernel that hangs leaves the pilot on and the contactor closed, until the machine resets itself."""
    devices = sorted((root / "sys/class/watchdog").glob("watchdog*"))
    states = {device: state for device in devices if (state := _line(device / "state")) is not None}
    armed = next((device for device, state in states.items() if state == "active"), None)
    if armed is not None:
        seconds, name = _line(armed / "timeout"), _line(armed / "identity") or armed.name
        within = "" if seconds is None else f" within {seconds} s"
        yield found("watchdog", Health.OK, f"armed: {name} resets a hung kernel{within}")
    elif states:
        yield found("watchdog", Health.WARNING, "not armed: a hung kernel stays hung", _ARM)
    elif devices:
        yield found("watchdog", Health.OK, f"{devices[0].name} is there; this kernel does not tell more")
    elif pi_model(root) is not None:
        yield found("watchdog", Health.WARNING, "this kernel has none", "dtparam=watchdog=on in config.txt")


def _line(file: Path) -> str | None:
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    return None


def examine_files(settings: Settings, now: datetime) -> Iterator[Finding]:
    """The configuration with its secrets, the sockets, the store and its disk; *now* by the system's clock."""
    yield found("configuration", *_configuration(settings))
    for file in _secret_files(settings):
        with suppress(FileNotFoundError):
            if file.stat().st_mode & _FOR_OTHERS:
                yield found(
                    "secrets", Health.WARNING, f"{file}: anybody can read it", f"sudo chmod o= {file}"
                )
    with suppress(FileNotFoundError):
        yield found("control socket", *_socket(settings.control.socket))
    yield found("store", *_store(settings, now))
    yield found("disk", *_disk(settings.store.path.parent))


def examine_devices(settings: Settings, root: Path = Path("/")) -> Iterator[Finding]:
    """Whether the configured devices exist, for want of a daemon that uses them."""
    named = [(f"meter of {one.connector}", one.port) for one in settings.meters]
    named += [(f"{one.kind} reader", one.port) for one in settings.readers]
    for connector in settings.connectors:
        if connector.serial is not None:
            named.append((f"controller {connector.id}", connector.serial.port))
        if connector.gpio is not None:
            named.append((f"ADC of {connector.id}", str(connector.gpio.spi)))
    for part, port in named:
        if (root / port.lstrip("/")).exists():
            yield found(part, Health.OK, f"{port} exists")
        else:
            yield found(
                part, Health.FAILED, f"{port} does not exist", "check its plug; ls -l /dev/serial/by-id"
            )
    if settings.hal.backend == "gpio" and pi_model(root) is None:
        yield found("pins", Health.FAILED, "backend gpio, but this is no Raspberry Pi", "choose another one")


def _configuration(settings: Settings) -> tuple[Health, str, str]:
    if not settings.warnings:
        return Health.OK, f"{settings.file}, no warnings", ""
    more = "" if len(settings.warnings) == 1 else f" ({len(settings.warnings) - 1} more)"
    return Health.WARNING, f"{settings.warnings[0]}{more}", f"cpd config check {settings.file}"


def _secret_files(settings: Settings) -> Iterator[Path]:
    """Files that hold nothing else; what is secret in cpd.toml itself is a warning of that."""
    csms = settings.csms
    if csms is not None:
        yield from (file for file in (csms.password_file, csms.key_file) if file is not None)


def _socket(path: Path) -> tuple[Health, str, str]:
    mode = path.stat().st_mode
    if mode & _FOR_OTHERS:
        return Health.WARNING, f"{path}: anybody can use it", f"sudo chmod o= {path}"
    return Health.OK, f"{path}, mode {mode & 0o777:04o}", ""


def _store(settings: Settings, now: datetime) -> tuple[Health, str, str]:
    path = settings.store.path
    files = [path, path.with_name(path.name + "-wal")]
    sizes, written = 0, 0.0
    for file in files:
        with suppress(OSError):
            status = file.stat()
            sizes += status.st_size
            written = max(written, status.st_mtime)
    if not written:
        return Health.WARNING, f"{path} does not exist yet", "it is made by the first cpd run"
    if not os.access(path, os.R_OK | os.W_OK):
        return Health.WARNING, f"{path} is not this user's", "run cpd doctor as root to see more"
    age_s = max(0, int((now - datetime.fromtimestamp(written, UTC)).total_seconds()))
    quota = settings.store.quota_mb
    evidence = f"{_size(sizes)} of {quota} MB, written {age_s} s ago"
    if sizes > quota * 1_000_000:
        return Health.WARNING, evidence, "meter values are thinned; cpd queue tells what waits"
    return Health.OK, evidence, ""


def _disk(folder: Path) -> tuple[Health, str, str]:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Health.FAILED, f"{folder}: {error.strerror}", "make the directory of [store] path"
    evidence = f"{_size(free)} free at {folder}"
    if free < _TOO_LITTLE_BYTES:
        return Health.FAILED, evidence, "free some space; without it no session begins"
    if free < _LITTLE_BYTES:
        return Health.WARNING, evidence, "free some space: sudo journalctl --vacuum-size=50M"
    return Health.OK, evidence, ""


def _size(size_bytes: int) -> str:
    if size_bytes >= 10_000_000_000:
        return f"{size_bytes // 1_000_000_000} GB"
    return f"{size_bytes // 1_000_000} MB" if size_bytes >= 1_000_000 else f"{size_bytes // 1_000} kB"


def _os_name() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return platform.system()
