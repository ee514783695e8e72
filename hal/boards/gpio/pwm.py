"""The pilot's 1 kHz from the kernel's hardware PWM by sysfs; there is no other way to make it.

Software PWM is late under load, and a late falling edge offers more current than was meant. The chip is found by the
name of its device: its number changes with the kernel, and another chip drives the fan. The channel stays exported
and enabled for good: a pin that is disabled idles low, and steady high is a duty as long as the period.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Self

from hal.boards.gpio.pi_models import PiModel, pi_model, pwm_pins
from hal.errors import DeviceUnavailable
from hal.iec61851 import PERIOD_NS, X1_NS

_PERMISSION_WAIT_S = 2.0
_PERMISSION_POLL_S = 0.05
_UNUSED = 0


class SysfsFiles:
    """The calls to the kernel with which attributes are read and written."""

    def open(self, path: Path, flags: int) -> int:
        """The descriptor of *path*; raises OSError."""
        return os.open(path, flags | os.O_CLOEXEC)

    def read(self, descriptor: int) -> str:
        """The attribute's value now; raises OSError."""
        return (os.pread(descriptor, 64, 0).decode().split() or [""])[0]

    def write(self, descriptor: int, value: str) -> None:
        """Set the attribute; raises OSError where the kernel does not take the value."""
        os.pwrite(descriptor, f"{value}\n".encode(), 0)

    def close(self, descriptor: int) -> None:
        """Let go of the descriptor."""
        os.close(descriptor)


