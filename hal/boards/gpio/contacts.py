"""The parts that are one contact each: the emergency stop, and the stop button."""

from collections.abc import Callable

from hal.boards.gpio.lines import Contact

BUTTON_SETTLE_S = 0.03
"""A button bounces for some milliseconds; a finger stays longer."""


class GpioEmergencyStop:
    """A `hal.board.EmergencyStop`: a circuit that is closed while nobody has pressed anything."""

    def __init__(self, contact: Contact, *, changed: Callable[[], None]) -> None:
        self._contact = contact
        contact.watch(changed)

    def pressed(self) -> bool:
        """True while the circuit is open, or cannot be read."""
        return self._contact.is_closed() is not True


class GpioStopButton:
    """A `hal.board.StopButton`: a contact that is closed while the button is held, and settles."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact

    def watch(self, pressed: Callable[[], None]) -> None:
        """Call *pressed* each time that the button goes down."""

        def moved() -> None:
            if self._contact.is_closed():
                pressed()

        self._contact.watch(moved)

    def held(self) -> bool | None:
        """Whether it is held down now; None where it cannot be read."""
        return self._contact.is_closed()
