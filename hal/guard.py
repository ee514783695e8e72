"""The hardware as its user has it: outlets by number, cards, lights, and one promise about how it ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from hal.backends import Backend, Outlet, open_backend
from hal.errors import GuardFailed
from hal.evse import CardRead, Evse
from hal.examination import Finding
from hal.feed import Feed
from hal.light import Light
from hal.outlet.config import OutletConfig
from hal.world_acts import WorldAct

if TYPE_CHECKING:
    from hal.boards.gpio.pins import GpioOutletConfig
    from hal.boards.mock.world import MockWorld
    from hal.controllers.opening import ControllerConfig
    from hal.meters.modbus_meter import MeterConfig
    from hal.readers.opening import ReaderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class HalConfig:
    """Which backend, where its latches are kept, its outlets (ids 1 … n without a gap) and its devices.

    *raise_violations*: a mock board whose physics saw an unsafe outlet raises when it is closed.
    *remembers_vehicles*: the vehicles of a mock board stay plugged in while this process is dead.
    *pins* by connector for gpio, *controllers* for the backends that have them. *root* is where the machine's files
    are looked for. *real_time*: the threads of devices are scheduled as those of a guard process are.
    """

    backend: str
    state_dir: Path
    outlets: tuple[OutletConfig, ...]
    raise_violations: bool = True
    remembers_vehicles: bool = False
    pins: "Mapping[int, GpioOutletConfig]" = field(default_factory=dict)
    controllers: "tuple[ControllerConfig, ...]" = ()
    meters: "tuple[MeterConfig, ...]" = ()
    readers: "tuple[ReaderConfig, ...]" = ()
    root: Path = Path("/")
    real_time: bool = False

    def __post_init__(self) -> None:
        ids = [outlet.id for outlet in self.outlets]
        if not ids or ids != list(range(1, len(ids) + 1)):
            raise ValueError(f"outlet ids {ids} are not 1 … n in order, without a gap")


class Guard:
    """The open hardware."""

    def __init__(self, backend: Backend, cards: Feed[CardRead]) -> None:
        self._outlets: Mapping[int, Outlet] = MappingProxyType(dict(backend.outlets))
        self._backend = backend
        self._cards = cards

    @property
    def evses(self) -> Mapping[int, Evse]:
        """The outlets, 1 … n."""
        return self._outlets

    @property
    def lights(self) -> Mapping[int, Light]:
        """The lights of those outlets that have one."""
        return self._backend.lights

    @property
    def world(self) -> "MockWorld | None":
        """The other side of a mock board; None on real hardware."""
        return self._backend.world

    @property
    def has_world(self) -> bool:
        """True for a mock board."""
        return self._backend.world is not None

    async def perform(self, act: WorldAct) -> None:
        """Do *act* in the mock's world; raises ValueError for what is not possible, as on real hardware."""
        if self._backend.world is None:
            raise ValueError("this is real hardware")
        # A charger has no simulation in memory.
        from hal.boards.mock.acting import perform

        perform(self._backend.world, act)

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are presented from now on."""
        return self._cards.read()

    async def examine(self) -> tuple[Finding, ...]:
        """What every part says of itself now."""
        parts = (*self._backend.devices, *self._outlets.values())
        return tuple(finding for part in parts for finding in part.examine())

    @property
    def sees(self) -> bool:
        """True while every pilot is looked at in time, where that is the work of threads beside this loop."""
        return self._backend.sees()

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

    Raises HalError where a device cannot be opened: there is no fallback. A bug in the guard itself makes the
    outlets safe, cancels the body and is raised from here.
    """
    cards: Feed[CardRead] = Feed(deque[CardRead].popleft)
    with _Failure() as failure:
        async with open_backend(config, cards.put, failure.set) as backend:
            guard = Guard(backend, cards)
            try:
                yield guard
            finally:
                guard.make_safe()


class _Failure:
    """Turns a bug in a callback of the loop into the end of the task that holds the guard open."""

    def __init__(self) -> None:
        self._owner = asyncio.current_task()
        self._error: BaseException | None = None
        self._cancelled = False

    def set(self, error: BaseException) -> None:
        """The context will raise *error*; its owner has it already, where it is who met it."""
        if self._error is not None:
            return
        self._error = error
        if self._owner is not None and asyncio.current_task() is not self._owner:
            self._cancelled = self._owner.cancel()

    def __enter__(self) -> "_Failure":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._error is None:
            return
        if self._cancelled and self._owner is not None:
            self._owner.uncancel()
        raise GuardFailed("the guard failed and made every outlet safe; this is a bug") from self._error
