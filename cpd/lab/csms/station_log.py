"""What the central system saw of one charge point: every frame, every call, every violation, and the ledger.

It keeps and answers questions; it sends nothing.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from ocpp.charge_point import camel_to_snake_case
from ocpp.messages import Call
from ocpp.v16 import call

from cpd.clock import Clock
from cpd.lab.csms.ledger import Ledger
from cpd.station.signal import Signal

M = TypeVar("M")


class Event(StrEnum):
    """What an entry tells."""

    CONNECTED = "connected"
    RECEIVED = "received"
    SENT = "sent"
    VIOLATION = "violation"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened; *text* is the frame, or the words of a violation."""

    at: datetime
    at_s: float
    station: str
    event: Event
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCall:
    """A CALL of the charge point that satisfies its schema; *message* is the `ocpp.v16.call` dataclass."""

    at: datetime
    at_s: float
    message_id: str
    action: str
    message: Any


@dataclass(slots=True, kw_only=True)
class Asked:
    """A CALL of the central system; *answer* and *error* (the code of a CALLERROR) are None until one comes."""

    at_s: float
    action: str
    payload: object
    answer: dict[str, Any] | None = None
    error: str | None = None


class StationLog:
    """Everything about one charge point, across its links and restarts."""

    def __init__(self, station: str, clock: Clock, journal: Callable[[Entry], None]) -> None:
        self.station = station
        self.entries: list[Entry] = []
        self.calls: list[ReceivedCall] = []
        self.asked: list[Asked] = []
        self.ledger = Ledger(self.violate)
        self.registration: str | None = None
        self.triggered: set[str] = set()
        self._clock = clock
        self._journal = journal
        self._grown = Signal()
        self._links = 0

    @property
    def violations(self) -> list[str]:
        """What the charge point did wrong, in words."""
        return [entry.text for entry in self.entries if entry.event is Event.VIOLATION]

    @property
    def connected(self) -> bool:
        """True while there is a link."""
        return self._links > 0

    @property
    def connections(self) -> int:
        """How often the charge point came."""
        return sum(entry.event is Event.CONNECTED for entry in self.entries)

    def messages(self, kind: type[M]) -> list[M]:
        """The received calls of one `ocpp.v16.call` dataclass, oldest first."""
        return [received.message for received in self.calls if isinstance(received.message, kind)]

    async def message(
        self, kind: type[M], where: Callable[[M], bool] = lambda _message: True, *, since: int = 0
    ) -> M:
        """The first call of *kind* that satisfies *where*, waited for if need be.

        *since* leaves out that many calls: ``since=len(log.calls)`` means a new one.
        """
        seen = since
        while True:
            for received in self.calls[seen:]:
                if isinstance(received.message, kind) and where(received.message):
                    return received.message
            seen = max(seen, len(self.calls))
            await self._grown.wait()

    async def until_connected(self, *, times: int = 1) -> None:
        """Return once there is a link, and it is at least the *times*-th."""
        while not self.connected or self.connections < times:
            await self._grown.wait()

    def add(self, event: Event, text: str = "") -> None:
        """Something happened now."""
        entry = Entry(
            at=self._clock.now(),
            at_s=self._clock.monotonic_s(),
            station=self.station,
            event=event,
            text=text,
        )
        # A link may end after the one that replaces it began.
        self._links += {Event.CONNECTED: 1, Event.DISCONNECTED: -1}.get(event, 0)
        self.entries.append(entry)
        self._journal(entry)
        self._grown.fire()

    def add_call(self, received: Call) -> None:
        """A CALL came in that satisfies its schema."""
        self.calls.append(
            ReceivedCall(
                at=self._clock.now(),
                at_s=self._clock.monotonic_s(),
                message_id=received.unique_id,
                action=received.action,
                message=_message_from(received),
            )
        )
        self._grown.fire()

    def ask(self, action: str, payload: object) -> Asked:
        """A CALL of the central system is about to go out; what comes back is noted in what this returns."""
        asked = Asked(at_s=self._clock.monotonic_s(), action=action, payload=payload)
        self.asked.append(asked)
        return asked

    def violate(self, words: str) -> None:
        """The charge point did what OCPP 1.6 does not allow."""
        self.add(Event.VIOLATION, words)


def _message_from(received: Call) -> Any:
    kind = getattr(call, received.action)
    # The package's dataclasses demand some members that their schemas do not.
    demanded = {field.name: None for field in fields(kind) if _is_demanded(field)}
    return kind(**{**demanded, **camel_to_snake_case(received.payload)})


def _is_demanded(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
