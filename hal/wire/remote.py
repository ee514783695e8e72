"""An outlet and its light in another process, as their user has them: what was told last, and what is wished now."""

from collections.abc import AsyncIterator, Awaitable, Callable

from hal.errors import GuardUnavailable
from hal.evse import Offer, OutletEvent, OutletSnapshot, PilotChanged
from hal.feed import Feed
from hal.light import LightSignal
from hal.superseded import forget_superseded
from hal.values import FaultKind, PilotState, StopReason, UnlockResult
from hal.wire.differences import events_between, without_guard
from hal.wire.messages import (
    Acknowledge,
    Acknowledged,
    Answer,
    Content,
    GiveOffer,
    HoldPlug,
    OutletTold,
    Question,
    SetAvailable,
    ShowLight,
    Stop,
    Unlock,
    Unlocked,
    Wake,
)

Send = Callable[[Content], object]
"""Sends an order, or does nothing while the guard is out of reach: nothing is kept for later."""

Ask = Callable[[Question], Awaitable[Answer]]
"""Asks, and waits for the answer; raises `GuardUnavailable`."""


class RemoteEvse:
    """An `hal.evse.Evse` over the wire."""

    def __init__(self, told: OutletTold, *, send: Send, ask: Ask) -> None:
        self._connector = told.connector
        self._send = send
        self._ask = ask
        self._feed: Feed[OutletEvent] = Feed(forget_superseded)
        self._snapshot = told.snapshot
        self._is_lost = False
        self._available: bool | None = None
        self._held: bool | None = None
        self.contactor_cycles = told.contactor_cycles

    def told(self, told: OutletTold) -> None:
        """The guard has told what is true now."""
        events = told.events
        if self._is_lost:
            self._is_lost = False
            events = events_between(self._snapshot, told.snapshot)
            unplugged_s = told.snapshot.unplugged_at_s
            is_new = unplugged_s is not None and unplugged_s != self._snapshot.unplugged_at_s
            if is_new and told.snapshot.pilot is not PilotState.A:
                # Somebody was unplugged unseen, also by a guard that is a new one: who is there may be somebody else.
                events = (PilotChanged(state=PilotState.A), *events)
            ended = told.snapshot.ended
            if ended is not None and ended != self._snapshot.ended:
                # What ended the session may be over; that it has ended it is not.
                events = (ended.event, *events)
        self._snapshot = told.snapshot
        self.contactor_cycles = told.contactor_cycles
        for event in events:
            self._feed.put(event)

    def lost(self, since_s: float) -> None:
        """The guard is out of reach."""
        if self._is_lost:
            return
        self._is_lost = True
        before, self._snapshot = self._snapshot, without_guard(self._snapshot, since_s)
        for event in events_between(before, self._snapshot):
            self._feed.put(event)

    def wish_again(self) -> None:
        """Say what is wished now and lasts; an offer comes with the next renewal of its lease."""
        if self._held is not None:
            self._send(HoldPlug(connector=self._connector, held=self._held))
        if self._available is not None:
            self._send(SetAvailable(connector=self._connector, available=self._available))

    def offer(self, offer: Offer | None) -> None:
        """Permit charging, renew or change the permission, or withdraw it (None)."""
        self._send(GiveOffer(connector=self._connector, offer=offer))

    def stop(self, reason: StopReason) -> None:
        """Withdraw the offer; EMERGENCY opens at once."""
        self._send(Stop(connector=self._connector, reason=reason))

    def set_available(self, available: bool) -> None:
        """False: no offer is taken, and the pilot says so once nothing is plugged."""
        self._available = available
        self._send(SetAvailable(connector=self._connector, available=available))

    def hold_plug(self, held: bool) -> None:
        """True: the bolt stays in where the vehicle's end is pulled, until False or `unlock`."""
        self._held = held
        self._send(HoldPlug(connector=self._connector, held=held))

    async def unlock(self) -> UnlockResult:
        """Release the plug; FAILED also where the guard does not answer."""
        self._held = False
        try:
            answer = await self._ask(Unlock(connector=self._connector))
        except GuardUnavailable:
            return UnlockResult.FAILED
        return answer.result if isinstance(answer, Unlocked) else UnlockResult.FAILED

    def wake(self) -> None:
        """Ask for the one wake-up pulse of this plug-in."""
        self._send(Wake(connector=self._connector))

    async def acknowledge_fault(self, kind: FaultKind) -> bool:
        """Clear a fault that waits for service; False also where the guard does not answer."""
        try:
            answer = await self._ask(Acknowledge(connector=self._connector, kind=kind))
        except GuardUnavailable:
            return False
        return isinstance(answer, Acknowledged) and answer.cleared

    def snapshot(self) -> OutletSnapshot:
        """What was told last; unknown, and faulted, while the guard is out of reach."""
        return self._snapshot

    def events(self) -> AsyncIterator[OutletEvent]:
        """What happens from now on, in order."""
        return self._feed.read()


class RemoteLight:
    """A `hal.light.Light` over the wire."""

    def __init__(self, connector: int, *, send: Send) -> None:
        self._connector = connector
        self._send = send
        self._shown: LightSignal | None = None

    def show(self, signal: LightSignal) -> None:
        """Show *signal* from now on, also after a time without the guard."""
        self._shown = signal
        self.show_again()

    def show_again(self) -> None:
        """Say again what is to be shown."""
        if self._shown is not None:
            self._send(ShowLight(connector=self._connector, signal=self._shown))
