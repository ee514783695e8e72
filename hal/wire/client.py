"""The hardware behind the guard's socket: its client keeps the link, and says when it is gone."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Never

from hal.errors import GuardUnavailable
from hal.evse import CardRead, Evse
from hal.examination import Finding, Health
from hal.feed import Feed
from hal.light import Light
from hal.serving import pause, serving
from hal.wire.link import Link
from hal.wire.messages import (
    Acknowledged,
    Answer,
    Beat,
    CardTold,
    Content,
    Examine,
    Examined,
    Farewell,
    FromGuard,
    Greeting,
    OutletTold,
    Perform,
    Performed,
    Question,
    Refused,
    Unlocked,
)
from hal.wire.remote import RemoteEvse, RemoteLight
from hal.world_acts import WorldAct

log = logging.getLogger(__name__)

START_WITHIN_S = 10.0
RECONNECT_MIN_S = 0.1
RECONNECT_MAX_S = 5.0
ANSWER_WITHIN_S = 10.0

NEXT_STEP = "systemctl status cpd-guard"
RESTART = "systemctl restart cpd-guard cpd"
UPDATE = f"update both, then {RESTART}"
ASK_AGAIN = "cpd doctor again in some seconds"


@asynccontextmanager
async def connect(
    path: Path, connectors: Collection[int] | None = None, backend: str | None = None
) -> AsyncIterator["RemoteHal"]:
    """The hardware behind the socket *path* for the length of a `with`, connected again whenever it is lost.

    Raises `GuardUnavailable` where no guard has answered within 10 s, or one of another version, or with other
    connectors than *connectors* or another *backend*: one that was started under another cpd.toml. Where such a one
    comes later, it is as good as lost. At the end every offer is withdrawn.
    """
    hal = RemoteHal(path, connectors, backend)
    try:
        await hal.start()
        async with serving(hal.run()):
            yield hal
    finally:
        hal.close()


class RemoteHal:
    """A `hal.evse.Hal` in another process."""

    def __init__(self, path: Path, connectors: Collection[int] | None, backend: str | None) -> None:
        self._path = path
        self._expected = connectors
        self._backend = backend
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._gone = asyncio.Event()
        self._settled = asyncio.Event()
        self._reason = "it does not run"
        self._remedy: str | None = None
        """What makes a guard of use that answers and is of none."""
        self._awaited: set[int] = set()
        self._evses: dict[int, RemoteEvse] = {}
        self._lights: dict[int, RemoteLight] = {}
        self._cards: Feed[CardRead] = Feed(deque[CardRead].popleft)
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self.has_world = False
        """The guard drives a mock board."""

    @property
    def evses(self) -> Mapping[int, Evse]:
        """The outlets, 1 … n."""
        return self._evses

    @property
    def lights(self) -> Mapping[int, Light]:
        """The lights of those outlets that have one."""
        return self._lights

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are presented from now on."""
        return self._cards.read()

    def contactor_cycles(self, connector: int) -> int:
        """How often the contactor of *connector* was closed in its life, as it was told last."""
        return self._evses[connector].contactor_cycles

    async def examine(self) -> tuple[Finding, ...]:
        """What every part says of itself now; the lost guard, where it does not answer."""
        try:
            answer = await self._ask(Examine())
        except GuardUnavailable as error:
            return (_silent_guard(str(error), self._remedy or NEXT_STEP),)
        if isinstance(answer, Examined):
            return answer.findings
        refusal = answer.reason if isinstance(answer, Refused) else "it answers something else"
        return (_silent_guard(refusal, ASK_AGAIN),)

    async def perform(self, act: WorldAct) -> None:
        """Do *act* in the mock's world; raises ValueError for what is not possible, and `GuardUnavailable`."""
        answer = await self._ask(Perform(act=act))
        if isinstance(answer, Refused):
            raise ValueError(answer.reason)

    async def start(self) -> None:
        """Connect for the first time; raises as `connect`."""
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await self._reconnect()
        except TimeoutError:
            raise GuardUnavailable(
                f"the guard at {self._path} does not answer: {self._reason}; {NEXT_STEP}"
            ) from None
        if self._remedy is not None:
            raise GuardUnavailable(
                f"the guard at {self._path} cannot be used: {self._reason}; {self._remedy}"
            )

    async def run(self) -> Never:
        """Connect again whenever the link is lost, for ever."""
        while True:
            await self._gone.wait()
            self._gone.clear()
            if self._link is None:
                await pause(RECONNECT_MIN_S)
                await self._reconnect()

    def close(self) -> None:
        """Withdraw every offer, and hang up."""
        for evse in self._evses.values():
            evse.offer(None)
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._cards.close()

    async def _reconnect(self) -> None:
        """Try, less and less often, until all is told; at the start also until it is seen to be of no use."""
        wait_s = RECONNECT_MIN_S
        while not await self._connected():
            if self._remedy is not None and not self._evses:
                return
            await pause(wait_s)
            wait_s = min(2 * wait_s, RECONNECT_MAX_S)

    async def _connected(self) -> bool:
        """One try; False where it failed."""
        self._remedy = None
        self._settled.clear()
        link = self._link = Link(self._heard, self._lost)
        try:
            await self._loop.create_unix_connection(lambda: link, str(self._path))
        except OSError as error:
            self._link, self._reason = None, error.strerror or str(error)
            return False
        await self._settled.wait()
        return self._link is link

    def _heard(self, message: FromGuard) -> None:
        match message:
            case Greeting():
                self._greeted(message)
            case OutletTold():
                self._told(message)
            case CardTold(card=card):
                self._cards.put(card)
            case Unlocked() | Acknowledged() | Examined() | Performed() | Refused():
                answer = self._answers.get(message.number)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case Beat() | Farewell():
                pass

    def _greeted(self, greeting: Greeting) -> None:
        if self._backend not in (None, greeting.backend):
            self._refuse(f"it drives {greeting.backend}, and cpd.toml has {self._backend}")
            return
        expected = self._expected or self._evses.keys() or set(greeting.connectors)
        if set(greeting.connectors) != set(expected):
            self._refuse(f"it drives {_numbers(greeting.connectors)}, and cpd.toml has {_numbers(expected)}")
            return
        self._awaited = set(greeting.connectors)
        self.has_world = greeting.has_world
        for connector in greeting.lights:
            self._lights.setdefault(connector, RemoteLight(connector, send=self._send))
        for evse in self._evses.values():
            evse.wish_again()
        for light in self._lights.values():
            light.show_again()

    def _told(self, told: OutletTold) -> None:
        evse = self._evses.get(told.connector)
        if evse is None:
            self._evses[told.connector] = RemoteEvse(told, send=self._send, ask=self._ask)
        else:
            evse.told(told)
        if told.connector in self._awaited:
            self._awaited.discard(told.connector)
            if not self._awaited:
                log.info("guard connected socket=%s", self._path)
                self._settled.set()

    def _refuse(self, reason: str) -> None:
        self._remedy = RESTART
        if self._link is not None:
            self._link.give_up(reason)

    def _lost(self, link: Link, reason: str) -> None:
        if link is not self._link:
            return
        self._link = None
        if link.is_foreign:
            self._remedy = UPDATE
        if self._settled.is_set() or reason != self._reason:
            log.error("guard lost socket=%s: %s", self._path, reason)
        self._reason = reason
        for evse in self._evses.values():
            evse.lost(self._loop.time())
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(GuardUnavailable(f"the guard was lost: {reason}"))
        self._settled.set()
        self._gone.set()

    def _send(self, content: Content) -> None:
        if self._link is not None:
            self._link.send(content)

    async def _ask(self, question: Question) -> Answer:
        number = None if self._link is None else self._link.send(question)
        if number is None:
            raise GuardUnavailable(f"the guard is lost: {self._reason}")
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answers[number] = answer
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await answer
        except TimeoutError:
            raise GuardUnavailable(f"the guard does not answer within {ANSWER_WITHIN_S:g} s") from None
        finally:
            del self._answers[number]


def _silent_guard(reason: str, next_step: str) -> Finding:
    return Finding(part="guard", connector=None, health=Health.FAILED, evidence=reason, next_step=next_step)


def _numbers(connectors: Collection[int]) -> str:
    return f"connectors {', '.join(map(str, sorted(connectors)))}"
