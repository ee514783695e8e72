"""Serves the outlets to the one client that commands; a newer client takes the place of an older one.

A client that goes away changes nothing by that: its offers are leases and lapse, and the rest stays as it was.
"""

import asyncio
import logging
import socket
from dataclasses import replace
from typing import Never, Protocol, TypeGuard

from hal.errors import HalError
from hal.evse import (
    FaultRaised,
    Hal,
    Offer,
    OutletEvent,
    OutletSnapshot,
    PilotChanged,
    SessionEnd,
    StopPressed,
)
from hal.values import ContactorState, PilotState, SessionEffect
from hal.wire.codec import WireError
from hal.wire.connection import Connection, Desk
from hal.wire.messages import (
    BEAT_S,
    Acknowledge,
    Acknowledged,
    Beat,
    CardTold,
    Examine,
    Examined,
    GiveOffer,
    Greeting,
    HoldPlug,
    Order,
    OutletTold,
    OutletWish,
    Perform,
    Performed,
    Question,
    Refused,
    SetAvailable,
    ShowLight,
    Stop,
    Unlock,
    Unlocked,
    Wake,
)
from hal.wire.peers import Admitted
from hal.world_acts import WorldAct

log = logging.getLogger(__name__)

TELL_EVERY_S = BEAT_S / 4
"""A meter is told so often while its current may flow."""

_IDLE_METER_S = 4.0
"""The reading of an outlet at rest is told so often: it must not look as if its meter were dead."""

_MOST_WAITING = 8
_MOST_QUESTIONS = 16
_AHEAD_S = 1.0
"""An order that claims to be sent so far in the future knows another clock."""


class ServedHal(Hal, Protocol):
    """The hardware as the guard has it."""

    @property
    def has_world(self) -> bool:
        """True for a mock board."""

    async def perform(self, act: WorldAct) -> None:
        """Do *act* in the mock's world; raises ValueError for what is not possible."""

    def contactor_cycles(self, connector: int) -> int:
        """How often the contactor of *connector* was closed in its life."""


async def serve(hal: ServedHal, listener: socket.socket, backend: str) -> Never:
    """Serve *hal*, which *backend* drives, on *listener*, a listening Unix socket, for ever.

    It must run on the loop of its outlets.

    Nothing that a client does or fails to do comes out of here as an exception. A bug of the outlets does.
    """
    async with asyncio.TaskGroup() as tasks:
        server = _Server(hal, tasks, Admitted.at(listener), backend)
        for connector in hal.evses:
            tasks.create_task(server.follow(connector), name=f"wire-outlet-{connector}")
        tasks.create_task(server.read_cards(), name="wire-cards")
        loop = asyncio.get_running_loop()
        opened = await loop.create_unix_server(server.connection, sock=listener)
        try:
            await loop.create_future()
        finally:
            opened.close()
            server.close()
    raise AssertionError("the server ends by being cancelled")


