"""The system of a Raspberry Pi as files under a folder: device tree, PWM chips, sound cards, and their kernel.

Each builder makes what the model shows with the PWM overlay for GPIO 18 and 19. Plain files keep what is written;
`FakeKernel` gives them the manners of the kernel: exports, refusals, and permissions that come late.
"""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from hal.boards.gpio.pwm import SysfsFiles

BCM2837_PWM = "3f20c000.pwm"
BCM2711_PWM = "fe20c000.pwm"
RP1_PWM = "1f00098000.pwm"
RP1_FAN = "1f0009c000.pwm"

HDMI_AUDIO = " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n"
ANALOGUE_AUDIO = (
    " 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones\n"
)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A system under *root*."""

    root: Path

    @property
    def pwm(self) -> Path:
        """The directory of the PWM chips."""
        return self.root / "sys/class/pwm"

    def add_chip(self, number: int, device: str, *, channels: int, bus: str = "soc") -> Path:
        """A PWM chip, known by its *device*."""
        chip = self.root / f"sys/devices/platform/{bus}/{device}/pwm/pwmchip{number}"
        chip.mkdir(parents=True)
        (chip / "npwm").write_text(f"{channels}\n")
        (chip / "export").write_text("")
        (chip / "unexport").write_text("")
        self.pwm.mkdir(parents=True, exist_ok=True)
        link = self.pwm / chip.name
        link.symlink_to(os.path.relpath(chip, link.parent))
        return chip

    def export(self, chip: Path, channel: int, **attributes: str) -> Path:
        """A channel that is exported, as a kernel shows it, or as somebody has left it."""
        exported = chip / f"pwm{channel}"
        exported.mkdir()
        fresh = {"period": "0", "duty_cycle": "0", "polarity": "normal", "enable": "0"}
        for attribute, value in {**fresh, **attributes}.items():
            (exported / attribute).write_text(f"{value}\n")
        return exported

    def say_model(self, name: str, *compatible: str) -> None:
        """What the device tree calls the board."""
        tree = self.root / "proc/device-tree"
        tree.mkdir(parents=True)
        (tree / "model").write_bytes(name.encode() + b"\0")
        (tree / "compatible").write_bytes(b"".join(one.encode() + b"\0" for one in compatible))

    def route(self, *pins: int) -> None:
        """The overlay has given the PWM these pins."""
        node = self.root / "proc/device-tree/soc/gpio@7e200000/pwm_pins"
        node.mkdir(parents=True, exist_ok=True)
        (node / "brcm,pins").write_bytes(b"".join(pin.to_bytes(4, "big") for pin in pins))

    def sound(self, cards: str) -> None:
        """What /proc/asound/cards says."""
        (self.root / "proc/asound").mkdir(parents=True, exist_ok=True)
        (self.root / "proc/asound/cards").write_text(cards)


def pi_zero_2(root: Path) -> Tree:
    tree = Tree(root=root)
    tree.say_model("Raspberry Pi Zero 2 W Rev 1.0", "raspberrypi,model-zero-2-w", "brcm,bcm2837")
    tree.add_chip(0, BCM2837_PWM, channels=2)
    tree.route(18, 19)
    tree.sound(HDMI_AUDIO)
    return tree


def pi_3(root: Path) -> Tree:
    tree = Tree(root=root)
    tree.say_model("Raspberry Pi 3 Model B Plus Rev 1.3", "raspberrypi,3-model-b-plus", "brcm,bcm2837")
    tree.add_chip(0, BCM2837_PWM, channels=2)
    tree.route(18, 19)
    tree.sound(HDMI_AUDIO)
    return tree


def pi_4(root: Path) -> Tree:
    tree = Tree(root=root)
    tree.say_model("Raspberry Pi 4 Model B Rev 1.5", "raspberrypi,4-model-b", "brcm,bcm2711")
    tree.add_chip(0, BCM2711_PWM, channels=2)
    tree.route(18, 19)
    tree.sound(HDMI_AUDIO)
    return tree


def pi_5(root: Path) -> Tree:
    """With a kernel of 6.12 or newer: the header's chip is number 0."""
    return _pi_5(root, header=0, fan=1)


