"""A charging site on a virtual clock: the whole daemon, its mock hardware and a central system, in memory."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocpp.v16 import call

from cpd.clock import ClockSource
from cpd.daemon import Daemon, running
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.ledger import BookedTransaction
from cpd.lab.csms.memory import MemoryNetwork, memory_network
from cpd.lab.csms.session import Acts
from cpd.lab.csms.station_log import StationLog
from cpd.settings import load_settings
from cpd.station.snapshot import ConnectorSnapshot
from hal.boards.mock.world import MockWorld
from hal.guard import Guard
from tests.virtual_time import VirtualClock

STATION = "CP-0042"

CSMS = """[csms]
url = "ws://csms.test/ocpp/"
"""

CONFIGURATION = """
[station]
id = "CP-0042"
{station}
{csms}
[store]
path = "{folder}/cpd.db"
{store}
[control]
socket = "{folder}/cpd.sock"
[hal]
state_dir = "{folder}/hal"
{hal}
{connectors}
[ocpp]
{ocpp}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a scenario works with; *truth* is the right time, which the central system has."""

    daemon: Daemon
    csms: CentralSystem
    network: MemoryNetwork
    clock: VirtualClock
    truth: VirtualClock
    folder: Path
    guard: Guard

    @property
    def log(self) -> StationLog:
        """What the central system saw of the charge point."""
        return self.csms.log(STATION)

    @property
    def world(self) -> MockWorld:
        """The mock's world: cables, vehicles, cards, faults."""
        world = self.guard.world
        assert world is not None
        return world

    def connector(self, number: int = 1) -> ConnectorSnapshot:
        """What the station says of a connector now."""
        return self.daemon.station.snapshot().connectors[number - 1]

    async def call(self, message: Any) -> Any:
        """The central system asks the charge point."""
        return await self.csms.call(STATION, message)

    async def control(self, method: str, **params: Any) -> Any:
        """Ask over the control socket, as the command line does; returns the result."""
        return (await self._ask(method, params))["result"]

    async def refusal(self, method: str, **params: Any) -> Any:
        """Ask over the control socket for what is to be refused; returns the error."""
        return (await self._ask(method, params))["error"]

    async def _ask(self, method: str, params: dict[str, Any]) -> Any:
        reader, writer = await asyncio.open_unix_connection(self.folder / "cpd.sock")
        try:
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            writer.write(json.dumps(request).encode() + b"\n")
            return json.loads(await reader.readline())
        finally:
            writer.close()

    def behave(self, **changes: Any) -> None:
        """Change some fields of the central system's behaviour, as JSON spells them."""
        self.csms.behaviour = self.csms.behaviour.changed(changes)

    async def set_profile(self, connector: int = 0, **profile: Any) -> str:
        """SetChargingProfile; returns the status of the answer."""
        request = call.SetChargingProfile(connector_id=connector, cs_charging_profiles=profile)
        return str((await self.call(request)).status)

    async def until(
        self, holds: Callable[[ConnectorSnapshot], bool], number: int = 1, within_s: float = 60.0
    ) -> ConnectorSnapshot:
        """The first state of a connector that *holds*, looked at on each change of the station."""
        async with asyncio.timeout(within_s):
            while not holds(self.connector(number)):
                await self.daemon.station.changed.wait()
        return self.connector(number)

    async def status(self, status: str, number: int = 1, within_s: float = 60.0) -> ConnectorSnapshot:
        """Wait until a connector has this OCPP status."""
        return await self.until(lambda one: one.status == status, number, within_s)

    async def stopped(self, count: int = 1) -> list[BookedTransaction]:
        """All transactions, once *count* of them are booked with their stop."""
        while sum(not booked.open for booked in self.log.ledger.transactions) < count:
            await self.clock.sleep(1)
        return self.log.ledger.transactions

    async def charge(self, id_tag: str = "04A31F02B16180", number: int = 1) -> ConnectorSnapshot:
        """Plug in, present a card, and wait until current flows."""
        self.world.plug_in(number)
        await self.status("Preparing", number)
        self.world.swipe(id_tag, number)
        return await self.status("Charging", number)


def configuration(
    folder: Path,
    *,
    connectors: int = 1,
    connector: str = "",
    station: str = "",
    store: str = "",
    ocpp: str = "",
    hal: str = "",
    csms: str = CSMS,
    more: str = "",
) -> Path:
    """A configuration file for *connectors* 32 A connectors; the rest as TOML lines of their tables.

    *csms* is that table with its head, and empty for a charger that works alone.
    """
    tables = "".join(f"[[connector]]\nid = {number + 1}\n{connector}\n" for number in range(connectors))
    path = folder / "cpd.toml"
    text = CONFIGURATION.format(
        folder=folder, station=station, store=store, csms=csms, hal=hal, ocpp=ocpp, connectors=tables
    )
    path.write_text(text + more)
    return path


@asynccontextmanager
async def site(
    folder: Path,
    *,
    behaviour: Behaviour | None = None,
    acts: Acts | None = None,
    start: datetime = datetime(2026, 3, 2, 10, tzinfo=UTC),
    shown: datetime | None = None,
    source: ClockSource = ClockSource.NTP,
    online: bool = True,
    after: Site | None = None,
    forgives: bool = False,
    guard: Guard | None = None,
    **config: Any,
) -> AsyncIterator[Site]:
    """The site, booted where *online*; at its end nothing that OCPP or physics forbids may have happened.

    The central system answers as *behaviour* says, and *acts* by itself. The charge point's own clock begins at
    *shown*, where that is not the right time. *after* is the site of an earlier daemon: its time goes on, and its
    central system remembers. *forgives*: what OCPP forbids is let pass, because the store has forgotten what it
    was told. *guard* has the hardware where the daemon has it behind a socket.
    """
    clock = VirtualClock(shown or start, source=source) if after is None else after.clock
    truth = VirtualClock(start) if after is None else after.truth
    central_system = (
        CentralSystem(truth, behaviour or Behaviour(), acts=acts) if after is None else after.csms
    )
    settings = load_settings(configuration(folder, **config))
    earlier = len(central_system.log(STATION).calls)
    async with memory_network(central_system) as network:
        network.up = online
        async with running(
            settings,
            clock,
            connect=network.connect,
            rng=random.Random(7),
            root=folder / "machine",
        ) as daemon:
            inside = daemon.guard if isinstance(daemon.guard, Guard) else guard
            assert inside is not None
            here = Site(
                daemon=daemon,
                csms=central_system,
                network=network,
                clock=clock,
                truth=truth,
                folder=folder,
                guard=inside,
            )
            if online:
                last = len(settings.connectors)
                await here.log.message(
                    call.StatusNotification, lambda told: told.connector_id == last, since=earlier
                )
            world = here.world
            yield here
        # Behind the end of the daemon: its stop is to be safe as well.
        assert world.violations == (), world.violations
        violations = central_system.log(STATION).violations
        assert violations == [] or forgives, violations
