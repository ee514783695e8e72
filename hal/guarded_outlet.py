"""One outlet under guard: the shell around the outlet machine.

Carries out what `hal.outlet.machine.step` decides on the parts of a board, and offers it to its user as an `Evse`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import assert_never

from hal.board import INTERLOCK_HOLD_S, OutletBoard, Witness
from hal.evse import (
    ContactorChanged,
    FaultCleared,
    FaultRaised,
    Offer,
    OpenedUnderLoad,
    OutletEvent,
    OutletSnapshot,
    StopPressed,
)
from hal.examination import Finding
from hal.feed import Feed
from hal.iec61851 import F_NS, X1_NS
from hal.latches import Latches, OutletLatch
from hal.meter_watch import POLL_S, WatchedMeter, loads_contacts
from hal.outlet import machine
from hal.outlet.config import OutletConfig
from hal.outlet.lock import may_unlock
from hal.outlet.state import (
    AvailabilitySet,
    CommandContactor,
    DriveLock,
    Emit,
    FaultAcknowledged,
    Offered,
    OutletAction,
    OutletInput,
    PlugHeld,
    SelectPhases,
    Sensed,
    SetPilot,
    StopRequested,
    TestGroundFault,
    Tick,
    UnlockRequested,
    WakeRequested,
)
from hal.outlet_examination import examine_outlet
from hal.sensing import sensed
from hal.superseded import forget_superseded
from hal.switched_meter import SwitchedMeter
from hal.values import (
    ContactorState,
    Fault,
    FaultKind,
    LockState,
    MeterReading,
    PilotState,
    StopReason,
    UnlockResult,
)

log = logging.getLogger(__name__)

METERED_AFTER_S = 0.5
"""A reading of the meter that was asked for earlier than this behind an opening may still tell of the load."""

_UNLOCK_WAIT_S = 5.0

_BEAT_S = INTERLOCK_HOLD_S / 3
"""A beat may be late, or lost once, before the interlock opens."""


class GuardedOutlet:
    """An `Evse` over a raw board. Everything runs on the loop's thread, so a step is never interrupted."""

    def __init__(
        self,
        config: OutletConfig,
        board: OutletBoard,
        *,
        latches: Latches,
        witness: Witness | None,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._config = config
        self._board = board
        self._latches = latches
        self._witness = witness
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._meter = self._watched_meter()
        self._feed: Feed[OutletEvent] = Feed(forget_superseded)
        self._pending: deque[OutletInput | None] = deque()
        self._stepping = False
        self._safe = False
        self._opened_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._watching: asyncio.TimerHandle | None = None
        now_s = self._loop.time()
        kept = latches.kept(config.id).faults
        self._state = machine.start(
            config, now_s=now_s, faults=tuple(Fault(kind=kind, since_s=now_s) for kind in kept)
        )

    @property
    def contactor_cycles(self) -> int:
        """How often the contactor was closed in its life."""
        return self._latches.kept(self._config.id).contactor_cycles

    def start(self) -> None:
        """Set the outputs that the machine starts from, and follow the board."""
        self._board.contactor.command(False)
        self._board.pilot.drive(X1_NS)
        self._board.watch(self._changed)
        if self._board.stop_button is not None:
            self._board.stop_button.watch(lambda: self._tell(StopPressed()))
        self._changed()

    def make_safe(self) -> None:
        """Contactor open, pilot to F, for good."""
        if self._safe:
            return
        self._safe = True
        for timer in (self._timer, self._beating, self._watching):
            if timer is not None:
                timer.cancel()
        if self._witness is not None:
            self._witness.leaving(self._config.id)
        try:
            self._board.contactor.command(False)
        finally:
            try:
                self._board.pilot.drive(F_NS)
            finally:
                self._feed.close()

    def offer(self, offer: Offer | None) -> None:
        """Permit charging, renew or change the permission, or withdraw it (None)."""
        if self._witness is not None:
            self._witness.offered(self._config.id, offer)
        self._advance(Offered(offer=offer))

    def stop(self, reason: StopReason) -> None:
        """Withdraw the offer; EMERGENCY opens at once."""
        if self._witness is not None:
            self._witness.stopped(self._config.id, reason)
        self._advance(StopRequested(reason=reason))

    def set_available(self, available: bool) -> None:
        """False: no offer is taken, and the pilot says so once nothing is plugged."""
        if self._witness is not None:
            self._witness.availability_set(self._config.id, available)
        self._advance(AvailabilitySet(available=available))

    def hold_plug(self, held: bool) -> None:
        """True: the bolt stays in where the vehicle's end is pulled, until False or `unlock`."""
        if self._witness is not None:
            self._witness.plug_held(self._config.id, held)
        self._advance(PlugHeld(held=held))

    async def unlock(self) -> UnlockResult:
        """Release the plug; FAILED while the contactor is closed or welded, or where the bolt does not follow."""
        if not self._config.lock:
            return UnlockResult.NOT_SUPPORTED
        if not may_unlock(self._state):
            return UnlockResult.FAILED
        events = self._feed.read()
        self._advance(UnlockRequested())
        try:
            async with asyncio.timeout(_UNLOCK_WAIT_S):
                while self._state.lock is not LockState.UNLOCKED:
                    await anext(events)
        except (TimeoutError, StopAsyncIteration):
            return UnlockResult.FAILED
        return UnlockResult.UNLOCKED

    def wake(self) -> None:
        """Ask for the one wake-up pulse of this plug-in."""
        self._advance(WakeRequested())

    async def acknowledge_fault(self, kind: FaultKind) -> bool:
        """Clear a fault that waits for service; False where there is none such, or its cause still stands."""
        if not self._state.has_fault(kind):
            return False
        self._advance(FaultAcknowledged(kind=kind))
        return not self._state.has_fault(kind)

    def snapshot(self) -> OutletSnapshot:
        """The present truth, meter included."""
        return machine.snapshot(self._state, self._meter_reading(), now_s=self._loop.time())

    def events(self) -> AsyncIterator[OutletEvent]:
        """What happens from now on, in order."""
        return self._feed.read()

    def examine(self) -> tuple[Finding, ...]:
        """What its parts say of themselves now; nothing is moved for it."""
        return examine_outlet(
            self._config,
            self._board,
            self.snapshot(),
            kept=self._latches.kept(self._config.id),
            now_s=self._loop.time(),
        )

    def _changed(self) -> None:
        """The board shows something new; several such notices before the next step count once."""
        if self._stepping and None in self._pending:
            return
        self._advance(None)

    def _advance(self, seen: OutletInput | None) -> None:
        """Step with *seen* (None: with what the board shows then), and with what the actions bring about."""
        if self._safe:
            return
        self._pending.append(seen)
        if self._stepping:
            return
        with self._failing_safely():
            while self._pending:
                seen = self._pending.popleft()
                self._state, actions = machine.step(
                    self._state,
                    self._sensed() if seen is None else seen,
                    now_s=self._loop.time(),
                )
                for action in actions:
                    self._carry_out(action)
            self._set_timer()

    def _sensed(self) -> Sensed:
        """What the board shows. Behind a contactor that has opened, what its meter read before is over."""
        commanded_closed = self._state.commanded_closed
        if commanded_closed or self._board.contactor.feedback() is not ContactorState.OPEN:
            self._opened_s = None
        elif self._opened_s is None:
            self._opened_s = self._loop.time()
            self._loop.call_later(METERED_AFTER_S, self._changed)
        since_s = None if self._opened_s is None else self._opened_s + METERED_AFTER_S
        return sensed(self._board, self._meter, current_since_s=since_s)

    @contextmanager
    def _failing_safely(self) -> Iterator[None]:
        self._stepping = True
        try:
            yield
        except BaseException as error:
            try:
                self.make_safe()
            finally:
                self._failed(error)
            raise
        finally:
            self._stepping = False

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_s = self._state.deadline_s
        self._timer = None if due_s is None else self._loop.call_at(due_s, self._advance, Tick())

    def _carry_out(self, action: OutletAction) -> None:
        match action:
            case SetPilot(high_ns=high_ns):
                self._board.pilot.drive(high_ns)
            case CommandContactor(closed=closed):
                if closed:
                    self._beat()
                    self._keep(closes=1)
                    if self._watching is None:
                        self._watching = self._loop.call_later(POLL_S, self._watch_meter)
                else:
                    self._release()
                self._board.contactor.command(closed)
            case SelectPhases(phases=phases):
                self._board.contactor.select_phases(phases)
            case DriveLock(locked=locked):
                self._drive_lock(locked)
            case TestGroundFault():
                if self._board.ground_fault is not None:
                    self._board.ground_fault.start_self_test()
            case Emit(event=event):
                self._tell(event)
            case _:
                assert_never(action)

    def _release(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
        # A meter that has its power from the contactor says no more.
        reading = self._meter_reading()
        if self._state.raw in (PilotState.C, PilotState.D) and loads_contacts(reading):
            self._keep(opened_under_load=1)

    def _beat(self) -> None:
        """Hold the coil's interlock, from the loop that steps the machine: where it stops, the contactor opens."""
        self._board.contactor.heartbeat()
        self._beating = self._loop.call_later(_BEAT_S, self._beat_on)

    def _beat_on(self) -> None:
        with self._failing_safely():
            self._beat()

    def _watch_meter(self) -> None:
        """Look at the meter while it may say that current flows: one that stands still does not tell of it."""
        self._watching = None
        if self._safe or self._meter is None:
            return
        with self._failing_safely():
            is_silent = self._meter.read() is None
        if self._state.sensed is not None and is_silent is self._state.sensed.meter_online:
            self._changed()
        if self._state.commanded_closed or self._meter.flows:
            self._watching = self._loop.call_later(POLL_S, self._watch_meter)

    def _drive_lock(self, locked: bool) -> None:
        if self._board.lock is None:
            return
        if locked:
            self._board.lock.lock()
        else:
            self._board.lock.unlock()

    def _tell(self, event: OutletEvent) -> None:
        connector = self._config.id
        match event:
            case FaultRaised(fault=fault):
                log.warning("fault connector=%s kind=%s opens=%s", connector, fault.kind, fault.rule.opens)
                self._keep()
            case FaultCleared(kind=kind):
                log.info("fault cleared connector=%s kind=%s", connector, kind)
                self._keep()
            case OpenedUnderLoad():
                drawn_ma = None if self._state.sensed is None else self._state.sensed.current_ma
                log.warning("opened under load connector=%s current_ma=%s", connector, drawn_ma)
            case ContactorChanged(state=state):
                log.info("contactor connector=%s state=%s", connector, state)
            case StopPressed():
                log.info("stop button connector=%s", connector)
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

    def _watched_meter(self) -> WatchedMeter | SwitchedMeter | None:
        if self._board.meter is None:
            return None
        watched = WatchedMeter(self._board.meter)
        if not self._config.meter_behind_contactor:
            return watched
        return SwitchedMeter(watched, is_open=self._is_open, now_s=self._loop.time)

    def _is_open(self) -> bool:
        return not self._state.commanded_closed and self._state.feedback is ContactorState.OPEN

    def _meter_reading(self) -> MeterReading | None:
        return None if self._meter is None else self._meter.read()
