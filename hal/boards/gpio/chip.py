"""The header's GPIO chip, opened by gpiozero on lgpio and on nothing else, and who holds a pin that is busy.

gpiozero would fall back, with a warning, to a driver that writes registers behind the kernel's back. So the factory
is named (GPIOZERO_PIN_FACTORY=lgpio), loaded here, and given to each device.
"""

import contextlib
import fcntl
import os
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hal.boards.gpio.light import Led
from hal.boards.gpio.lines import UNSETTLED_S, Contact, Errors, Output
from hal.boards.gpio.pins import device_name
from hal.errors import DeviceUnavailable

FACTORY_VARIABLE = "GPIOZERO_PIN_FACTORY"

_BOUNCE_S = 0.001
"""An edge at an input is told once its level has stood this long; what is shorter is interference."""

_LED_HZ = 100

_LINE_INFO = 0xC100B405
"""GPIO_V2_GET_LINEINFO_IOCTL: a gpio_v2_line_info, 256 bytes, both ways."""
_LINE_INFO_FORMAT = "32s32sIIQ160s4I"
_USED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioChip:
    """An open gpiozero *factory*, what it raises for a pin that does not obey, and who uses a pin, where known."""

    factory: Any
    errors: Errors
    user_of: Callable[[int], str | None]

    def output(self, part: str, connector: int, pin: int) -> Output:
        """*pin* driven low. Raises DeviceUnavailable."""
        from gpiozero import DigitalOutputDevice

        with self._claiming(part, connector, pin):
            device = DigitalOutputDevice(pin, initial_value=False, pin_factory=self.factory)
        name = device_name(part, connector, pin)
        return Output(device, self.factory.pin(pin), name=name, errors=self.errors)

    def contact(
        self, part: str, connector: int, pin: int, *, settle_s: float, unsettled_s: float = UNSETTLED_S
    ) -> Contact:
        """A contact between *pin* and ground. Raises DeviceUnavailable."""
        from gpiozero import DigitalInputDevice

        with self._claiming(part, connector, pin):
            device = DigitalInputDevice(pin, pull_up=True, bounce_time=_BOUNCE_S, pin_factory=self.factory)
        name = device_name(part, connector, pin)
        return Contact(device, name=name, errors=self.errors, settle_s=settle_s, unsettled_s=unsettled_s)

    def led(self, part: str, connector: int, pin: int) -> Led:
        """An LED at *pin*, dark. Raises DeviceUnavailable."""
        from gpiozero import PWMLED

        with self._claiming(part, connector, pin):
            device = PWMLED(pin, frequency=_LED_HZ, pin_factory=self.factory)
        return Led(device, self.factory.pin(pin), errors=self.errors)

    @contextlib.contextmanager
    def _claiming(self, part: str, connector: int, pin: int) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            user = self.user_of(pin)
            raise DeviceUnavailable(
                device_name(part, connector, pin),
                f"it cannot be claimed ({error})" if user is None else f"it is in use by {user}",
                "choose another pin, or end what uses it (gpioinfo shows who does)",
            ) from error


@contextlib.contextmanager
def open_chip(root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> Iterator[GpioChip]:
    """The chip of the header, open. Raises DeviceUnavailable where it is missing, closed to us, or not to be trusted.

    *root* is where its devices are looked for; lgpio itself knows only the machine that it runs on.
    """
    named = environ.get(FACTORY_VARIABLE)
    if named != "lgpio":
        told = "is not set" if named is None else f"is {named!r}"
        raise DeviceUnavailable(
            "GPIO pins",
            f"{FACTORY_VARIABLE} {told}",
            f"set {FACTORY_VARIABLE}=lgpio in the service's environment",
        )
    check_chip(root)
    factory_class, errors = _load()
    try:
        factory = factory_class()
    except errors as error:
        raise DeviceUnavailable(
            "GPIO pins",
            f"lgpio cannot open the chip ({error})",
            "run on a Raspberry Pi, as a member of group gpio",
        ) from error
    device = root / f"dev/gpiochip{factory.chip}"
    try:
        yield GpioChip(factory=factory, errors=errors, user_of=lambda pin: line_user(device, pin))
    finally:
        factory.close()


def check_chip(root: Path) -> None:
    """Raise DeviceUnavailable where there is no GPIO chip, or none that this process may use."""
    chips = sorted((root / "dev").glob("gpiochip*"))
    if not chips:
        raise DeviceUnavailable(
            "GPIO pins", f"there is no {root / 'dev/gpiochip0'}", "run on a Raspberry Pi with its own kernel"
        )
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        raise DeviceUnavailable(
            "GPIO pins", f"{chips[0]} may not be opened", "add the service's user to group gpio"
        )


def line_user(device: Path, pin: int, ioctl: Callable[[int, int, bytes], bytes] = fcntl.ioctl) -> str | None:
    """Who holds *pin* of the chip *device*, as the kernel tells; None where nobody does, or it does not tell."""
    request = struct.pack(_LINE_INFO_FORMAT, b"", b"", pin, 0, 0, b"", 0, 0, 0, 0)
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        answer = ioctl(descriptor, _LINE_INFO, request)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    _name, consumer, _offset, _attributes, flags, *_ = struct.unpack(_LINE_INFO_FORMAT, answer)
    if not flags & _USED:
        return None
    return consumer.rstrip(b"\0").decode(errors="replace") or "the kernel"


def _load() -> tuple[Callable[[], Any], Errors]:
    """gpiozero's factory on lgpio, and what the two raise.

    Importing lgpio makes a FIFO in the working directory, opens it by its name there, and first changes to $LG_WD
    where that is set. It gets a directory of its own for that moment, and keeps the FIFO open when it is gone.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="cpd-lgpio-") as folder, contextlib.chdir(folder):
            os.environ.pop("LG_WD", None)
            import lgpio
            from gpiozero import GPIOZeroError
            from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise DeviceUnavailable(
            "GPIO pins", str(error), "pip install cpd[pi], or apt install python3-lgpio"
        ) from error
    return LGPIOFactory, (GPIOZeroError, lgpio.error, OSError)
