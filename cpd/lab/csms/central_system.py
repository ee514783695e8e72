"""The central system: charge points by identity, their links, and what is asked of them.

It runs over any `Wire`: a WebSocket (`cpd.lab.csms.websocket`) or, on a virtual clock, memory.
"""

from collections.abc import Callable
from typing import Any

from cpd.clock import Clock
from cpd.lab.csms.behaviour import Behaviour, BehaviourInForce
from cpd.lab.csms.requests import NotConnected
from cpd.lab.csms.session import Acts, Session, Wire
from cpd.lab.csms.station_log import Entry, StationLog

_ANSWERS_WELL = Behaviour()


class CentralSystem:
    """Serves every charge point that comes, as *behaviour* says, and *acts* over each link of theirs by itself.

    *journal* gets every entry of every log.
    """

    def __init__(
        self,
        clock: Clock,
        behaviour: Behaviour = _ANSWERS_WELL,
        *,
        acts: Acts | None = None,
        journal: Callable[[Entry], None] = lambda _entry: None,
        answer_timeout_s: float = 30.0,
    ) -> None:
        self._clock = clock
        self._behaviour = BehaviourInForce(behaviour)
        self._acts = acts
        self._journal = journal
        self._answer_timeout_s = answer_timeout_s
        self._logs: dict[str, StationLog] = {}
        self._sessions: dict[str, Session] = {}

    @property
    def behaviour(self) -> Behaviour:
        """The behaviour in force; assigning another takes effect at once, on held answers too."""
        return self._behaviour.now

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour.put(behaviour)

    @property
    def violations(self) -> list[str]:
        """What any charge point did wrong."""
        return [f"{log.station}: {words}" for log in self._logs.values() for words in log.violations]

    def log(self, station: str) -> StationLog:
        """What was seen of *station*, empty as long as it did not come."""
        if station not in self._logs:
            self._logs[station] = StationLog(station, self._clock, self._journal)
        return self._logs[station]

    async def serve(self, station: str, wire: Wire) -> None:
        """Serve one link until it ends; an older link of the same charge point is dropped."""
        if station in self._sessions:
            self._sessions[station].drop()
        session = Session(
            station_log=self.log(station),
            wire=wire,
            behaviour=self._behaviour,
            clock=self._clock,
            transaction_id=self._next_transaction_id,
            answer_timeout_s=self._answer_timeout_s,
            acts=self._acts,
        )
        self._sessions[station] = session
        try:
            await session.serve()
        finally:
            if self._sessions[station] is session:
                del self._sessions[station]

    async def call(self, station: str, message: Any) -> Any:
        """Send an `ocpp.v16.call` dataclass; returns the `ocpp.v16.call_result` dataclass of the answer.

        Raises NotConnected, CallRefused (a CALLERROR came), InvalidAnswer, TimeoutError, and ValueError for a
        message that does not satisfy its schema.
        """
        return await self._session(station).requests.ask(message)

    async def call_raw(self, station: str, action: str, payload: object) -> Any:
        """Send a CALL as it is, right or wrong; returns the payload of its answer, unchecked.

        Raises NotConnected, CallRefused and TimeoutError.
        """
        return await self._session(station).requests.ask_raw(action, payload)

    async def send_raw(self, station: str, text: str) -> None:
        """Send any text as a frame, right or wrong."""
        await self._session(station).send_raw(text)

    def drop(self, station: str) -> None:
        """End the link without a closing handshake."""
        self._session(station).drop()

    def _session(self, station: str) -> Session:
        if station not in self._sessions:
            raise NotConnected(f"{station} is not connected")
        return self._sessions[station]

    def _next_transaction_id(self) -> int:
        booked = sum(len(log.ledger.transactions) for log in self._logs.values())
        return self._behaviour.now.transaction_id(booked)
