"""The light of an outlet: what it tells a driver, how often it blinks, how bright it is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class LightMeaning(StrEnum):
    """What a driver is told; a board chooses its colour or pattern for each."""

    READY = "ready"
    PRESENT_CARD = "present_card"
    CARD_REFUSED = "card_refused"
    PREPARING = "preparing"
    CHARGING = "charging"
    PAUSED = "paused"
    FINISHED = "finished"
    RESERVED = "reserved"
    OUT_OF_SERVICE = "out_of_service"
    UPDATING = "updating"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSignal:
    """*blinks*: how often it blinks before it stays lit, or 0. *intensity_percent*: 0 … 100 of the brightest."""

    meaning: LightMeaning
    blinks: int
    intensity_percent: int


class Light(Protocol):
    """The light of one outlet."""

    def show(self, signal: LightSignal) -> None:
        """Show *signal* from now on, in the place of the one before; returns at once."""


class RecordedLight:
    """The light of a simulated outlet: *shown* is what it has shown, the present signal last."""

    def __init__(self) -> None:
        self.shown: list[LightSignal] = []

    def show(self, signal: LightSignal) -> None:
        self.shown = [*self.shown[-99:], signal]
