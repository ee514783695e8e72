"""One connector's session: what the outlet shows and what was asked of it, turned into offers and transactions.

Level-triggered: whatever happens only wakes the task, which then looks at the present truth and does the next
thing. Only what must not be overlooked between two looks (an unplugging, a fault) is latched as it is seen.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from cpd.domain.authorization import CardVerdict, shortened
from cpd.domain.blockers import Blocker, Situation
from cpd.domain.supply import Cap, ConstraintKind
from cpd.domain.transactions import StopReason, Transaction
from cpd.errors import StorageError
from cpd.station.condition import Condition
from cpd.station.configuration import Configuration
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.lease import OfferLease
from cpd.station.ledger import Ledger
from cpd.station.limits import AppliedLimit
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from hal.evse import CableChanged, DutyChanged, Evse, FaultRaised, Offer, OutletEvent, PilotChanged
from hal.values import ContactorState, Fault, LockState, PilotState, SessionEffect
from hal.values import StopReason as Opening

log = logging.getLogger(__name__)

OPENING_S = 10.0
"""How long an outlet may take to open before the stop is booked all the same (6 s for the vehicle, and margin)."""

RETRY_S = 5.0
"""What the store refused is tried again this much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """Leave to charge that no transaction has used yet; it lapses at *until_s* (monotonic).

    *with_profile*: a profile of the remote start is held for connector *held_for* (None: for whichever starts).
    """

    id_tag: str
    parent_id_tag: str | None
    until_s: float
    with_profile: bool = False
    held_for: int | None = None


