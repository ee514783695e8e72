"""The contactor behind two pins: the coil's command, and the heartbeat that holds the coil's interlock."""

from typing import Literal

from hal.boards.gpio.lines import Contact, Output
from hal.values import ContactorState

SETTLE_S = 0.01
"""Mirror contacts bounce; what they say counts once it has stood this long."""


class GpioContactor:
    """A `hal.board.Contactor`; nothing here runs by itself, so the heartbeat is that of whoever calls.

    *mirror* is a contact that settles for `SETTLE_S`.
    """

    def __init__(
        self,
        coil: Output,
        interlock: Output,
        mirror: Contact,
        *,
        closed_level: Literal["low", "high"],
        phase_relay: Output | None,
    ) -> None:
        self._coil = coil
        self._interlock = interlock
        self._mirror = mirror
        self._closed_is_low = closed_level == "low"
        self._phase_relay = phase_relay

    def command(self, closed: bool) -> None:
        """Energise or release the coil.

        Where the pin does not obey, the interlock opens: whoever releases the coil ends the heartbeat with it. The
        heartbeat's line then rests low, so that the first beat of the next closing is a rising edge.
        """
        self._coil.set(closed)
        if not closed:
            self._interlock.set(False)

    def heartbeat(self) -> None:
        """Toggle the line that holds the coil's interlock."""
        self._interlock.toggle()

    def select_phases(self, phases: int) -> None:
        """Connect three phases, or one, which is what a relay without power does."""
        if self._phase_relay is not None:
            self._phase_relay.set(phases == 3)

    def feedback(self) -> ContactorState:
        """What the mirror contacts say; UNKNOWN where they cannot be read, or contradict themselves for 0.1 s."""
        at_ground = self._mirror.is_closed()
        if at_ground is None:
            return ContactorState.UNKNOWN
        return ContactorState.CLOSED if at_ground is self._closed_is_low else ContactorState.OPEN
