"""One connector's session: what the outlet shows and what was asked of it, turned into offers and transactions.

Level-triggered: whatever happens only wakes the task, which then looks at the present truth and does the next
thing. Only what must not be overlooked between two looks (an unplugging, a fault) is latched as it is seen.
"""

import asyncio
import logging
from collections.abc import Callable

from cpd.domain.authorization import CardVerdict
from cpd.domain.availability import Origin
from cpd.domain.blockers import Blocker, Situation
from cpd.domain.profiles import STATION
from cpd.domain.reservations import Place, Reservation
from cpd.domain.supply import Cap
from cpd.domain.transactions import StopReason, Transaction
from cpd.errors import StorageError
from cpd.station.access import Access, Authorisation
from cpd.station.condition import Condition
from cpd.station.configuration import Configuration
from cpd.station.course import TransactionCourse
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.ending import ending_of
from cpd.station.free_vend import AutoStart, FreeVend
from cpd.station.lease import OfferLease
from cpd.station.ledger import Ledger
from cpd.station.limits import AppliedLimit
from cpd.station.outlet_caps import OutletCaps
from cpd.station.plug import Plug
from cpd.station.pulse import Pulse
from cpd.station.reservations import Reservations
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from hal.evse import (
    CableChanged,
    DutyChanged,
    Evse,
    FaultRaised,
    Offer,
    OutletEvent,
    PilotChanged,
    StopPressed,
)
from hal.values import Fault, LockState, PilotState

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""What the store refused is tried again this much later."""


class ConnectorTask:
    """The session of one connector; `run` is its task and the only one that changes it between awaits."""

    def __init__(
        self,
        connector: int,
        evse: Evse,
        *,
        ledger: Ledger,
        configuration: Configuration,
        csms: Csms,
        timebase: Timebase,
        changed: Signal,
        replan: Callable[[], None],
        claim: Callable[[int], Authorisation | None],
        withdrawn_by: Callable[[int], Origin | None],
        reservations: Reservations,
        updating: Callable[[], bool],
        auto_start: AutoStart | None,
        undecided: Callable[[int], bool],
        stops_without_meter: bool,
    ) -> None:
        self.id = connector
        self.evse = evse
        self.access = Access(connector, clock=timebase.clock, ledger=ledger)
        self.plug = Plug(evse, timebase.clock, configuration)
        self.closing = False
        """The daemon is about to end: nothing begins any more."""
        self.pulse = Pulse()
        """That of the session: whatever keeps it from going round keeps it from everything else."""
        self._csms = csms
        self._timebase = timebase
        self._changed = changed
        self._claim = claim
        self._withdrawn_by = withdrawn_by
        self._reservations = reservations
        self._updating = updating
        self._stops_without_meter = stops_without_meter
        self.free_vend = FreeVend(
            connector,
            auto_start,
            plug=self.plug,
            reservations=reservations,
            undecided=undecided,
            clock=timebase.clock,
        )
        self._applied: AppliedLimit | None = None
        self._course = TransactionCourse(
            connector,
            evse,
            plug=self.plug,
            ledger=ledger,
            reservations=reservations,
            clock=timebase.clock,
        )
        self._store_failed = False
        self._caps = OutletCaps(evse, replan)
        self._wake = asyncio.Event()
        self._events = evse.events()
        self._lease = OfferLease(evse, timebase.clock, self._wanted)
        self._condition = Condition(connector, csms=csms, timebase=timebase, changed=changed)

    @property
    def report(self) -> ConnectorReport:
        """What the CSMS is told of this connector."""
        return self._condition.report

    @property
    def transaction(self) -> Transaction | None:
        """The transaction of this connector until its stop is booked."""
        return self._course.transaction

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What bounds the current here beside the connector's own maximum."""
        return self._caps.now

    @property
    def least_ma(self) -> int:
        """The least in mA that the outlet can offer."""
        return self._caps.least_ma

    @property
    def waits_for_card(self) -> bool:
        """True where a vehicle is plugged in and nobody has been authorised for it."""
        return self.plug.is_in and self.startable and self.access.authorisation is None

    @property
    def operative(self) -> bool:
        """True while nothing has taken the connector out of service; what runs goes on all the same."""
        return self._withdrawn_by(self.id) is None and not self._updating()

    @property
    def startable(self) -> bool:
        """True where a transaction could begin: in service, no fault, and free or about to be free."""
        transaction = self.transaction
        free = transaction is None or transaction.stop_reason is not None
        possible = self.operative and not self.closing and not self.plug.is_kept
        return free and possible and self.evse.snapshot().opening_fault is None

    @property
    def place(self) -> Place:
        """How the connector stands as something that can be reserved."""
        authorisation = self.access.authorisation
        return Place(
            operative=self.operative,
            faulted=self.evse.snapshot().opening_fault is not None,
            free=self.startable and authorisation is None,
            driver=None if authorisation is None else authorisation.driver,
            plugged_at_s=self.plug.plugged_at_s,
        )

    @property
    def about_to_start(self) -> bool:
        """True from the moment that all is there for a transaction until it has begun."""
        authorised = self.access.authorisation is not None and self.transaction is None
        return authorised and self.startable and self.plug.is_in

    @property
    def is_starting(self) -> bool:
        """True while the store writes the beginning of a transaction."""
        return self._course.is_starting

    @property
    def reservation(self) -> Reservation | None:
        """What keeps the connector for somebody who is not here yet."""
        here = self.transaction is not None or self.access.authorisation is not None
        return None if here else self._reservations.of(self.id)

    async def run(self) -> None:
        """Serve the connector for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name=f"outlet-events-{self.id}")
            tasks.create_task(self._lease.run(), name=f"offer-lease-{self.id}")
            tasks.create_task(self._serve(), name=f"session-{self.id}")

    def apply(self, applied: AppliedLimit) -> None:
        """Offer this from now on; takes effect at once."""
        self._applied = applied
        self._lease.settle()
        self._look()

    def grant(self, authorisation: Authorisation) -> None:
        """Somebody may charge here."""
        self.access.grant(authorisation)
        self.wake()

    def refuse(self, verdict: CardVerdict, for_s: float) -> None:
        """A card was presented for this connector in vain; said for *for_s* seconds at most."""
        self.access.refuse(verdict, for_s)
        self.wake()

    async def stop(self, reason: StopReason, id_tag: str | None = None) -> None:
        """End the transaction, if one runs that is not ending already; returns once the intent is kept.

        The stop is booked when the outlet is open. Raises `StorageError`: it is going to end all the same.
        """
        try:
            await self._course.stop(reason, id_tag)
        finally:
            self.wake()

    def deauthorise(self) -> None:
        """The CSMS refused the running transaction, which is kept without current (StopTransactionOnInvalidId)."""
        self._course.deauthorised = True
        self._lease.settle()
        self.wake()

    def give_plug_back(self) -> None:
        """The driver of a cable that the socket has kept asks for it."""
        self.plug.give_back()
        self.wake()

    def wake(self) -> None:
        """Something changed: look again."""
        self._look()
        self._wake.set()

    def prove_alive(self, now_s: float) -> None:
        """Go round once more: `pulse` tells whether that happens."""
        self.pulse.ask(now_s)
        self._wake.set()

    def blockers(self) -> tuple[Blocker, ...]:
        """Why this connector is not charging, the primary cause first, each since when it stands."""
        return self._condition.blockers(self._situation())

    async def _follow(self) -> None:
        async for event in self._events:
            self._see(event)
            self.wake()

    def _see(self, event: OutletEvent) -> None:
        match event:
            case PilotChanged(state=PilotState.A):
                self._unplugged()
            case PilotChanged(state=state):
                self.plug.seen(state)
            case FaultRaised(fault=fault):
                self._condition.raised(fault)
                self._faulted(fault)
            case StopPressed():
                self._course.latch(StopReason.LOCAL)
                self._lease.settle()
            case CableChanged() | DutyChanged():
                self._caps.look()
            case _:
                pass

    def _unplugged(self) -> None:
        self._course.pulled()
        self.access.unplugged()
        self._lease.settle()

    def _faulted(self, fault: Fault) -> None:
        cause = ending_of(fault, stops_without_meter=self._stops_without_meter)
        if cause is not None:
            self._course.latch(cause)
            self._lease.settle()

    async def _serve(self) -> None:
        while True:
            self.pulse.beat()
            self._wake.clear()
            wait_s = None
            try:
                await self._settle()
                self._store_failed = False
            except StorageError as error:
                log.error("session connector=%d waits for the store: %s", self.id, error)
                self._store_failed = True
                wait_s = RETRY_S
            self._look()
            try:
                async with asyncio.timeout(wait_s or self._until_deadline_s()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _settle(self) -> None:
        """Do the next thing that the present truth calls for."""
        transaction = self.transaction
        self.plug.settle(transaction)
        if transaction is None:
            await self._settle_idle()
        elif transaction.stop_reason is not None:
            self._course.open()
            if self._course.is_open:
                await self._course.book_stop()
                # Somebody may have been authorised meanwhile.
                self._wake.set()
        else:
            self._latch_standing()
            if self._course.cause is not None:
                await self.stop(self._course.cause)

    def _latch_standing(self) -> None:
        """What stood before the events of the outlet were followed, or before the transaction was resumed."""
        snapshot = self.evse.snapshot()
        for fault in snapshot.faults:
            self._faulted(fault)
        if snapshot.pilot is PilotState.A:
            self._unplugged()

    async def _settle_idle(self) -> None:
        if self.evse.snapshot().available is not self.operative:
            self.evse.set_available(self.operative)
        if not self.operative:
            await self.access.drop()
        await self.access.lapse()
        if self.waits_for_card:
            # Who was let in before a plug means one that comes, and no vehicle that another driver has left.
            claimed = None if self.plug.ended else self._claim(self.id)
            self.access.authorisation = claimed or self.free_vend.leave()
        if self.access.authorisation is not None and self.about_to_start:
            await self._start(self.access.authorisation)

    async def _start(self, authorisation: Authorisation) -> None:
        if await self._course.start(authorisation):
            self.access.used(authorisation)
            # Unplugged, or broken, while the store wrote: the next look ends what has just begun.
            self._wake.set()

    def _wanted(self) -> Offer | None:
        """What is to be offered, by what is true now."""
        applied, course = self._applied, self._course
        if applied is None or applied.offer_ma == 0 or course.transaction is None:
            return None
        if course.is_ending or course.deauthorised:
            return None
        return Offer(current_ma=applied.offer_ma, phases=applied.limit.phases)

    def _look(self) -> None:
        """Tell what is true now, to the CSMS and to whoever watches."""
        self._condition.look(self._situation(), self._lease.since_s)

    def _situation(self) -> Situation:
        applied, course = self._applied, self._course
        outlet = self.evse.snapshot()
        reservation = self.reservation
        link = self._csms.link
        return Situation(
            connector=self.id,
            outlet=outlet,
            withdrawn_by=self._withdrawn_by(self.id),
            with_station=self._withdrawn_by(STATION) is Origin.LOCAL,
            updating_firmware=self._updating(),
            reserved=reservation is not None,
            reserved_until_epoch_s=None if reservation is None else int(reservation.expires_at.timestamp()),
            in_transaction=course.transaction is not None,
            stopping=course.is_ending,
            ended=self.plug.ended,
            authorised=self.access.authorisation is not None,
            authorising=self.access.authorising is not None,
            deauthorised=course.deauthorised,
            verdict=self.access.verdict,
            boot_refused=not self._csms.online and link.connected,
            alone=link.url is None,
            store_failed=self._store_failed,
            limit=None if applied is None else applied.limit,
            waits_until_s=None if applied is None else applied.wait_until_s,
            delayed_until_s=None if applied is None else applied.delayed_until_s,
            fixed_cable=outlet.lock is LockState.NONE,
        )

    def _until_deadline_s(self) -> float | None:
        now_s = self._timebase.clock.monotonic_s()
        deadlines = (
            self._condition.deadline_s,
            self.free_vend.deadline_s,
            *self.access.deadlines_s,
            *self._course.deadlines_s,
        )
        ahead = [due_s - now_s for due_s in deadlines if due_s is not None and now_s < due_s < float("inf")]
        return min(ahead, default=None)