_ENDINGS = {
    SessionEffect.ENDS: StopReason.OTHER,
    SessionEffect.ENDS_AS_EMERGENCY: StopReason.EMERGENCY_STOP,
}


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
        auto_start_tag: str | None,
    ) -> None:
        self.id = connector
        self.evse = evse
        self.operative = True
        self.authorisation: Authorisation | None = None
        self.authorising: str | None = None
        self.plugged_at_s = timebase.clock.monotonic_s() if evse.snapshot().pilot.plugged else None
        self._ledger = ledger
        self._configuration = configuration
        self._csms = csms
        self._timebase = timebase
        self._changed = changed
        self._replan = replan
        self._claim = claim
        self._auto_start_tag = auto_start_tag
        self._applied: AppliedLimit | None = None
        self._verdict: CardVerdict | None = None
        self._verdict_until_s = 0.0
        self._starting = False
        self._stop_cause: StopReason | None = None
        self._stopping_since_s: float | None = None
        self._deauthorised = False
        self._ended = False
        self._planned_caps = self.caps
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
        return self._ledger.running.get(self.id)

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What bounds the current here beside the connector's own maximum: the plugged cable, the temperature."""
        outlet = self.evse.snapshot()
        caps = []
        if outlet.cable_a is not None:
            caps.append(Cap(kind=ConstraintKind.CABLE, current_ma=outlet.cable_a * 1_000))
        if outlet.thermal_limit_ma is not None:
            caps.append(Cap(kind=ConstraintKind.TEMPERATURE, current_ma=outlet.thermal_limit_ma))
        return tuple(caps)

    @property
    def waits_for_card(self) -> bool:
        """True where a vehicle is plugged in and nobody has been authorised for it."""
        return self.evse.snapshot().pilot.plugged and self.startable and self.authorisation is None

    @property
    def startable(self) -> bool:
        """True where a transaction could begin: operative, no fault, and free or about to be free."""
        transaction = self.transaction
        free = transaction is None or transaction.stop_reason is not None
        return free and self.operative and self.evse.snapshot().opening_fault is None

    @property
    def about_to_start(self) -> bool:
        """True from the moment that all is there for a transaction until it has begun."""
        authorised = self.authorisation is not None and self.transaction is None
        return authorised and self.startable and self.evse.snapshot().pilot.plugged

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
        self.authorisation = authorisation
        self._verdict = None
        self.wake()

    def refuse(self, verdict: CardVerdict, for_s: float) -> None:
        """A card was presented for this connector in vain; said for *for_s* seconds at most."""
        self._verdict = verdict
        self._verdict_until_s = self._timebase.clock.monotonic_s() + for_s
        self.wake()

    async def stop(self, reason: StopReason, id_tag: str | None = None) -> None:
        """End the transaction, if one runs that is not ending already; returns once the intent is kept.

        The stop is booked when the outlet is open. Raises `StorageError`: it is going to end all the same.
        """
        transaction = self.transaction
        if transaction is None or transaction.stop_reason is not None:
            return
        emergency = reason is StopReason.EMERGENCY_STOP
        self.evse.stop(Opening.EMERGENCY if emergency else Opening.NORMAL)
        self._stopping_since_s = self._timebase.clock.monotonic_s()
        # What is plugged in after an unplugging is another vehicle, or another wish of the driver's.
        plugged = self.evse.snapshot().pilot.plugged
        self._ended = plugged and self._stop_cause is not StopReason.EV_DISCONNECTED
        try:
            await self._ledger.intend_stop(self.id, reason, id_tag)
        finally:
            self.wake()

    def deauthorise(self) -> None:
        """The CSMS refused the running transaction, which is kept without current (StopTransactionOnInvalidId)."""
        self._deauthorised = True
        self._lease.settle()
        self.wake()

    def wake(self) -> None:
        """Something changed: look again."""
        self._look()
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
            case PilotChanged(state=state) if state.plugged and self.plugged_at_s is None:
                self.plugged_at_s = self._timebase.clock.monotonic_s()
            case FaultRaised(fault=fault):
                self._faulted(fault)
            case CableChanged() | DutyChanged() if self.caps != self._planned_caps:
                # The outlet derates by itself; the plan follows, so that what is told is what is offered.
                self._planned_caps = self.caps
                self._replan()
            case _:
                pass

    def _unplugged(self) -> None:
        self.plugged_at_s = None
        self._ended = False
        self._verdict = None
        if self._configuration.variables.boolean("StopTransactionOnEVSideDisconnect"):
            self._latch(StopReason.EV_DISCONNECTED)

    def _faulted(self, fault: Fault) -> None:
        if fault.rule.session in _ENDINGS:
            self._latch(_ENDINGS[fault.rule.session])

    def _latch(self, cause: StopReason) -> None:
        """The transaction that runs, or is just being written, is to end; the first cause stands."""
        if self._starting or self.transaction is not None:
            self._stop_cause = self._stop_cause or cause
            self._lease.settle()

    async def _serve(self) -> None:
        while True:
            self._wake.clear()
            wait_s = None
            try:
                await self._settle()
            except StorageError as error:
                log.error("session connector=%d waits for the store: %s", self.id, error)
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
        if transaction is None:
            await self._settle_idle()
        elif transaction.stop_reason is not None:
            if self._is_open():
                await self._book_stop()
        else:
            self._latch_standing()
            if self._stop_cause is not None:
                await self.stop(self._stop_cause)

    def _latch_standing(self) -> None:
        """What stood before the events of the outlet were followed, or before the transaction was resumed."""
        snapshot = self.evse.snapshot()
        for fault in snapshot.faults:
            self._faulted(fault)
        if snapshot.pilot is PilotState.A:
            self._unplugged()

    async def _settle_idle(self) -> None:
        now_s = self._timebase.clock.monotonic_s()
        if self.authorisation is not None and now_s >= self.authorisation.until_s:
            log.info("authorisation connector=%d lapsed", self.id)
            await self._drop_authorisation()
        if self._verdict is not None and now_s >= self._verdict_until_s:
            self._verdict = None
        if self.waits_for_card:
            self.authorisation = self._claim(self.id) or self._free()
        if self.authorisation is not None and self.about_to_start:
            await self._start(self.authorisation)

    def _free(self) -> Authorisation | None:
        """Leave to charge without a card, once per plug-in."""
        if self._auto_start_tag is None or self._ended:
            return None
        return Authorisation(id_tag=self._auto_start_tag, parent_id_tag=None, until_s=float("inf"))

    async def _drop_authorisation(self) -> None:
        dropped, self.authorisation = self.authorisation, None
        if dropped is not None and dropped.with_profile:
            await self._ledger.drop_pending(dropped.held_for)

    async def _start(self, authorisation: Authorisation) -> None:
        meter = self.evse.snapshot().meter
        if meter is None:
            # No meterStart; the meter's return is an event, and wakes this task.
            return
        self._stop_cause = None
        self._starting = True
        try:
            transaction = await self._ledger.start(
                self.id,
                authorisation.id_tag,
                authorisation.parent_id_tag,
                meter.energy_wh,
                bind_profile=authorisation.with_profile,
            )
        finally:
            self._starting = False
        if self.authorisation is authorisation:
            self.authorisation = None
        self._ended = False
        # Unplugged, or broken, while the store wrote: the next look ends what has just begun.
        self._wake.set()
        log.info(
            "transaction connector=%d started local_id=%s id_tag=%s meter_wh=%d",
            self.id,
            transaction.local_id,
            shortened(transaction.id_tag),
            transaction.meter_start_wh,
        )

    async def _book_stop(self) -> None:
        meter = self.evse.snapshot().meter
        transaction = await self._ledger.end(self.id, None if meter is None else meter.energy_wh)
        # Somebody may have been authorised meanwhile.
        self._wake.set()
        self._stop_cause = None
        self._stopping_since_s = None
        self._deauthorised = False
        log.info(
            "transaction connector=%d stopped local_id=%s reason=%s meter_wh=%s",
            self.id,
            transaction.local_id,
            transaction.stop_reason,
            transaction.meter_stop_wh,
        )

    def _is_open(self) -> bool:
        snapshot = self.evse.snapshot()
        both = (snapshot.contactor, snapshot.contactor_commanded)
        if both == (ContactorState.OPEN, ContactorState.OPEN):
            return True
        since_s = self._stopping_since_s
        return since_s is None or self._timebase.clock.monotonic_s() >= since_s + OPENING_S

    def _wanted(self) -> Offer | None:
        """What is to be offered, by what is true now."""
        applied, transaction = self._applied, self.transaction
        if applied is None or applied.offer_ma == 0 or transaction is None or self._deauthorised:
            return None
        if transaction.stop_reason is not None or self._stop_cause is not None:
            return None
        return Offer(current_ma=applied.offer_ma, phases=applied.limit.phases)

    def _look(self) -> None:
        """Tell what is true now, to the CSMS and to whoever watches."""
        self._condition.look(self._situation(), self._lease.since_s)

    def _situation(self) -> Situation:
        transaction = self.transaction
        applied = self._applied
        outlet = self.evse.snapshot()
        return Situation(
            outlet=outlet,
            operative=self.operative,
            in_transaction=transaction is not None,
            stopping=transaction is not None and transaction.stop_reason is not None,
            ended=self._ended,
            authorised=self.authorisation is not None,
            authorising=self.authorising is not None,
            deauthorised=self._deauthorised,
            verdict=self._verdict,
            boot_refused=self._csms.link.connected and not self._csms.online,
            limit=None if applied is None else applied.limit,
            waits_until_s=None if applied is None else applied.wait_until_s,
            fixed_cable=outlet.lock is LockState.NONE,
        )

    def _until_deadline_s(self) -> float | None:
        now_s = self._timebase.clock.monotonic_s()
        deadlines = [self._condition.deadline_s]
        if self.authorisation is not None:
            deadlines.append(self.authorisation.until_s)
        if self._verdict is not None:
            deadlines.append(self._verdict_until_s)
        if self._stopping_since_s is not None:
            deadlines.append(self._stopping_since_s + OPENING_S)
        ahead = [due_s - now_s for due_s in deadlines if due_s is not None and now_s < due_s < float("inf")]
        return min(ahead, default=None)
