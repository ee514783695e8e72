"""While a technician watches the readers, cards are shown to them and start or stop nothing.

They may try all cards of a site on a charger that is in use. The next driver's card must work again soon, whatever
becomes of the technician: a watch ends by itself, and sooner where nobody asks what there is to see.
"""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from cpd.clock import Clock
from cpd.domain.authorization import Known, shortened
from cpd.station.authorizer import Authorizer
from hal.evse import CardRead
from hal.readers.id_format import IdFormat, candidates_of

log = logging.getLogger(__name__)

WATCH_S = 60.0
"""How long a watch lasts at most; it can be begun anew."""

UNASKED_S = 3.0
"""A watch that nobody asks for so long is over: whoever began it is gone."""

_KEPT = 50
"""Cards that are kept for a watcher who is slow to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A spelling of a card's idTag, by which format it is made, and what list and cache hold about it."""

    id_tag: str
    id_format: IdFormat
    known: Known


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCard:
    """A card that was presented at *at_s* (monotonic) and only shown; *known* is of the idTag that would be sent.

    *candidates* are the ways to spell it; none where its reader tells no bytes.
    """

    seq: int
    at_s: float
    card: CardRead
    known: Known
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSheet:
    """What a watch has to show at *now*; *last* is the number to go on from, *ends_in_s* 0 where it is over."""

    now: datetime
    cards: tuple[ShownCard, ...]
    last: int
    ends_in_s: float


class CardWatch:
    """The one watch of the station; several who watch see the same."""

    def __init__(self, authorizer: Authorizer, clock: Clock) -> None:
        self._authorizer = authorizer
        self._clock = clock
        self._seen: deque[tuple[int, float, CardRead]] = deque(maxlen=_KEPT)
        self._last = 0
        self._ends_s = 0.0
        self._asked_s = 0.0

    def begin(self) -> CardSheet:
        """Watch for `WATCH_S` from now on; *last* of the answer is the number to ask from."""
        self._asked_s = self._clock.monotonic_s()
        self._ends_s = self._asked_s + WATCH_S
        log.info("cards are only shown for %.0f s", WATCH_S)
        return self._sheet(self._last, ())

    async def ask(self, after: int) -> CardSheet:
        """The cards behind number *after*; while the watch lasts it goes on by being asked.

        Soon after its end they are forgotten: whole idTags are only for who began a watch, and is on record with it.
        """
        now_s = self._clock.monotonic_s()
        if self._left_s > 0:
            self._asked_s = now_s
        elif now_s >= self._over_s + UNASKED_S:
            self._seen.clear()
        # Looking them up takes a moment, in which there may be more: those are for the next who asks.
        last, seen = self._last, tuple(one for one in self._seen if one[0] > after)
        return self._sheet(last, tuple([await self._shown(*one) for one in seen]))

    def takes(self, card: CardRead) -> bool:
        """True where *card* is only shown now."""
        if self._left_s <= 0:
            return False
        self._last += 1
        self._seen.append((self._last, self._clock.monotonic_s(), card))
        log.info("card shown and not used id_tag=%s", shortened(card.id_tag))
        return True

    @property
    def _left_s(self) -> float:
        now_s = self._clock.monotonic_s()
        return self._ends_s - now_s if now_s < self._over_s else 0.0

    @property
    def _over_s(self) -> float:
        """When the watch ends, or ended, if nobody asks any more."""
        return min(self._ends_s, self._asked_s + UNASKED_S)

    def _sheet(self, last: int, cards: tuple[ShownCard, ...]) -> CardSheet:
        return CardSheet(now=self._clock.now(), cards=cards, last=last, ends_in_s=self._left_s)

    async def _shown(self, seq: int, at_s: float, card: CardRead) -> ShownCard:
        spelt = () if card.uid is None else candidates_of(bytes.fromhex(card.uid))
        candidates = [
            Candidate(id_tag=id_tag, id_format=id_format, known=await self._authorizer.known(id_tag))
            for id_format, id_tag in spelt
        ]
        known = await self._authorizer.known(card.id_tag)
        return ShownCard(seq=seq, at_s=at_s, card=card, known=known, candidates=tuple(candidates))
