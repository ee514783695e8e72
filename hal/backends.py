"""Open the configured backend: which devices there are, in which order they are opened, and on which thread.

Everything of a backend is imported when it is opened: a guard with the mock never loads a driver.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from hal.board import Board, CardReader, Meter, Witness
from hal.errors import BackendUnknown
from hal.evse import CardRead, Evse
from hal.examination import Finding
from hal.guarded_outlet import GuardedOutlet
from hal.io_thread import on_io_thread
from hal.latches import Latches
from hal.light import Light

if TYPE_CHECKING:
    from hal.boards.mock.world import MockWorld
    from hal.guard import HalConfig
    from hal.readers.opening import Reader

BACKENDS = ("mock", "gpio", "openevse", "simpleevse")

Presented = Callable[[CardRead], None]
Failed = Callable[[BaseException], None]


class Examined(Protocol):
    """A device that says how it is."""

    def examine(self) -> tuple[Finding, ...]: ...


class Outlet(Evse, Examined, Protocol):
    """An outlet as the guard has it."""

    @property
    def contactor_cycles(self) -> int:
        """How often the contactor was closed in its life."""

    def make_safe(self) -> None:
        """Contactor open, and no more orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What was opened; *devices* are those that belong to no single outlet, *world* is the mock's other side.

    *sees*: whether the threads that watch the outlets do so in time, where there are such threads.
    """

    outlets: Mapping[int, Outlet]
    devices: tuple[Examined, ...] = ()
    lights: Mapping[int, Light] = field(default_factory=dict)
    world: "MockWorld | None" = None
    sees: Callable[[], bool] = lambda: True


@asynccontextmanager
async def open_backend(config: "HalConfig", presented: Presented, failed: Failed) -> AsyncIterator[Backend]:
    """The outlets and devices of *config*, running; however the body ends, every contactor is open after it.

    *presented* is told of cards, *failed* of bugs, on this loop. Raises HalError where something cannot be opened.
    """
    if config.backend not in BACKENDS:
        raise BackendUnknown(f"hal.backend {config.backend!r} is unknown; allowed: {', '.join(BACKENDS)}")
    latches = await asyncio.get_running_loop().run_in_executor(None, Latches.load, config.state_dir)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(latches.flush)
        devices = await stack.enter_async_context(_devices(config, presented, failed))
        if config.backend in ("openevse", "simpleevse"):
            opening = _controlled(config, latches, devices)
        else:
            opening = _guarded(config, latches, devices, presented, failed)
        yield await stack.enter_async_context(opening)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Devices:
    """What is served on the I/O thread."""

    meters: "Mapping[int, ExaminedMeter]"
    readers: "tuple[Reader, ...]"

    @property
    def all(self) -> tuple[Examined, ...]:
        return (*self.meters.values(), *self.readers)

    def reader_for(self, connector: int) -> CardReader | None:
        """The reader whose loss concerns *connector*."""
        if not self.readers:
            return None
        from hal.readers.opening import reader_for

        return reader_for(self.readers, connector)


class ExaminedMeter(Meter, Examined, Protocol):
    """A meter as it is opened."""


@asynccontextmanager
async def _devices(config: "HalConfig", presented: Presented, failed: Failed) -> AsyncIterator[_Devices]:
    if not config.meters and not config.readers:
        yield _Devices(meters={}, readers=())
        return
    loop = asyncio.get_running_loop()

    @asynccontextmanager
    async def opening() -> AsyncIterator[_Devices]:
        from hal.meters.opening import open_meters
        from hal.readers.opening import open_readers

        def present(card: CardRead) -> None:
            loop.call_soon_threadsafe(presented, card)

        async with open_meters(config.meters) as meters, open_readers(config.readers, present) as readers:
            yield _Devices(meters=meters, readers=readers)

    async with on_io_thread(opening, failed=failed, real_time=config.real_time) as devices:
        yield devices


@asynccontextmanager
async def _controlled(config: "HalConfig", latches: Latches, devices: _Devices) -> AsyncIterator[Backend]:
    from hal.controllers.opening import open_controller

    async with AsyncExitStack() as stack:
        outlets: dict[int, Outlet] = {}
        for controller in config.controllers:
            connector = controller.outlet.id
            outlets[connector] = await stack.enter_async_context(
                open_controller(
                    controller,
                    latches=latches,
                    meter=devices.meters.get(connector),
                    reader=devices.reader_for(connector),
                )
            )
        yield Backend(outlets=outlets, devices=devices.all)


@asynccontextmanager
async def _guarded(
    config: "HalConfig", latches: Latches, devices: _Devices, presented: Presented, failed: Failed
) -> AsyncIterator[Backend]:
    opening = _mock(config) if config.backend == "mock" else _gpio(config, devices)
    with opening as opened, ExitStack() as every_one:
        outlets: dict[int, GuardedOutlet] = {}
        for outlet in config.outlets:
            outlets[outlet.id] = GuardedOutlet(
                outlet,
                opened.board.outlets[outlet.id],
                latches=latches,
                witness=opened.witness,
                failed=failed,
            )
            every_one.callback(outlets[outlet.id].make_safe)
        opened.board.watch_cards(presented)
        for guarded in outlets.values():
            guarded.start()
        yield Backend(
            outlets=outlets,
            devices=(opened.board, *devices.all),
            lights=opened.lights,
            world=opened.world,
            sees=opened.sees,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenedBoard:
    board: Board
    lights: Mapping[int, Light]
    witness: Witness | None = None
    world: "MockWorld | None" = None
    sees: Callable[[], bool] = lambda: True


@contextmanager
def _mock(config: "HalConfig") -> Iterator[_OpenedBoard]:
    from hal.boards.mock.board import MockBoard

    board = MockBoard(config.outlets, config.state_dir, remembers_vehicles=config.remembers_vehicles)
    world = board.world
    try:
        yield _OpenedBoard(board=board, lights=world.lights, witness=world.truth, world=world)
    finally:
        board.close()
    if config.raise_violations:
        world.truth.raise_violations()


@contextmanager
def _gpio(config: "HalConfig", devices: _Devices) -> Iterator[_OpenedBoard]:
    from hal.boards.gpio.board import open_board

    fitted = ((connector, devices.reader_for(connector)) for connector in config.pins)
    readers = {connector: reader for connector, reader in fitted if reader is not None}
    with open_board(config.pins, root=config.root, meters=devices.meters, readers=readers) as board:
        pilots = [outlet.pilot for outlet in board.outlets.values()]
        yield _OpenedBoard(
            board=board, lights=board.lights, sees=lambda: all(pilot.is_up_to_date for pilot in pilots)
        )
