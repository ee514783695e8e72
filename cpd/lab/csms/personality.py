"""What makes a central system one that the field knows: a name, how it answers, and what it does by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.session import Acts

ABOUT_LENGTH = 38
"""Characters that `Personality.about` has at most, so that it fits a line of `cpd demo --list`."""

Keys = Mapping[str, str | int | bool]
"""OCPP configuration keys with the values that a charge point begins with."""

CURED = Behaviour()
"""What a personality is like once it was mended."""


class Sessions(Enum):
    """How a session goes at a central system that takes any."""

    BY_CARD = "a card starts and stops it"
    REMOTE = "the central system starts and stops it"
    DEAUTHORISED = "a card starts it, and the central system does not want it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurry:
    """What is shortened where somebody watches: *behaviour* and *keys* in place of the true ones.

    *words* tell what is not at its true length. *answer_timeout_s* is the charge point's `csms.answer_timeout_s`.
    """

    words: str
    behaviour: Behaviour | None = None
    keys: Keys = field(default_factory=dict)
    answer_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """One kind of central system.

    *seen_in* names the projects whose users met it; *copes* is what a charger must make of it. *refuses*: it takes
    no session until it is cured, which is `CURED`. *keys* are what an operator sets at a charger that has to live
    with it.
    """

    name: str
    about: str
    seen_in: str
    copes: str
    behaviour: Behaviour = CURED
    acts: Acts | None = None
    refuses: bool = False
    sessions: Sessions = Sessions.BY_CARD
    keys: Keys = field(default_factory=dict)
    hurry: Hurry | None = None

    def behaviour_when(self, *, hurried: bool) -> Behaviour:
        """How it answers first, at true lengths or *hurried*."""
        if hurried and self.hurry is not None and self.hurry.behaviour is not None:
            return self.hurry.behaviour
        return self.behaviour
