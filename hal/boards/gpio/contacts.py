"""The parts that are one contact each: the emergency stop, and the stop button."""

from collections.abc import Callable

from hal.boards.gpio.lines import Contact

TRIP_SETTLE_S = 0.003
"""A trip contact that opens counts once a second look has found it open, this long after the first.

Interference of less than a millisecond must end no session and latch no fault. A contact whose edge was lost is
looked at every 20 ms, and so the coil is without power 23 ms after it opened, or 40 ms where it chatters: the
contactor has the rest of 100 ms for its own release.
"""

TRIP_UNSETTLED_S = 0.02
"""A trip contact that does not come to rest for this long counts as open."""

BUTTON_SETTLE_S = 0.03
"""A button bounces for some milliseconds; a finger stays longer."""


class GpioEmergencyStop:
    """A `hal.board.EmergencyStop`: a circuit that is closed while nobody has pressed anything.

    Its button stays in when it is pressed, so what is over at the second look (`TRIP_SETTLE_S`) was none, and is only
    logged. The circuit may be that of several outlets.
    """

    def __init__(self, contact: Contact, *, changed: Callable[[], None]) -> None:
        self._contact = contact
        contact.watch(changed, trips=True)

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
