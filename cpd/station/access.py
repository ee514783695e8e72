"""Who may charge at one connector: leave that no transaction has used yet, or a card that was refused.

It keeps the present answer and when it lapses; who gets leave is decided in `cpd.station.admission`.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from cpd.clock import Clock
from cpd.domain.authorization import CardVerdict, same_id_tag
from cpd.domain.reservations import Driver
from cpd.station.ledger import Ledger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """Leave to charge that no transaction has used yet; it lapses at *until_s* (monotonic).

    Where that is infinite the vehicle has it, not a driver: it lapses with the plug.
    *with_profile*: a profile of the remote start is held for connector *held_for* (None: for whichever starts).
    """

    id_tag: str
    parent_id_tag: str | None
    until_s: float
    with_profile: bool = False
    held_for: int | None = None

    @property
    def driver(self) -> Driver:
        """Who got it."""
        return Driver(id_tag=self.id_tag, parent_id_tag=self.parent_id_tag)

    def is_of(self, id_tag: str) -> bool:
        """True where *id_tag* got it."""
        return same_id_tag(self.id_tag, id_tag)


class StartRefusal(Enum):
    """Why a start at the charger itself is not taken: what is wrong, and what to do instead."""

    NOT_FREE = ("the connector is not free", "cpd why tells what is in the way")
    NO_TAG = ("this connector charges by card only", "name a tag: cpd start N --tag TAG")
    TOO_MANY = ("too many cards wait already", "try again in a few seconds")

    @property
    def text(self) -> str:
        """One sentence."""
        return self.value[0]

    @property
    def next_step(self) -> str:
        """What a person may do."""
        return self.value[1]


class Access:
    """The leave to charge at *connector*; *authorising* is the idTag that is being asked about."""

    def __init__(self, connector: int, *, clock: Clock, ledger: Ledger) -> None:
        self._connector = connector
        self._clock = clock
        self._ledger = ledger
        self._verdict_until_s = 0.0
        self.authorisation: Authorisation | None = None
        self.authorising: str | None = None
        self.verdict: CardVerdict | None = None

    def grant(self, authorisation: Authorisation) -> None:
        """Somebody may charge here."""
        self.authorisation = authorisation
        self.verdict = None

    def refuse(self, verdict: CardVerdict, for_s: float) -> None:
        """A card was presented in vain; said for *for_s* seconds at most."""
        self.verdict = verdict
        self._verdict_until_s = self._clock.monotonic_s() + for_s

    def unplugged(self) -> None:
        """The vehicle is gone, and with it what was said of a card, and the leave that the vehicle itself had."""
        self.verdict = None
        if self.authorisation is not None and self.authorisation.until_s == float("inf"):
            self.authorisation = None

    def leave_of(self, id_tag: str) -> Authorisation | None:
        """The leave of *id_tag*, if that is who has it."""
        return self.authorisation if self.authorisation and self.authorisation.is_of(id_tag) else None

    def used(self, authorisation: Authorisation) -> None:
        """A transaction has begun with *authorisation*; leave that was given meanwhile stays."""
        if self.authorisation is authorisation:
            self.authorisation = None

    async def lapse(self) -> None:
        """Forget what has run out."""
        now_s = self._clock.monotonic_s()
        if self.authorisation is not None and now_s >= self.authorisation.until_s:
            log.info("authorisation connector=%d lapsed", self._connector)
            await self.drop()
        if self.verdict is not None and now_s >= self._verdict_until_s:
            self.verdict = None

    async def drop(self) -> None:
        """Take the leave back, and the profile that was held for it."""
        dropped, self.authorisation = self.authorisation, None
        if dropped is not None and dropped.with_profile:
            await self._ledger.drop_pending(dropped.held_for)

    @property
    def deadlines_s(self) -> Iterator[float]:
        """The instants (monotonic) at which something lapses."""
        if self.authorisation is not None:
            yield self.authorisation.until_s
        if self.verdict is not None:
            yield self._verdict_until_s
