"""Run the outlet machines over a board: the one place where decisions become voltages.

It senses, steps and acts on each change and at each deadline, on the time of the running loop. It decides nothing
about charging, and must not know who uses it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from hal.board import Board, Witness
from hal.errors import BackendUnavailable, BackendUnknown, HalError
from hal.evse import CardRead, Evse
from hal.feed import Feed
from hal.guarded_outlet import GuardedOutlet
from hal.latches import Latches
from hal.light import Light
from hal.outlet.config import OutletConfig

if TYPE_CHECKING:
    from hal.boards.mock.world import MockWorld

BACKENDS = ("mock", "gpio", "openevse", "simpleevse")


@dataclass(frozen=True, slots=True, kw_only=True)
class HalConfig:
    """Which board, where its latches are kept, and its outlets (ids 1 … n without a gap).

    *raise_violations*: a mock board whose physics saw an unsafe outlet raises when it is closed.
    *remembers_vehicles*: the vehicles of a mock board stay plugged in while this process is dead.
    """

    backend: str
    state_dir: Path
    outlets: tuple[OutletConfig, ...]
    raise_violations: bool = True
    remembers_vehicles: bool = False

    def __post_init__(self) -> None:
        ids = [outlet.id for outlet in self.outlets]
        if not ids or ids != list(range(1, len(ids) + 1)):
            raise ValueError(f"outlet ids {ids} are not 1 … n in order, without a gap")


class Guard:
    """The open hardware: outlets by number, cards, and the world of a mock board."""

    def __init__(self, outlets: Mapping[int, GuardedOutlet], board: Board, world: "MockWorld | None") -> None:
        self._outlets = MappingProxyType(dict(outlets))
        self._cards: Feed[CardRead] = Feed(deque[CardRead].popleft)
        self._world = world
        board.watch_cards(self._cards.put)

    @property
    def evses(self) -> Mapping[int, Evse]:
        """The outlets, 1 … n."""
        return self._outlets

    @property
    def lights(self) -> Mapping[int, Light]:
        """The lights of those outlets that have one."""
        return {} if self._world is None else self._world.lights

    @property
    def world(self) -> "MockWorld | None":
        """The other side of a mock board; None on real hardware."""
        return self._world

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are presented from now on."""
        return self._cards.read()

    def contactor_cycles(self, connector: int) -> int:
        """How often the contactor of *connector* was closed in its life."""
        return self._outlets[connector].contactor_cycles

    def make_safe(self) -> None:
        """Open every contactor, set every pilot to F, and take no further orders."""
        with ExitStack() as every_one:
            every_one.callback(self._cards.close)
            for outlet in self._outlets.values():
                every_one.callback(outlet.make_safe)


@asynccontextmanager
async def open_guard(config: HalConfig) -> AsyncIterator[Guard]:
    """The hardware of *config*, running. However the body ends, every contactor is open after it.

    Raises HalError where the board cannot be opened: there is no fallback. A bug in the guard itself makes the
    outlets safe, cancels the body and is raised from here.
    """
    loop = asyncio.get_running_loop()
    latches = await loop.run_in_executor(None, Latches.load, config.state_dir)
    with _open_board(config) as opened, _Failure() as failure:
        outlets = {
            outlet.id: GuardedOutlet(
                outlet,
                opened.board.outlets[outlet.id],
                latches=latches,
                witness=opened.witness,
                failed=failure.set,
            )
            for outlet in config.outlets
        }
        guard = Guard(outlets, opened.board, opened.world)
        try:
            for guarded in outlets.values():
                guarded.start()
            yield guard
        finally:
            guard.make_safe()
            await latches.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenedBoard:
    board: Board
    witness: Witness | None
    world: "MockWorld | None"


@contextmanager
def _open_board(config: HalConfig) -> Iterator[_OpenedBoard]:
    if config.backend not in BACKENDS:
        raise BackendUnknown(f"hal.backend {config.backend!r} is unknown; allowed: {', '.join(BACKENDS)}")
    if config.backend != "mock":
        raise BackendUnavailable(
            f"hal.backend {config.backend!r} is not available in this build; use another one"
        )
    from hal.boards.mock.board import MockBoard

    board = MockBoard(config.outlets, config.state_dir, remembers_vehicles=config.remembers_vehicles)
    try:
        yield _OpenedBoard(board=board, witness=board.world.truth, world=board.world)
    finally:
        board.close()
    if config.raise_violations:
        board.world.truth.raise_violations()


class _Failure:
    """Turns a bug in a callback of the loop into the end of the task that holds the guard open."""

    def __init__(self) -> None:
        self._owner = asyncio.current_task()
        self._error: BaseException | None = None
        self._cancelled = False

    def set(self, error: BaseException) -> None:
        """The context will raise *error*. A task that met it has it already; nobody sees that of a callback."""
        if self._error is not None:
            return
        self._error = error
        if self._owner is not None and asyncio.current_task() is None:
            self._cancelled = self._owner.cancel()

    def __enter__(self) -> "_Failure":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._error is None:
            return
        if self._cancelled and self._owner is not None:
            self._owner.uncancel()
        raise HalError("the guard failed and made every outlet safe; this is a bug") from self._error
