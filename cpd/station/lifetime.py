"""The outlets as the station sees them: each with one energy register for life, kept across its meters.

The register is written with each start and stop, so between sessions, when meters are changed, it is exact.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace

from cpd.clock import Clock
from cpd.domain.metering import SampleContext
from cpd.domain.register import Course, Register
from cpd.domain.transactions import Transaction
from cpd.errors import StorageError
from cpd.station.ledger import Bracket
from cpd.station.repositories import Repositories, Store
from cpd.station.signal import Signal
from hal.evse import CardRead, Evse, Hal, Offer, OutletEvent, OutletSnapshot
from hal.light import Light
from hal.values import ContactorState, FaultKind, MeterReading, StopReason, UnlockResult

log = logging.getLogger(__name__)


class Lifetimes:
    """A `hal.evse.Hal` over another one, whose readings never run back.

    The meters *behind_contactor* are dark until that closes once: until then the register holds as it was kept.
    """

    def __init__(
        self,
        hal: Hal,
        kept: Mapping[int, Register],
        store: Store,
        *,
        clock: Clock,
        behind_contactor: Collection[int],
    ) -> None:
        self._hal = hal
        self._registers = dict(kept)
        self._store = store
        self._clock = clock
        self._behind_contactor = behind_contactor
        self._rebased = Signal()
        self._unkept: set[int] = set()
        self._unseen: set[int] = set()
        self._evses: Mapping[int, Evse] = {
            number: _LifetimeEvse(number, evse, self) for number, evse in hal.evses.items()
        }

    @property
    def evses(self) -> Mapping[int, Evse]:
        """The outlets, 1 … n."""
        return self._evses

    @property
    def lights(self) -> Mapping[int, Light]:
        """The lights of those outlets that have one."""
        return self._hal.lights

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are presented."""
        return self._hal.cards()

    def told_wh(self, connector: int, raw_wh: int, *, is_open: bool) -> int:
        """The lifetime register of *connector* now that its meter says *raw_wh*, behind an open contactor or not."""
        before = self._registers.get(connector) or self._first(connector, raw_wh)
        if connector in self._unseen and not is_open:
            self._unseen.remove(connector)
            before = replace(before, raw_wh=raw_wh)
        after, course = before.read(raw_wh)
        self._registers[connector] = after
        if course in (Course.WRAPPED, Course.REPLACED):
            log.warning(
                "meter connector=%d %s: it went from %d to %d Wh, the register goes on at %d Wh",
                connector,
                course,
                before.raw_wh,
                raw_wh,
                after.lifetime_wh,
            )
            self._unkept.add(connector)
            self._rebased.fire()
        return after.lifetime_wh

    def dark(self, snapshot: OutletSnapshot, connector: int) -> MeterReading | None:
        """What a meter behind the open contactor would say, which has said nothing yet: that nothing flows."""
        states = (snapshot.contactor, snapshot.contactor_commanded)
        if connector not in self._behind_contactor or states != (ContactorState.OPEN, ContactorState.OPEN):
            return None
        register = self._registers.get(connector)
        return MeterReading(
            at_s=self._clock.monotonic_s(),
            energy_wh=0 if register is None else register.lifetime_wh,
            power_w=0,
            current_ma=None,
            voltage_mv=None,
        )

    def _first(self, connector: int, raw_wh: int) -> Register:
        """The register of a connector whose meter was never read before."""
        if connector not in self._behind_contactor:
            return Register.first(raw_wh)
        # A session may have begun before: it was told 0.
        self._unkept.add(connector)
        self._rebased.fire()
        return Register.unseen(raw_wh)

    def cut_off(self, connector: int) -> None:
        """A transaction at *connector* was interrupted and is booked, or its meter was silent as it ended.

        What a dark meter counted unseen in it is billed to nobody, and not to the next driver.
        """
        if connector in self._behind_contactor:
            self._unseen.add(connector)

    def keep(self, connector: int) -> Callable[[Repositories], None]:
        """The work that keeps the register of *connector* as it is now."""
        register = self._registers.get(connector)

        def work(repositories: Repositories) -> None:
            if register is not None:
                repositories.registers.put(connector, register)

        return work

    def with_registers(self, bracket: Bracket) -> Bracket:
        """*bracket* whose work keeps the register, too."""

        def both(transaction: Transaction, context: SampleContext) -> Callable[[Repositories], None]:
            works = (bracket(transaction, context), self.keep(transaction.connector))

            def work(repositories: Repositories) -> None:
                for one in works:
                    one(repositories)

            return work

        return both

    async def run(self) -> None:
        """Keep each new beginning of a meter as soon as it is seen, for ever."""
        while True:
            while not self._unkept:
                await self._rebased.wait()
            connector = self._unkept.pop()
            try:
                await self._store.commit(self.keep(connector))
            except StorageError as error:
                log.error(
                    "the register of connector=%d is not kept until its next session: %s", connector, error
                )


class _LifetimeEvse:
    """One outlet: everything is passed on, but the energy of its meter."""

    def __init__(self, connector: int, evse: Evse, lifetimes: Lifetimes) -> None:
        self._connector = connector
        self._evse = evse
        self._lifetimes = lifetimes
        self._silent_while_closed = False

    def snapshot(self) -> OutletSnapshot:
        snapshot = self._evse.snapshot()
        meter = snapshot.meter
        states = (snapshot.contactor, snapshot.contactor_commanded)
        is_open = states == (ContactorState.OPEN, ContactorState.OPEN)
        if not is_open:
            self._silent_while_closed = meter is None
        elif self._silent_while_closed:
            self._silent_while_closed = False
            self._lifetimes.cut_off(self._connector)
        if meter is None:
            dark = self._lifetimes.dark(snapshot, self._connector)
            return snapshot if dark is None else replace(snapshot, meter=dark)
        told_wh = self._lifetimes.told_wh(self._connector, meter.energy_wh, is_open=is_open)
        if told_wh == meter.energy_wh:
            return snapshot
        return replace(snapshot, meter=replace(meter, energy_wh=told_wh))

    def offer(self, offer: Offer | None) -> None:
        # A meter that is reset takes along what it counted since it was read: each renewal of the lease reads it.
        self.snapshot()
        self._evse.offer(offer)

    def stop(self, reason: StopReason) -> None:
        self._evse.stop(reason)

    def set_available(self, available: bool) -> None:
        self._evse.set_available(available)

    def hold_plug(self, held: bool) -> None:
        self._evse.hold_plug(held)

    async def unlock(self) -> UnlockResult:
        return await self._evse.unlock()

    def wake(self) -> None:
        self._evse.wake()

    async def acknowledge_fault(self, kind: FaultKind) -> bool:
        return await self._evse.acknowledge_fault(kind)

    def events(self) -> AsyncIterator[OutletEvent]:
        return self._evse.events()
