"""What a controller's protocol needs of its line, and what it says where nothing comes back."""

from typing import Protocol

from hal.errors import HalError


class NoAnswer(HalError):
    """The controller gave no valid answer; the message says to what."""


class Line(Protocol):
    """A line to a controller, as `hal.serial_line.SerialLine` is one."""

    @property
    def is_open(self) -> bool:
        """True while the device is there."""

    def write(self, data: bytes) -> bool:
        """Send *data*; False where the line is not open."""
