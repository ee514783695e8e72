"""A vehicle at the plug of a controller: it closes S2 under a PWM, and lets go within the time that it has."""

import asyncio
from collections.abc import Callable

S2_AFTER_S = 0.5
LETS_GO_S = 1.0


class PluggedVehicle:
    """What the control pilot of a controller sees; *changed* is called whenever that is something else.

    *stubborn*: it holds C, PWM or not.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        self.plugged = False
        self.wants = True
        self.stubborn = False
        self.ventilates = False
        self.s2 = False
        self.pwm = False

    @property
    def letter(self) -> str:
        """A, B, C or D."""
        if not self.plugged:
            return "A"
        if not self.s2:
            return "B"
        return "D" if self.ventilates else "C"

    def plug_in(self) -> None:
        self.plugged = True
        self._think()
        self._changed()

    def plug_out(self) -> None:
        self.plugged = self.s2 = False
        self._think()
        self._changed()

    def ready(self, ready: bool) -> None:
        self.wants = ready
        self._think()

    def sees(self, pwm: bool) -> None:
        """The pilot carries a PWM, or is steady."""
        if pwm is not self.pwm:
            self.pwm = pwm
            self._think()

    def _think(self) -> None:
        """Begin to close or open S2, where its wish is another than what it does."""
        if self._timer is not None:
            self._timer.cancel()
        wished = self.plugged and self.wants and (self.pwm or (self.stubborn and self.s2))
        if wished is not self.s2:
            after_s = S2_AFTER_S if wished else LETS_GO_S
            self._timer = asyncio.get_running_loop().call_later(after_s, self._switch, wished)

    def _switch(self, closed: bool) -> None:
        self.s2 = closed
        self._changed()