def pi_5_old_kernel(root: Path) -> Tree:
    """Before 6.12: the header's chip is number 2, behind that of the fan."""
    return _pi_5(root, header=2, fan=0)


def without_overlay(tree: Tree, number: int) -> Tree:
    """*tree* where no overlay has switched the PWM on: only other chips are there."""
    (tree.pwm / f"pwmchip{number}").unlink()
    return tree


def _pi_5(root: Path, *, header: int, fan: int) -> Tree:
    tree = Tree(root=root)
    tree.say_model("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b", "brcm,bcm2712")
    tree.add_chip(fan, RP1_FAN, channels=4, bus="axi/1000120000.pcie")
    tree.add_chip(header, RP1_PWM, channels=4, bus="axi/1000120000.pcie")
    return tree


ALL = {
    "zero 2": (pi_zero_2, 0, 0),
    "3": (pi_3, 0, 0),
    "4": (pi_4, 0, 0),
    "5": (pi_5, 0, 2),
    "5, old kernel": (pi_5_old_kernel, 2, 2),
}
"""Every model: its builder, the number of its header's PWM chip, the channel of GPIO 18."""


@dataclass
class FakeKernel(SysfsFiles):
    """The PWM's side of sysfs. *written* is every value that it took, in order, export included.

    *permitted_after*: so many openings of an attribute are refused before udev has given the permission. *busy*: a
    driver of the kernel has the channel. *deaf*: attributes that keep their value whatever is written. *broken*: a
    write raises this error number.
    """

    tree: Tree
    permitted_after: int = 0
    may_export: bool = True
    busy: bool = False
    deaf: frozenset[str] = frozenset()
    broken: int | None = None
    written: list[tuple[str, int | str]] = field(default_factory=list)
    _paths: dict[int, Path] = field(default_factory=dict)

    def open(self, path: Path, flags: int) -> int:
        if path.name == "export" and not self.may_export:
            raise PermissionError(errno.EACCES, "Permission denied")
        if path.parent.name.startswith("pwm") and not path.parent.name.startswith("pwmchip"):
            self.permitted_after -= 1
            if self.permitted_after >= 0:
                raise PermissionError(errno.EACCES, "Permission denied")
        descriptor = super().open(path, flags)
        self._paths[descriptor] = path
        return descriptor

    def write(self, descriptor: int, value: str) -> None:
        path = self._paths[descriptor]
        if self.broken is not None:
            raise OSError(self.broken, os.strerror(self.broken))
        if path.name == "export":
            if self.busy or (path.parent / f"pwm{value}").exists():
                raise OSError(errno.EBUSY, "Device or resource busy")
            self.tree.export(path.parent, int(value))
        else:
            self._check(path, value)
        self.written.append((path.name, int(value) if value.isdigit() else value))
        if path.name not in self.deaf:
            # Whoever reads at the same time sees the old value or the new one in the first line.
            super().write(descriptor, value)
            os.ftruncate(descriptor, len(value) + 1)

    def _check(self, path: Path, value: str) -> None:
        """What drivers/pwm/core.c and sysfs.c refuse."""
        now = {name: (path.parent / name).read_text().strip() for name in ("period", "duty_cycle", "enable")}
        period = int(value if path.name == "period" else now["period"])
        duty = int(value if path.name == "duty_cycle" else now["duty_cycle"])
        if duty > period or (path.name == "enable" and value == "1" and period == 0):
            raise OSError(errno.EINVAL, "Invalid argument")
        if path.name == "polarity" and now["enable"] == "1":
            raise OSError(errno.EBUSY, "Device or resource busy")
