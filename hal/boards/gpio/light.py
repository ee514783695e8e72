"""The lights and the buzzer of an outlet: what each meaning looks and sounds like, and the pins that show it.

====================  =======================================  =====================
meaning               light                                    buzzer, as it begins
====================  =======================================  =====================
ready                 green                                    –
present card          white, blinks, then stays                one short
card refused          red, blinks fast, then stays             three short
preparing             cyan                                     one short
charging              blue                                     –
paused                blue, on and off slowly                  –
finished              green, on and off slowly                 two short
reserved              yellow                                   –
out of service        red                                      –
updating              magenta, on and off slowly               –
fault                 red, on and off fast                     one long
====================  =======================================  =====================

A colour is mixed of the LEDs that are fitted; of those that are not, nothing is seen.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hal.boards.gpio.lines import Errors, Output
from hal.light import LightMeaning, LightSignal

log = logging.getLogger(__name__)

TICK_S = 0.1

_SHORT = (True,)
_LONG = (True,) * 10
_PAUSE = (False, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """*colour*: red, green, blue. *half_ticks*: ticks lit, and as many dark. *on_and_off*: for ever.

    *sound*: the buzzer from the beginning on, tick by tick.
    """

    colour: tuple[bool, bool, bool]
    half_ticks: int = 5
    on_and_off: bool = False
    sound: Sequence[bool] = ()


_RED, _GREEN, _BLUE = (True, False, False), (False, True, False), (False, False, True)
_YELLOW, _CYAN, _MAGENTA, _WHITE = (True, True, False), (False, True, True), (True, False, True), (True,) * 3

LOOKS: Mapping[LightMeaning, Look] = {
    LightMeaning.READY: Look(colour=_GREEN),
    LightMeaning.PRESENT_CARD: Look(colour=_WHITE, sound=_SHORT),
    LightMeaning.CARD_REFUSED: Look(
        colour=_RED, half_ticks=2, sound=(*_SHORT, *_PAUSE, *_SHORT, *_PAUSE, *_SHORT)
    ),
    LightMeaning.PREPARING: Look(colour=_CYAN, sound=_SHORT),
    LightMeaning.CHARGING: Look(colour=_BLUE),
    LightMeaning.PAUSED: Look(colour=_BLUE, half_ticks=10, on_and_off=True),
    LightMeaning.FINISHED: Look(
        colour=_GREEN, half_ticks=10, on_and_off=True, sound=(*_SHORT, *_PAUSE, *_SHORT)
    ),
    LightMeaning.RESERVED: Look(colour=_YELLOW),
    LightMeaning.OUT_OF_SERVICE: Look(colour=_RED),
    LightMeaning.UPDATING: Look(colour=_MAGENTA, half_ticks=10, on_and_off=True),
    LightMeaning.FAULT: Look(colour=_RED, half_ticks=2, on_and_off=True, sound=_LONG),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is seen and heard in one tick: red, green and blue in percent, and the buzzer."""

    percent: tuple[int, int, int]
    buzzes: bool


def shown_at(signal: LightSignal, tick: int) -> Shown:
    """What *signal* shows in its *tick*, 0 as it begins."""
    look = LOOKS[signal.meaning]
    half = tick // look.half_ticks
    blinks = look.on_and_off or half < 2 * signal.blinks
    lit = not blinks or half % 2 == 0
    red, green, blue = (signal.intensity_percent if lit and part else 0 for part in look.colour)
    return Shown(percent=(red, green, blue), buzzes=tick < len(look.sound) and look.sound[tick])


class Led:
    """One LED. *device* is a gpiozero PWMLED; its PWM is made by software, and good for the eye only."""

    def __init__(self, device: Any, pin: Any, *, errors: Errors) -> None:
        self._device = device
        self._pin = pin
        self._errors = errors
        self._percent = 0

    def set(self, percent: int) -> None:
        """Shine with *percent* of its brightness."""
        if percent == self._percent:
            return
        self._percent = percent
        try:
            self._device.value = percent / 100
        except self._errors as error:
            log.warning("an LED cannot be set: %s", error)

    def close(self) -> None:
        """Dark, and let go."""
        self.set(0)
        with suppress(*self._errors):
            self._device.close()
            self._pin.pull = "down"


class GpioLight:
    """A `hal.light.Light`. `show` only notes the signal; `tick`, called each `TICK_S` on another thread, shows it."""

    def __init__(self, leds: Sequence[Led | None], buzzer: Output | None) -> None:
        self._leds = leds
        self._buzzer = buzzer
        self._signal: LightSignal | None = None
        self._showing: LightSignal | None = None
        self._tick = 0

    def show(self, signal: LightSignal) -> None:
        """Show *signal* from the next tick on."""
        self._signal = signal

    def tick(self) -> None:
        """Show what is due now."""
        signal = self._signal
        if signal is None:
            return
        begins = self._showing is None or (signal.meaning, signal.blinks) != (
            self._showing.meaning,
            self._showing.blinks,
        )
        self._tick = 0 if begins else self._tick + 1
        self._showing = signal
        self._set(shown_at(signal, self._tick))

    def _set(self, shown: Shown) -> None:
        for led, percent in zip(self._leds, shown.percent, strict=True):
            if led is not None:
                led.set(percent)
        if self._buzzer is not None and self._buzzer.is_high is not shown.buzzes:
            self._buzzer.set(shown.buzzes)
