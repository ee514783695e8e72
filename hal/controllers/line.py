"""What a controller's protocol needs of its line, and what it says where nothing comes back."""

from collections.abc import Callable
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


class Link(Protocol):
    """Questions and answers on a line, in the protocol of a controller."""

    def attach(self, line: Line) -> None:
        """Speak on *line* from now on."""

    def received(self, data: bytes) -> None:
        """Bytes came from the line."""


class LinkedController:
    """What every controller has of its line; *changed* is called when something may have changed at its far end."""

    def __init__(self, link: Link, changed: Callable[[], None]) -> None:
        self.attach = link.attach
        self.received = link.received
        self._changed = changed
        self._restarted = False

    @property
    def restarted(self) -> bool:
        """True where it may have lost what it was told: its line was lost, or it does something else than that."""
        return self._restarted

    def line_changed(self, is_open: bool) -> None:
        """The line was opened, or lost."""
        self._restarted = True
        self._changed()
