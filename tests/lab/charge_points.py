"""A charge point in a few lines, of the `ocpp` package's other side: it validates what the lab answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.memory import MemoryNetwork, memory_network
from cpd.ocpp.transport import Connection, ConnectionLost, Endpoint
from tests.virtual_time import VirtualClock, run_virtual

STATION = "CP 1"
URL = "ws://csms/ocpp/CP%201"


class TinyChargePoint(ChargePoint):
    """Sends what a test says; answers ClearCache well and GetLocalListVersion against the schema."""

    @on(Action.clear_cache)
    def _clear_cache(self) -> call_result.ClearCache:
        return call_result.ClearCache(status="Accepted")

    @on(Action.get_local_list_version, skip_schema_validation=True)
    def _version(self) -> call_result.GetLocalListVersion:
        return call_result.GetLocalListVersion(list_version="none")

    async def boot(self) -> Any:
        return await self.call(call.BootNotification(charge_point_vendor="v", charge_point_model="m"), False)

    async def start_transaction(self, meter_start: int = 0, *, connector: int = 1, second: int = 0) -> Any:
        return await self.call(
            call.StartTransaction(
                connector_id=connector,
                id_tag="TAG",
                meter_start=meter_start,
                timestamp=f"2026-03-02T10:00:{second:02}Z",
            ),
            False,
        )

    async def stop_transaction(self, transaction_id: int, meter_stop: int) -> Any:
        return await self.call(
            call.StopTransaction(
                meter_stop=meter_stop, timestamp="2026-03-02T11:00:00Z", transaction_id=transaction_id
            ),
            False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A central system, the network to it, and the clock of both."""

    central_system: CentralSystem
    network: MemoryNetwork
    clock: VirtualClock

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        log = self.central_system.log(STATION)
        times = log.connections + 1
        async with self.network.connect(Endpoint(url=URL)) as connection:
            await log.until_connected(times=times)
            yield connection

    @asynccontextmanager
    async def charge_point(self) -> AsyncIterator[TinyChargePoint]:
        async with self.connection() as connection, asyncio.TaskGroup() as tasks:
            charge_point = TinyChargePoint(STATION, connection, response_timeout=10)
            reading = tasks.create_task(_read(charge_point))
            yield charge_point
            reading.cancel()


def on_bench(test: Callable[[Bench], Coroutine[Any, Any, None]], behaviour: Behaviour | None = None) -> None:
    """Run *test* on a virtual clock."""

    async def run() -> None:
        clock = VirtualClock()
        central_system = CentralSystem(clock, behaviour or Behaviour())
        async with memory_network(central_system) as network:
            await test(Bench(central_system=central_system, network=network, clock=clock))

    run_virtual(run())


async def _read(charge_point: TinyChargePoint) -> None:
    try:
        await charge_point.start()
    except ConnectionLost:
        return
