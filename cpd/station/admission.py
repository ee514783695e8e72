"""Who may charge where: cards and remote starts, decided here or by the CSMS, and handed to a connector.

One reader serves all connectors, so a card first finds the session that it may stop, else the connector that it
may start: the one that is plugged in and waits, else the first that is plugged in within ConnectionTimeOut.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from cpd.domain.authorization import (
    MAX_ID_TAG_CHARACTERS,
    CardVerdict,
    IdTagInfo,
    same_id_tag,
    shortened,
)
from cpd.domain.reservations import Driver
from cpd.domain.transactions import StopReason, Transaction
from cpd.errors import StorageError
from cpd.station.access import Authorisation, StartRefusal
from cpd.station.authorizer import Authorizer
from cpd.station.choice import ConnectorChoice
from cpd.station.configuration import Configuration
from cpd.station.connector import ConnectorTask
from cpd.station.floating import Floating
from cpd.station.ledger import Ledger
from cpd.station.requests import Requests, StartRequest
from cpd.station.reservations import Reservations
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from hal.evse import CardRead

log = logging.getLogger(__name__)

START_S = 10.0
"""How long a card waits for the session that the card before it is just starting."""


class Admission:
    """Decides on idTags one after the other; `run` is its task."""

    def __init__(
        self,
        connectors: Mapping[int, ConnectorTask],
        *,
        ledger: Ledger,
        authorizer: Authorizer,
        reservations: Reservations,
        configuration: Configuration,
        timebase: Timebase,
        changed: Signal,
    ) -> None:
        self._connectors = connectors
        self._ledger = ledger
        self._authorizer = authorizer
        self._reservations = reservations
        self._configuration = configuration
        self._timebase = timebase
        self._changed = changed
        self._requests = Requests()
        self._floating = Floating(ledger=ledger, reservations=reservations, clock=timebase.clock)
        self._choice = ConnectorChoice(connectors, reservations)
        self._wake = asyncio.Event()

    def present(self, card: CardRead) -> bool:
        """A card was presented; False where too many wait already, or where it has no idTag of OCPP's length."""
        if not 1 <= len(card.id_tag) <= MAX_ID_TAG_CHARACTERS:
            log.warning("card ignored, its id has %d characters", len(card.id_tag))
            return False
        return self._enqueue(card)

    @property
    def promised(self) -> list[Driver]:
        """Who may charge at whichever connector is plugged in first."""
        return self._floating.drivers

    def undecided(self, connector: int) -> bool:
        """True while a card or a start waits for its decision that may be for *connector*."""
        return self._requests.concern(connector)

    def remote_target(
        self, connector: int | None, driver: Driver, *, with_profile: bool
    ) -> ConnectorTask | None:
        """Where a remote start may happen; for *connector* None the one that waits. None: nowhere."""
        # What was accepted and is not decided yet has its place, and its profile, as if it were.
        asked = self._requests.starts
        named = {one.connector for one in asked}
        free = [task for task in self._choice.free_for(driver) if task.id not in named]
        if connector is not None:
            return next((task for task in free if task.id == connector), None)
        chosen = self._choice.waiting_or_reserved(driver)
        if chosen is not None and chosen in free:
            return chosen
        held = self._floating.holds_profile or any(
            one.with_profile and one.connector is None for one in asked
        )
        left = self._reservations.has_place_for(driver, len(self._floating.drivers) + len(asked))
        return next(iter(free), None) if left and not (with_profile and held) else None

    def start_remotely(self, driver: Driver, connector: int | None, *, with_profile: bool) -> bool:
        """Start where `remote_target` said; *with_profile*: a profile is held for *connector*. False: too busy."""
        if self._configuration.variables.boolean("AuthorizeRemoteTxRequests"):
            return self._enqueue(
                StartRequest(id_tag=driver.id_tag, connector=connector, with_profile=with_profile)
            )
        self._grant(driver, connector, with_profile=with_profile)
        return True

    def claim(self, connector: int) -> Authorisation | None:
        """The oldest leave to charge at whichever connector is plugged in first that may be used here, if any."""
        return self._floating.claim(connector)

    async def run(self) -> None:
        """Serve cards and remote starts in order, for ever."""
        while True:
            self._wake.clear()
            await self._floating.lapse()
            if self._requests.wait:
                with self._requests.first() as request:
                    await self._serve(request)
                for task in self._connectors.values():
                    task.wake()
                continue
            try:
                async with asyncio.timeout(self._floating.until_lapse_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def start_locally(self, connector: int, id_tag: str | None) -> StartRefusal | None:
        """Start on *connector* as soon as *id_tag* is authorised; None: with the tag that it needs no card for."""
        task = self._connectors[connector]
        asked = any(one.connector == connector for one in self._requests.starts)
        if not task.startable or task.access.authorisation is not None or asked:
            return StartRefusal.NOT_FREE
        if id_tag is not None:
            if not self._may_admit(connector, id_tag):
                return StartRefusal.NOT_FREE
            request = StartRequest(id_tag=id_tag, connector=connector, with_profile=False)
            return None if self._enqueue(request) else StartRefusal.TOO_MANY
        auto_start = task.free_vend.auto_start
        if auto_start is None:
            return StartRefusal.NO_TAG
        driver = Driver(id_tag=auto_start.id_tag)
        if not self._reservations.admits(connector, driver):
            return StartRefusal.NOT_FREE
        self._grant(driver, connector, with_profile=False)
        return None

    def _enqueue(self, request: CardRead | StartRequest) -> bool:
        taken = self._requests.put(request)
        self._wake.set()
        return taken

    async def _serve(self, request: CardRead | StartRequest) -> None:
        await self._starts_settled()
        if isinstance(request, CardRead):
            await self._decide_card(request)
        else:
            await self._decide_start(request)

    async def _decide_card(self, card: CardRead) -> None:
        if self._gives_back(card, None):
            return
        mine = self._stoppable(card, lambda running: same_id_tag(running.id_tag, card.id_tag))
        if mine is not None:
            await self._stop(mine, card.id_tag)
            return
        target = self._choice.for_card(card.connector, Driver(id_tag=card.id_tag))
        info = await self._authorise(card.id_tag, target)
        if isinstance(info, CardVerdict):
            self._tell_refusal(card.id_tag, target, info)
            return
        group = info.parent_id_tag
        if self._gives_back(card, group):
            return
        same_group = self._stoppable(card, lambda running: same_id_tag(running.parent_id_tag, group))
        if same_group is not None:
            await self._stop(same_group, card.id_tag)
            return
        driver = Driver(id_tag=card.id_tag, parent_id_tag=group)
        if target is None or not target.plug.is_in or not self._choice.is_open(target, driver):
            # The CSMS took its time: somebody may have plugged in, pulled the plug, or started, meanwhile.
            target = self._choice.for_card(card.connector, driver)
        if target is not None:
            self._grant(driver, target.id, with_profile=False)
        elif card.connector is None and self._floating.has_place_for(driver):
            self._grant(driver, None, with_profile=False)
        else:
            log.info("card id_tag=%s: no connector is free for it", shortened(card.id_tag))

    async def _decide_start(self, request: StartRequest) -> None:
        target = None if request.connector is None else self._connectors[request.connector]
        info = await self._authorise(request.id_tag, target)
        if isinstance(info, CardVerdict):
            self._tell_refusal(request.id_tag, target, info)
            if request.with_profile:
                await self._ledger.drop_pending(request.connector)
            return
        driver = Driver(id_tag=request.id_tag, parent_id_tag=info.parent_id_tag)
        if target is not None and not self._choice.is_open(target, driver):
            # The CSMS took its time: somebody may have started, or reserved it, meanwhile.
            log.info("start id_tag=%s: connector=%d is taken", shortened(request.id_tag), target.id)
            if request.with_profile:
                await self._ledger.drop_pending(request.connector)
            return
        self._grant(driver, request.connector, with_profile=request.with_profile)

    async def _authorise(self, id_tag: str, target: ConnectorTask | None) -> IdTagInfo | CardVerdict:
        if target is not None:
            target.access.authorising = id_tag
            target.wake()
        try:
            return await self._authorizer.decide(id_tag)
        finally:
            if target is not None:
                target.access.authorising = None
                target.wake()

    def _grant(self, driver: Driver, connector: int | None, *, with_profile: bool) -> None:
        """Leave to charge at *connector*, or at whichever is plugged in first."""
        before = self._replaced(driver, connector, with_profile=with_profile)
        authorisation = Authorisation(
            id_tag=driver.id_tag,
            parent_id_tag=driver.parent_id_tag,
            until_s=self._timebase.clock.monotonic_s() + self._connection_timeout_s,
            with_profile=with_profile or before is not None,
            held_for=connector if before is None else before.held_for,
        )
        if connector is not None:
            self._connectors[connector].grant(authorisation)
            return
        self._floating.put(authorisation)
        self._wake.set()
        for task in self._connectors.values():
            task.wake()

    def _replaced(self, driver: Driver, connector: int | None, *, with_profile: bool) -> Authorisation | None:
        """Take back what *driver* was given before, who is still one driver; the leave whose profile goes on."""
        here = None if connector is None else self._connectors[connector].access.leave_of(driver.id_tag)
        here = here if here is not None and here.with_profile else None
        has_profile = here is not None or (with_profile and connector is not None)
        floating = self._floating.take(driver.id_tag, profile_too=not has_profile)
        return here or (floating if floating is not None and floating.with_profile else None)

    def _tell_refusal(self, id_tag: str, target: ConnectorTask | None, verdict: CardVerdict) -> None:
        log.info("authorisation id_tag=%s %s", shortened(id_tag), verdict)
        if target is not None:
            target.refuse(verdict, self._connection_timeout_s)

    @property
    def _connection_timeout_s(self) -> int:
        return self._configuration.variables.integer("ConnectionTimeOut")

    def _may_admit(self, connector: int, id_tag: str) -> bool:
        """True where *id_tag* may start on *connector*, or its group may that nobody has asked for yet."""
        admitted = self._reservations.admits(connector, Driver(id_tag=id_tag))
        return admitted or self._reservations.asks_for_group(connector)

    async def _stop(self, task: ConnectorTask, id_tag: str) -> None:
        try:
            await task.stop(StopReason.LOCAL, id_tag)
        except StorageError as error:
            log.error("stop connector=%d is not kept: %s", task.id, error)

    def _stoppable(self, card: CardRead, allowed: Callable[[Transaction], bool]) -> ConnectorTask | None:
        for task in self._connectors.values():
            here, running = card.connector in (None, task.id), task.transaction
            if here and running is not None and running.stop_reason is None and allowed(running):
                return task
        return None

    def _gives_back(self, card: CardRead, group: str | None) -> bool:
        """True where a socket has kept the cable of this card's driver, which they get by it."""
        for task in self._connectors.values():
            if card.connector in (None, task.id) and task.plug.belongs_to(card.id_tag, group):
                task.give_plug_back()
                return True
        return False

    async def _starts_settled(self) -> None:
        """Wait until a session that is about to start has started: the next card may be meant to stop it."""
        try:
            async with asyncio.timeout(START_S):
                while any(task.about_to_start for task in self._connectors.values()):
                    await self._changed.wait()
        except TimeoutError:
            log.warning("a session did not start within %.0f s", START_S)