class _Server:
    def __init__(self, hal: ServedHal, tasks: asyncio.TaskGroup, admitted: Admitted, backend: str) -> None:
        self._hal = hal
        self._backend = backend
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._desk = Desk(
            admitted=admitted, opened=self._opened, greeted=self._greeted, obeyed=self._obey, left=self._left
        )
        self._waiting: set[Connection] = set()
        self._client: Connection | None = None
        self._told: dict[int, OutletSnapshot] = {}
        self._unplugged_at_s: dict[int, float] = {}
        self._ended: dict[int, SessionEnd] = {}
        self._questions = 0
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection(self) -> Connection:
        """Somebody has connected."""
        return Connection(self._desk)

    def close(self) -> None:
        """Send everybody away."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in (*self._waiting, self._client):
            if connection is not None:
                connection.hang_up("the guard ends")

    async def follow(self, connector: int) -> None:
        """Tell every event of *connector*."""
        async for event in self._hal.evses[connector].events():
            if event == PilotChanged(state=PilotState.A):
                self._unplugged_at_s[connector] = self._loop.time()
            if _ends_a_session(event):
                self._ended[connector] = SessionEnd(event=event, at_s=self._loop.time())
            self._tell(connector, (event,))

    async def read_cards(self) -> None:
        """Tell every card; one that nobody hears is forgotten."""
        async for card in self._hal.cards():
            if self._client is not None:
                self._client.send(CardTold(card=card))

    def _opened(self, connection: Connection) -> bool:
        if len(self._waiting) >= _MOST_WAITING:
            return False
        self._waiting.add(connection)
        return True

    def _greeted(self, connection: Connection) -> None:
        """*connection* commands from now on, and only it."""
        self._waiting.discard(connection)
        before, self._client = self._client, connection
        if before is not None:
            before.hang_up("another cpd has taken over")
        log.info("guard client %s commands", connection.who)
        self._told.clear()
        connection.send(
            Greeting(
                backend=self._backend,
                connectors=tuple(self._hal.evses),
                lights=tuple(self._hal.lights),
                has_world=self._hal.has_world,
            )
        )
        for connector in self._hal.evses:
            self._tell(connector)
        if self._timer is None:
            self._timer = self._loop.call_later(TELL_EVERY_S, self._tick)

    def _left(self, connection: Connection) -> None:
        self._waiting.discard(connection)
        if connection is self._client:
            log.info("guard client %s is gone", connection.who)
            self._client = None

    def _tick(self) -> None:
        self._timer = None
        client = self._client
        if client is None:
            return
        self._timer = self._loop.call_later(TELL_EVERY_S, self._tick)
        if client.congested:
            return
        self._ticks += 1
        is_beat = self._ticks % round(BEAT_S / TELL_EVERY_S) == 0
        for connector, told in tuple(self._told.items()):
            if is_beat or _may_flow(told):
                self._tell_meter(connector, told)
        if is_beat:
            client.send(Beat())

    def _tell_meter(self, connector: int, told: OutletSnapshot) -> None:
        """Tell what changed without an event, most often the meter."""
        now = self._hal.evses[connector].snapshot()
        if now == told:
            return
        if _may_flow(told) or _without_age(now) != _without_age(told) or _is_aged(told, now):
            self._tell(connector)

    def _tell(self, connector: int, events: tuple[OutletEvent, ...] = ()) -> None:
        if self._client is None:
            return
        snapshot = self._hal.evses[connector].snapshot()
        self._told[connector] = snapshot
        self._client.send(
            OutletTold(
                connector=connector,
                events=events,
                snapshot=replace(
                    snapshot,
                    unplugged_at_s=self._unplugged_at_s.get(connector),
                    ended=self._ended.get(connector),
                ),
                contactor_cycles=self._hal.contactor_cycles(connector),
            )
        )

    def _obey(self, connection: Connection, order: Order) -> None:
        if connection is not self._client:
            return
        match order.content:
            case Unlock() | Acknowledge() | Examine() | Perform() as question:
                self._asked(connection, order.number, question)
            case wish:
                if wish.connector not in self._hal.evses:
                    raise WireError(f"there is no connector {wish.connector}")
                self._carry_out(wish, order.sent_at_s)
                before = self._told.get(wish.connector)
                now = self._hal.evses[wish.connector].snapshot()
                if before is None or _without_age(now) != _without_age(before):
                    self._tell(wish.connector)

    def _carry_out(self, wish: OutletWish, sent_at_s: float) -> None:
        evse = self._hal.evses[wish.connector]
        match wish:
            case GiveOffer(offer=None):
                evse.offer(None)
            case GiveOffer(offer=Offer() as offer):
                self._offer(wish.connector, offer, sent_at_s)
            case Stop(reason=reason):
                evse.stop(reason)
            case SetAvailable(available=available):
                evse.set_available(available)
            case HoldPlug(held=held):
                evse.hold_plug(held)
            case Wake():
                evse.wake()
            case ShowLight(signal=signal):
                light = self._hal.lights.get(wish.connector)
                if light is not None:
                    light.show(signal)

    def _offer(self, connector: int, offer: Offer, sent_at_s: float) -> None:
        """The lease counts from its sending: what lay in a buffer meanwhile is late, not new."""
        age_s = self._loop.time() - sent_at_s
        if not age_s > -_AHEAD_S:
            raise WireError(f"an order of {-age_s:.1f} s in the future")
        left_s = offer.valid_for_s - max(0.0, age_s)
        if left_s <= 0:
            log.warning("offer connector=%d is %.1f s late, ignored", connector, age_s)
            return
        self._hal.evses[connector].offer(replace(offer, valid_for_s=left_s))

    def _asked(self, connection: Connection, number: int, question: Question) -> None:
        if isinstance(question, Unlock | Acknowledge) and question.connector not in self._hal.evses:
            raise WireError(f"there is no connector {question.connector}")
        if self._questions >= _MOST_QUESTIONS:
            connection.send(Refused(number=number, reason="too much is asked at once"))
        else:
            self._questions += 1
            self._tasks.create_task(self._answer(connection, number, question), name="wire-answer")

    async def _answer(self, connection: Connection, number: int, question: Question) -> None:
        try:
            match question:
                case Unlock(connector=connector):
                    result = await self._hal.evses[connector].unlock()
                    connection.send(Unlocked(number=number, result=result))
                case Acknowledge(connector=connector, kind=kind):
                    cleared = await self._hal.evses[connector].acknowledge_fault(kind)
                    connection.send(Acknowledged(number=number, cleared=cleared))
                case Examine():
                    connection.send(Examined(number=number, findings=await self._hal.examine()))
                case Perform(act=act):
                    await self._hal.perform(act)
                    connection.send(Performed(number=number))
        except (HalError, ValueError) as error:
            connection.send(Refused(number=number, reason=str(error)))
        finally:
            self._questions -= 1


def _ends_a_session(event: OutletEvent) -> TypeGuard[FaultRaised | StopPressed]:
    if isinstance(event, FaultRaised):
        return event.fault.rule.session in (SessionEffect.ENDS, SessionEffect.ENDS_AS_EMERGENCY)
    return isinstance(event, StopPressed)


def _may_flow(snapshot: OutletSnapshot) -> bool:
    states = (snapshot.contactor, snapshot.contactor_commanded)
    return states != (ContactorState.OPEN, ContactorState.OPEN)


def _without_age(snapshot: OutletSnapshot) -> OutletSnapshot:
    """*snapshot* as if its meter were read at the beginning of time."""
    if snapshot.meter is None:
        return snapshot
    return replace(snapshot, meter=replace(snapshot.meter, at_s=0.0))


def _is_aged(told: OutletSnapshot, now: OutletSnapshot) -> bool:
    return told.meter is None or now.meter is None or now.meter.at_s - told.meter.at_s >= _IDLE_METER_S
