"""What the Pi does with the outputs of a process that died: it must let go of them.

Raspberry Pi kernels keep the last level of a pin whose owner is gone, a closed contactor included, unless they were
told otherwise by `dtparam=strict_gpiod`. The running kernel says so where it can; else its command line does, else
the file of which that is made.
"""

from collections.abc import Iterator
from pathlib import Path

from hal.errors import DeviceUnavailable

_DRIVERS = ("pinctrl_bcm2835", "pinctrl_rp1")
"""The kernel's drivers of the header: the second one on a Pi 5."""

_CONFIGURATIONS = ("boot/firmware/config.txt", "boot/config.txt")


def lets_go_of_outputs(root: Path, *, driver: str) -> bool:
    """True where the kernel under *root* makes an input of a pin whose owner died; *driver* serves the header."""
    for verdict in (_by_kernel(root, driver), _by_command_line(root, driver), _by_configuration(root)):
        if verdict is not None:
            return verdict
    return False


def check_outputs_let_go(root: Path, *, is_rp1: bool) -> None:
    """Raise DeviceUnavailable where a dead guard's contactor would stay closed; *is_rp1*: a Pi 5 or its like."""
    if lets_go_of_outputs(root, driver=_DRIVERS[1] if is_rp1 else _DRIVERS[0]):
        return
    file = configuration_file(root)
    raise DeviceUnavailable(
        "GPIO outputs",
        "the kernel keeps the last level of a process that died, a closed contactor too",
        f"add dtparam=strict_gpiod under [all] in {file} and reboot",
    )


def configuration_file(root: Path) -> Path:
    """The firmware's config.txt, where it is or where it belongs."""
    places = [root / place for place in _CONFIGURATIONS]
    return next((place for place in places if place.is_file()), places[0])


def _by_kernel(root: Path, driver: str) -> bool | None:
    text = _read(root / "sys/module" / driver / "parameters/persist_gpio_outputs")
    return None if text is None else text.strip().upper() in ("N", "0")


def _by_command_line(root: Path, driver: str) -> bool | None:
    told = None
    for word in (_read(root / "proc/cmdline") or "").split():
        key, _, value = word.partition("=")
        if key.replace("-", "_") == f"{driver}.persist_gpio_outputs":
            told = value.lower() in ("n", "0", "off")
    return told


def _by_configuration(root: Path) -> bool | None:
    told = None
    for name, value in _parameters(_read(configuration_file(root)) or ""):
        if name == "strict_gpiod":
            told = value in ("", "on", "true", "yes", "1")
    return told


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """The dtparam settings that hold for every Pi: what stands before any filter, or under [all]."""
    for_all = True
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            for_all = line.lower() == "[all]"
        elif for_all and line.startswith("dtparam="):
            for setting in line.removeprefix("dtparam=").split(","):
                name, _, value = setting.strip().partition("=")
                yield name, value.strip().lower()


def _read(file: Path) -> str | None:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return None
