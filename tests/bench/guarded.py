"""The guard process of the bench: as it runs on a charger, with the hands of the vehicles in the same loop.

It is told on standard input what comes next, one word a line, and tells on standard output what it saw. All its
times are of its own loop, whose clock is that of every process of the machine.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hal.evse import DutyChanged
from hal.guard import Guard
from hal.process import served
from hal.settings import load_guard_settings
from hal.unix_socket import GUARD_SOCKET, listening
from hal.values import ContactorState
from tests.bench.outlets import SPREAD_S, Vehicle

ROUND_S = 80.0
"""How long anything may take: the daemon may just be starting again."""

STUBBORN = "stuck_c"
"""Such a vehicle never lets go by itself: its contactor is opened under load."""


class Hands:
    """What is done to the vehicles, by the word that asks for it."""

    def __init__(self, guard: Guard) -> None:
        assert guard.world is not None
        self._guard = guard
        self._world = guard.world
        self._rng = random.Random(21)
        self._vehicles = [Vehicle(guard, number) for number in guard.evses]

    async def charge(self) -> object:
        """All vehicles are plugged in anew, and all contactors closed."""
        await self._all(Vehicle.plug_in_anew)
        await self._all(Vehicle.charge)
        return None

    async def open(self) -> object:
        """Every second vehicle is unplugged, the others open S2: until the contactors were told to open, and did."""
        before = len(self._vehicles[0].opened_s)

        async def end(vehicle: Vehicle) -> None:
            act = vehicle.leave if self._vehicles.index(vehicle) % 2 else vehicle.pause
            await act(self._rng.uniform(0.0, SPREAD_S))

        await self._all(end)
        return [
            [vehicle.commanded_s[before] for vehicle in self._vehicles],
            [vehicle.opened_s[before] for vehicle in self._vehicles],
        ]

    async def stubborn(self) -> object:
        """From here on no vehicle lets go by itself."""
        for number in self._guard.evses:
            self._world.ev(number, personality=STUBBORN)
        return None

    async def lapse(self) -> object:
        """When each PWM ended, and when its contactor was open."""
        return await asyncio.gather(*(self._lapse(number) for number in self._guard.evses))

    async def _lapse(self, number: int) -> tuple[float, float]:
        loop, evse = asyncio.get_running_loop(), self._guard.evses[number]
        events = evse.events()
        off_s: float | None = None
        while evse.snapshot().contactor is not ContactorState.OPEN:
            if await anext(events) == DutyChanged(duty_ns=None) and off_s is None:
                off_s = loop.time()
        assert off_s is not None
        return off_s, loop.time()

    async def _all(self, act: Callable[[Vehicle], Coroutine[Any, Any, None]]) -> None:
        async with asyncio.timeout(ROUND_S), asyncio.TaskGroup() as tasks:
            for vehicle in self._vehicles:
                tasks.create_task(act(vehicle))


async def _serve(config: Path) -> None:
    settings = load_guard_settings(config)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with listening(settings.hal.guard_socket, GUARD_SOCKET) as listener:
        async with served(settings, listener) as guard:
            hands = Hands(guard)
            words = {
                "charge": hands.charge,
                "open": hands.open,
                "stubborn": hands.stubborn,
                "lapse": hands.lapse,
            }
            print("listening", flush=True)
            while line := await reader.readline():
                print(json.dumps(await words[line.decode().strip()]()), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