class SysfsPilotOutput:
    """One enabled PWM channel with the pilot's period. `open` is the way to get one."""

    def __init__(self, pin: int, model: PiModel, channel: Path, files: SysfsFiles) -> None:
        self.pin = pin
        self.model = model
        self.channel = channel
        self.high_ns = X1_NS
        self._files = files
        self._descriptors: dict[str, int] = {}

    @classmethod
    def open(
        cls,
        pin: int,
        *,
        root: Path = Path("/"),
        files: SysfsFiles | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> Self:
        """The PWM on GPIO *pin* (BCM number), driving X1 from now on, without a moment of F in between.

        Waits up to 2 s with *pause* for the permissions that udev gives. Raises DeviceUnavailable where the PWM is
        missing, not on this pin, used by something else, not permitted, or not what it was set to.
        """
        model = pi_model(root)
        _refuse_sharing(pin, model, root)
        chip = _header_chip(pin, model, root)
        output = cls(
            pin, model, chip / f"pwm{model.pwm.channels[pin]}", SysfsFiles() if files is None else files
        )
        try:
            output._take(chip, Event().wait if pause is None else pause)
            output._set_up()
        except OSError as error:
            output.close()
            raise output._not_taken("reading", chip.name, error) from error
        except BaseException:
            output.close()
            raise
        return output

    @property
    def device(self) -> str:
        """What it is called in messages."""
        return f"PWM on GPIO {self.pin}"

    def drive(self, high_ns: int) -> None:
        """High time of each period, 0 (F) … 1 000 000 ns (X1). Raises OSError where the kernel does not take it."""
        if not 0 <= high_ns <= PERIOD_NS:
            raise ValueError(f"high time {high_ns} ns is outside 0 … {PERIOD_NS} ns")
        self._files.write(self._descriptors["duty_cycle"], str(high_ns))
        self.high_ns = high_ns

    def read_back(self) -> tuple[int, int, bool]:
        """Period and high time in ns, and whether the output is enabled, as the kernel has them; raises OSError."""
        return self._number("period"), self._number("duty_cycle"), self._number("enable") == 1

    def close(self) -> None:
        """Let go of the files; the output stays as it was driven last."""
        for descriptor in self._descriptors.values():
            self._files.close(descriptor)
        self._descriptors.clear()

    def _take(self, chip: Path, pause: Callable[[float], object]) -> None:
        """Export the channel and open its attributes, as soon as they may be written."""
        if not self.channel.exists():
            self._export(chip)
        waited_s = 0.0
        for attribute in ("duty_cycle", "period", "polarity", "enable"):
            while attribute not in self._descriptors:
                try:
                    self._descriptors[attribute] = self._files.open(self.channel / attribute, os.O_RDWR)
                except (PermissionError, FileNotFoundError) as error:
                    if waited_s >= _PERMISSION_WAIT_S:
                        raise self._not_permitted(self.channel / attribute) from error
                    pause(_PERMISSION_POLL_S)
                    waited_s += _PERMISSION_POLL_S

    def _export(self, chip: Path) -> None:
        number = self.channel.name.removeprefix("pwm")
        try:
            descriptor = self._files.open(chip / "export", os.O_WRONLY)
            try:
                self._files.write(descriptor, number)
            finally:
                self._files.close(descriptor)
        except PermissionError as error:
            raise self._not_permitted(chip / "export") from error
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise self._not_taken("export", number, error) from error
            raise DeviceUnavailable(
                self.device,
                f"channel {number} of {chip.name} is busy: a driver of the kernel has it",
                "remove the other overlay that uses this PWM from config.txt, then restart",
            ) from error

    def _set_up(self) -> None:
        """Period and polarity once, before the first pulse; then X1. One that a dead guard left is taken over."""
        period_ns, polarity = self._number("period"), self._files.read(self._descriptors["polarity"])
        enabled = self._number("enable") == 1
        if period_ns not in (_UNUSED, PERIOD_NS) or (enabled and polarity != "normal"):
            number = self.channel.name.removeprefix("pwm")
            raise DeviceUnavailable(
                self.device,
                f"another program uses it, with a period of {period_ns} ns and {polarity} polarity",
                f"end that program, then: echo {number} > {self.channel.parent}/unexport",
            )
        if polarity != "normal":
            self._set("polarity", "normal")
        if period_ns != PERIOD_NS:
            self._set("period", str(PERIOD_NS))
        self._set("duty_cycle", str(X1_NS))
        if not enabled:
            self._set("enable", "1")

    def _set(self, attribute: str, value: str) -> None:
        """Write *value* and see that it is there."""
        try:
            self._files.write(self._descriptors[attribute], value)
            kept = self._files.read(self._descriptors[attribute])
        except OSError as error:
            raise self._not_taken(attribute, value, error) from error
        if kept != value:
            raise self._not_taken(attribute, value, f"it reads {kept}")

    def _number(self, attribute: str) -> int:
        text = self._files.read(self._descriptors[attribute])
        if not text.isdigit():
            raise OSError(errno.EIO, f"{attribute} reads {text!r}")
        return int(text)

    def _not_permitted(self, file: Path) -> DeviceUnavailable:
        return DeviceUnavailable(
            self.device, f"{file} may not be written", "add the user of the guard to the group gpio"
        )

    def _not_taken(self, attribute: str, value: str, why: object) -> DeviceUnavailable:
        return DeviceUnavailable(
            self.device,
            f"{attribute} {value} was not taken: {why}",
            "restart the machine; where it stays, the kernel does not fit this board",
        )


def _refuse_sharing(pin: int, model: PiModel, root: Path) -> None:
    """Raises DeviceUnavailable where the PWM's signal cannot be the pilot's alone, or goes to another pin."""
    device = f"PWM on GPIO {pin}"
    if pin not in model.pwm.channels:
        pins = ", ".join(str(one) for one in model.pwm.channels)
        raise DeviceUnavailable(device, f"{model.name} has no PWM there", f"set pilot_pwm to one of {pins}")
    if model.pwm.plays_audio and _plays_audio(root):
        raise DeviceUnavailable(
            device,
            "analogue audio plays on the same PWM (/proc/asound/cards)",
            "set dtparam=audio=off in config.txt, then restart",
        )
    routed = pwm_pins(root)
    if routed and pin not in routed:
        others = ", ".join(str(one) for one in sorted(routed))
        raise DeviceUnavailable(
            device,
            f"config.txt has the PWM on GPIO {others}",
            f"write {model.overlay_for(pin)} there instead, then restart",
        )


def _plays_audio(root: Path) -> bool:
    try:
        cards = (root / "proc/asound/cards").read_text(errors="replace")
    except FileNotFoundError:
        return False
    return "bcm2835 Headphones" in cards or "bcm2835 ALSA" in cards


def _header_chip(pin: int, model: PiModel, root: Path) -> Path:
    """The directory of the header's PWM chip, whatever its number."""
    chips = sorted((root / "sys/class/pwm").glob("pwmchip*"))
    for chip in chips:
        if model.pwm.device in chip.resolve().parts:
            return chip
    others = ", ".join(chip.name for chip in chips)
    raise DeviceUnavailable(
        f"PWM on GPIO {pin}",
        f"{model.name} shows no {model.pwm.device}" + (f", only {others}" if others else ""),
        f"add {model.overlay_for(pin)} to config.txt, then restart",
    )
