"""One outlet that a controller runs by itself, as an `Evse`: the shell around `hal.controllers.supervision`.

It hands the controller its orders, asks it every second what it does, and keeps the lease: where the user's
permission lapses, the controller is told to hold. What it needs to know of a kind of controller is `Controller`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol

from hal.board import CardReader, Meter
from hal.controllers import supervision
from hal.controllers.examination import examine_controlled
from hal.controllers.line import NoAnswer
from hal.controllers.state import (
    Acknowledged,
    AvailabilitySet,
    Begun,
    Input,
    Offered,
    Order,
    Report,
    Reported,
    Stopped,
    Tick,
)
from hal.evse import ContactorChanged, FaultCleared, FaultRaised, Offer, OutletEvent, OutletSnapshot
from hal.examination import Finding
from hal.feed import Feed
from hal.latches import Latches, OutletLatch
from hal.meter_watch import WatchedMeter, loads_contacts
from hal.outlet.config import OutletConfig
from hal.serving import pause
from hal.superseded import forget_superseded
from hal.switched_meter import SwitchedMeter
from hal.values import ContactorState, Fault, FaultKind, MeterReading, StopReason, UnlockResult

log = logging.getLogger(__name__)

POLL_S = 1.0
RETRY_S = 0.2
"""Wait before a controller that gave no answer, or whose line is closed, is tried again."""

RELEASE_S = 2.0
"""Time for the last order: the controller is to be open when nobody supervises it any more."""


class Controller(Protocol):
    """One kind of controller at the other end of a line. What has no answer raises `NoAnswer`."""

    @property
    def restarted(self) -> bool:
        """True where it has lost what it was told: it must be begun with anew."""

    @property
    def meter(self) -> Meter | None:
        """Its own meter; None where it has none."""

    async def begin(self) -> None:
        """Have it hold before anything else, then find out what it is and what it can."""

    async def apply(self, order: Order) -> None:
        """Have it do *order*, as far as it does not already."""

    async def poll(self) -> Report:
        """What it says of itself now."""

    async def release(self) -> None:
        """Have it open at once, and stay so until it is begun with again."""

    def examine(self) -> tuple[Finding, ...]:
        """What is known of it, for a technician."""


class ControlledOutlet:
    """An `Evse` over a `Controller`. Everything runs on the loop's thread, and nothing waits for a device."""

    def __init__(
        self,
        config: OutletConfig,
        controller: Controller,
        *,
        latches: Latches,
        meter: Meter | None = None,
        reader: CardReader | None = None,
    ) -> None:
        self._config = config
        self._controller = controller
        self._latches = latches
        self._meter = self._watched(meter or controller.meter)
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._feed: Feed[OutletEvent] = Feed(forget_superseded)
        self._due = asyncio.Event()
        self._heard = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._safe = False
        self._trouble = "it was not asked yet"
        now_s = self._loop.time()
        kept = latches.kept(config.id).faults
        self._state = supervision.start(
            config, now_s=now_s, faults=tuple(Fault(kind=kind, since_s=now_s) for kind in kept)
        )
        self._carried_out = self._state.order

    @property
    def contactor_cycles(self) -> int:
        """How often the controller was seen to close its contactor."""
        return self._latches.kept(self._config.id).contactor_cycles

    @property
    def hurried(self) -> bool:
        """True while a lesser order, or a new beginning, waits for the last attempt at something else."""
        order, carried_out = self._state.order, self._carried_out
        is_less = order.current_ma < carried_out.current_ma or (order.at_once and not carried_out.at_once)
        return self._begun and (is_less or self._must_begin)

    @property
    def trouble(self) -> str:
        """What the last exchange failed of."""
        return self._trouble

    def look(self) -> None:
        """Something may have changed at the controller: ask it now."""
        self._due.set()

    async def heard(self) -> None:
        """Return once the controller has told what it does."""
        await self._heard.wait()

    async def run(self) -> None:
        """Serve the outlet for ever."""
        while True:
            try:
                if not self._begun or self._must_begin:
                    self._begun = False
                    await self._controller.begin()
                    self._begun = True
                    self._advance(Begun())
                await self._round()
            except NoAnswer as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    log.warning("controller connector=%d %s", self._config.id, error)
                if not self._controller.restarted:
                    await pause(RETRY_S)

    def make_safe(self) -> None:
        """Open at once, and take no more orders."""
        self.stop(StopReason.EMERGENCY)
        self._safe = True

    async def release(self) -> None:
        """Have the controller open, for good; what nobody supervises must not go on."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            async with asyncio.timeout(RELEASE_S):
                await self._controller.release()
        except (NoAnswer, TimeoutError):
            log.error("controller connector=%d did not confirm that it is open", self._config.id)
        finally:
            self._feed.close()

    def offer(self, offer: Offer | None) -> None:
        """Permit charging, renew or change the permission, or withdraw it (None)."""
        if not self._safe:
            self._advance(Offered(offer=offer))

    def stop(self, reason: StopReason) -> None:
        """Withdraw the offer; EMERGENCY opens at once."""
        self._advance(Stopped(reason=reason))

    def set_available(self, available: bool) -> None:
        """False: no offer is taken, and the pilot says so once nothing is plugged where the controller can."""
        self._advance(AvailabilitySet(available=available))

    def hold_plug(self, held: bool) -> None:
        """Without effect: a controller keeps the bolt of its socket, where it has one, by itself."""

    async def unlock(self) -> UnlockResult:
        """NOT_SUPPORTED: the bolt is the controller's own."""
        return UnlockResult.NOT_SUPPORTED

    def wake(self) -> None:
        """Without effect: a pulse of F is the controller's own matter."""

    async def acknowledge_fault(self, kind: FaultKind) -> bool:
        """Clear a fault that waits for service; False where there is none such, or its cause still stands."""
        if not self._state.has_fault(kind):
            return False
        self._advance(Acknowledged(kind=kind))
        return not self._state.has_fault(kind)

    def snapshot(self) -> OutletSnapshot:
        """The present truth as far as it is known, meter included."""
        return supervision.snapshot(self._state, self._meter_reading(), now_s=self._loop.time())

    def events(self) -> AsyncIterator[OutletEvent]:
        """What happens from now on, in order."""
        return self._feed.read()

    def examine(self) -> tuple[Finding, ...]:
        """What is known of the controller and of its outlet now."""
        return (
            *self._controller.examine(),
            *examine_controlled(
                self._config,
                self.snapshot(),
                trouble=self._trouble,
                kept=self._latches.kept(self._config.id),
                reader_online=self._state.reader_online,
                now_s=self._loop.time(),
            ),
        )

    @property
    def _must_begin(self) -> bool:
        return self._controller.restarted or not self._state.begun

    async def _round(self) -> None:
        """Order, ask, and wait until there is a reason for the next round."""
        self._due.clear()
        order = self._carried_out = self._state.order
        await self._controller.apply(order)
        report = await self._controller.poll()
        online = self._reader is None or self._reader.online()
        self._count(report, order)
        self._advance(Reported(report=report, order=order, meter=self._meter_reading(), reader_online=online))
        self._heard.set()
        if self._trouble:
            self._trouble = ""
            log.info("controller connector=%d answers", self._config.id)
        if self._state.order == order and not self._controller.restarted:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._due.wait()

    def _advance(self, seen: Input) -> None:
        before = self._state
        self._state, events = supervision.step(before, seen, now_s=self._loop.time())
        for event in events:
            self._tell(event)
        if self._state.order != before.order:
            self._due.set()
        if self._timer is not None:
            self._timer.cancel()
        due_s = self._state.deadline_s
        self._timer = None if due_s is None else self._loop.call_at(due_s, self._advance, Tick())

    def _count(self, report: Report, order: Order) -> None:
        was_closed = self._state.contactor is ContactorState.CLOSED
        if report.contactor is ContactorState.CLOSED and not was_closed:
            self._keep(closes=1)
        # Without "at once" the vehicle lets go first, or the controller opens on it and does not say so.
        if order.at_once and was_closed and loads_contacts(self._state.meter):
            self._keep(opened_under_load=int(report.contactor is ContactorState.OPEN))

    def _tell(self, event: OutletEvent) -> None:
        connector = self._config.id
        match event:
            case FaultRaised(fault=fault):
                log.warning("fault connector=%s kind=%s opens=%s", connector, fault.kind, fault.rule.opens)
                self._keep()
            case FaultCleared(kind=kind):
                log.info("fault cleared connector=%s kind=%s", connector, kind)
                self._keep()
            case ContactorChanged(state=state):
                log.info("contactor connector=%s state=%s", connector, state)
            case _:
                log.debug("outlet connector=%s %s", connector, event)
        self._feed.put(event)

    def _keep(self, *, closes: int = 0, opened_under_load: int = 0) -> None:
        kinds = tuple(fault.kind for fault in self._state.faults if fault.rule.survives_restart)
        kept = self._latches.kept(self._config.id)
        latch = OutletLatch(
            faults=kinds,
            contactor_cycles=kept.contactor_cycles + closes,
            opened_under_load=kept.opened_under_load + opened_under_load,
        )
        self._latches.keep(self._config.id, latch)

    def _watched(self, meter: Meter | None) -> WatchedMeter | SwitchedMeter | None:
        if meter is None:
            return None
        watched = WatchedMeter(meter)
        if not self._config.meter_behind_contactor:
            return watched
        return SwitchedMeter(watched, is_open=self._is_open, now_s=self._loop.time)

    def _is_open(self) -> bool:
        return self._state.given_ma == 0 and self._state.contactor is ContactorState.OPEN

    def _meter_reading(self) -> MeterReading | None:
        return None if self._meter is None else self._meter.read()
