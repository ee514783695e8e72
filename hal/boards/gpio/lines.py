"""Pins through gpiozero: outputs that begin and end low, and contacts that close to ground.

gpiozero is loaded by whoever made the factory; nothing here imports it. An output that cannot be set, or a contact
that cannot be read, says so in its answer: what the hardware does is never an exception on the safety path.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

UNSETTLED_S = 0.1
"""A contact that does not come to rest for this long cannot be read."""

Errors = tuple[type[Exception], ...]
"""What the pin library raises for a pin that does not obey."""


class Output:
    """A pin that is driven, low to begin with. *device* is a gpiozero DigitalOutputDevice, *pin* its pin."""

    def __init__(self, device: Any, pin: Any, *, name: str, errors: Errors) -> None:
        self._device = device
        self._pin = pin
        self._name = name
        self._errors = errors
        self._high = False
        self._obeys = True

    @property
    def is_high(self) -> bool:
        """The level that was last asked for."""
        return self._high

    def set(self, high: bool) -> bool:
        """Drive the pin; False where it could not be done."""
        self._high = high
        try:
            self._device.value = high
        except self._errors as error:
            if self._obeys:
                log.error("%s cannot be set: %s", self._name, error)
            self._obeys = False
        else:
            self._obeys = True
        return self._obeys

    def toggle(self) -> bool:
        """Drive the pin to the other level; False where it could not be done."""
        return self.set(not self._high)

    def close(self) -> None:
        """Low, and let go: from then on the pin's own pull-down holds it, beside the one on the board."""
        self.set(False)
        with suppress(*self._errors):
            self._device.close()
            self._pin.pull = "down"


class Contact:
    """A contact between a pin with a pull-up and ground. *device* is a gpiozero DigitalInputDevice, active low.

    Edges arrive on a thread of the pin library and cross to the loop; `look`, called again and again, finds what an
    edge has not told. A new level counts once it has stood for *settle_s*, as a second look finds; the one before
    counts until then, but for *unsettled_s* at most.
    """

    def __init__(
        self, device: Any, *, name: str, errors: Errors, settle_s: float, unsettled_s: float = UNSETTLED_S
    ) -> None:
        self._device = device
        self._name = name
        self._errors = errors
        self._settle_s = settle_s
        self._unsettled_s = unsettled_s
        self._loop = asyncio.get_running_loop()
        self._watchers: list[Callable[[], None]] = []
        self._opened: list[Callable[[], None]] = []
        self._readable = True
        self._raw = self._read()
        self._settled = self._raw
        self._settling: asyncio.TimerHandle | None = None
        self._doubting: asyncio.TimerHandle | None = None
        self._in_doubt = False
        self._trips = False
        self._glitches = 0
        device.when_activated = self._edge
        device.when_deactivated = self._edge_open

    def watch(
        self, changed: Callable[[], None], *, opened: Callable[[], None] | None = None, trips: bool = False
    ) -> None:
        """Call *changed* on the loop for each new level, *opened* at once for each opening that an edge tells.

        *trips*: what it does not stand for long enough is told in the log, as no button's bouncing is.
        """
        self._watchers.append(changed)
        self._trips |= trips
        if opened is not None:
            self._opened.append(opened)

    def is_closed(self) -> bool | None:
        """Whether the contact is closed; None where it cannot be read, or does not come to rest."""
        return None if self._in_doubt else self._settled

    def look(self) -> None:
        """Read the pin; what is new is told once it has stood long enough."""
        raw = self._read()
        if raw is self._raw:
            return
        self._raw = raw
        if self._settling is not None:
            self._settling.cancel()
        self._settling = self._loop.call_later(self._settle_s, self._settle)
        if self._doubting is None:
            self._doubting = self._loop.call_later(self._unsettled_s, self._doubt)

    def close(self) -> None:
        """Let go of the pin."""
        for timer in (self._settling, self._doubting):
            if timer is not None:
                timer.cancel()
        with suppress(*self._errors):
            self._device.close()

    def _settle(self) -> None:
        self._settling = None
        # What is shorter than the pin library's own debounce is told by no edge.
        self.look()
        if self._settling is not None:
            return
        if self._doubting is not None:
            self._doubting.cancel()
            self._doubting = None
        is_new = self._in_doubt or self._settled is not self._raw
        self._in_doubt, self._settled = False, self._raw
        if is_new:
            self._tell()
        elif self._trips:
            self._note_glitch()

    def _doubt(self) -> None:
        self._in_doubt = True
        self._tell()

    def _note_glitch(self) -> None:
        """Tell of the first one, and of those that double their number: a noisy wire would fill the log."""
        self._glitches += 1
        if self._glitches & (self._glitches - 1) == 0:
            log.warning(
                "%s moved for less than %.0f ms times=%s", self._name, self._settle_s * 1_000, self._glitches
            )

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def _read(self) -> bool | None:
        try:
            closed = bool(self._device.value)
        except self._errors as error:
            if self._readable:
                log.error("%s cannot be read: %s", self._name, error)
            self._readable = False
            return None
        self._readable = True
        return closed

    def _edge(self) -> None:
        # On the thread of the pin library, which may outlive the loop by an edge.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.look)

    def _edge_open(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._seen_open)

    def _seen_open(self) -> None:
        for opened in self._opened:
            opened()
        self.look()
