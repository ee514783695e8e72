"""The GPIO chip is opened by lgpio or not at all, and who holds a busy pin is said."""

import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from gpiozero import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPin

from hal.boards.gpio.chip import GpioChip, check_chip, line_user, open_chip
from hal.errors import DeviceUnavailable

LINE_INFO = "32s32sIIQ160s4I"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "GPIOZERO_PIN_FACTORY is not set"),
        ({"GPIOZERO_PIN_FACTORY": "native"}, "is 'native'"),
        ({"GPIOZERO_PIN_FACTORY": "mock"}, "is 'mock'"),
    ],
)
def test_any_other_driver_than_lgpio_is_refused(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/gpiochip0").touch()
    with (
        pytest.raises(DeviceUnavailable, match=f"{told}.*set GPIOZERO_PIN_FACTORY=lgpio"),
        open_chip(tmp_path, environ),
    ):
        pass


def test_a_machine_without_a_gpio_chip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match=r"there is no .*/dev/gpiochip0"):
        check_chip(tmp_path)


IMPORTS = """
import os, sys
from pathlib import Path
from hal.boards.gpio.chip import open_chip
from hal.errors import DeviceUnavailable

try:
    with open_chip(Path(sys.argv[1])):
        pass
except DeviceUnavailable as refused:
    print(refused)
assert "lgpio" in sys.modules
print(os.getcwd(), sorted(os.listdir()), sorted(os.listdir(sys.argv[2])))
"""


@pytest.mark.skipif(find_spec("lgpio") is None, reason="lgpio has no wheel for this Python")
def test_loading_lgpio_leaves_nothing_behind_wherever_the_process_stands(tmp_path: Path) -> None:
    stands, elsewhere, temporary = (tmp_path / name for name in ("stands", "elsewhere", "temporary"))
    for folder in (stands, elsewhere, temporary, tmp_path / "dev"):
        folder.mkdir()
    (tmp_path / "dev/gpiochip0").touch()
    run = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(tmp_path), str(elsewhere)],
        cwd=stands,
        env={
            "GPIOZERO_PIN_FACTORY": "lgpio",
            "LG_WD": str(elsewhere),
            "TMPDIR": str(temporary),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    refusal, state = run.stdout.splitlines()
    assert refusal.startswith("GPIO pins: lgpio cannot open the chip (") and "group gpio" in refusal
    assert state == f"{stands} [] []"
    assert list(temporary.iterdir()) == []


def kernel(consumer: bytes, flags: int) -> Any:
    """What the kernel answers to GPIO_V2_GET_LINEINFO_IOCTL of linux/gpio.h."""

    def ioctl(descriptor: int, request: int, argument: bytes) -> bytes:
        assert request == 0xC100B405
        assert len(argument) == 256
        offset = struct.unpack_from("I", argument, 64)[0]
        return struct.pack(LINE_INFO, b"GPIO17", consumer, offset, 0, flags, b"", 0, 0, 0, 0)

    return ioctl


@pytest.mark.parametrize(
    ("consumer", "flags", "user"),
    [(b"fan control", 1, "fan control"), (b"", 1, "the kernel"), (b"", 2, None), (b"gone", 0, None)],
)
def test_the_kernel_tells_who_holds_a_pin(
    tmp_path: Path, consumer: bytes, flags: int, user: str | None
) -> None:
    (tmp_path / "gpiochip0").touch()
    assert line_user(tmp_path / "gpiochip0", 17, kernel(consumer, flags)) == user


def test_a_kernel_that_does_not_tell_is_no_error(tmp_path: Path) -> None:
    def refuses(descriptor: int, request: int, argument: bytes) -> bytes:
        raise OSError(25, "Inappropriate ioctl for device")

    (tmp_path / "gpiochip0").touch()
    assert line_user(tmp_path / "gpiochip0", 17, refuses) is None
    assert line_user(tmp_path / "gpiochip9", 17, refuses) is None


class Busy(Exception):
    """What lgpio raises for a line that another process has."""


class BusyPin(MockPin):
    """As with lgpio, a pin is claimed as it is made."""

    def __init__(self, factory: Any, info: Any) -> None:
        raise Busy("GPIO busy")


@pytest.mark.parametrize(
    ("user", "told"), [("fan control", "it is in use by fan control"), (None, "it cannot be claimed")]
)
@pytest.mark.parametrize(("part", "options"), [("output", {}), ("contact", {"settle_s": 0.003}), ("led", {})])
def test_a_busy_pin_is_refused_with_its_holder(
    part: str, options: dict[str, float], user: str | None, told: str
) -> None:
    factory = MockFactory(pin_class=BusyPin)
    chip = GpioChip(factory=factory, errors=(GPIOZeroError, Busy), user_of=lambda pin: user)
    with pytest.raises(DeviceUnavailable, match=rf"GPIO17 \(contactor of connector 1\): {told}.*gpioinfo"):
        getattr(chip, part)("contactor", 1, 17, **options)
