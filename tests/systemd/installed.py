"""The installed service in a machine, and the central system that it talks to from in there.

The central system runs in the event loop of the tests; only its socket is in the network of the machine, so that a
power cut leaves it alone.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpd.clock import SystemClock
from cpd.control.api import ConnectorDocument, StatusDocument
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.ledger import BookedTransaction
from cpd.lab.csms.websocket import listening
from cpd.station.signal import Signal
from tests.process.charger import STATION, Finished, Operated, run_cpd
from tests.process.site import BackOffice, profile
from tests.systemd.machine import Machine

CSMS_PORT = 9000
DAEMON, GUARD = "cpd.service", "cpd-guard.service"
LIMIT_A = 10.0
DROP_INS = tuple(f"/etc/systemd/system/{unit}.d/tests.conf" for unit in (DAEMON, GUARD))
WATCHDOG_S = 3
"""In place of the longer times of the units."""

CONFIG = f"""\
[station]
id = "{STATION}"
on_power_loss = "resume"
[csms]
url = "ws://127.0.0.1:{CSMS_PORT}/ocpp"
reconnect_min_s = 0.1
reconnect_max_s = 0.1
reconnect_jitter_s = 0
[hal]
backend = "mock"
process = "guard"
mock_vehicle = "remembered"
[[connector]]
id = 1
max_current_a = 32
[ocpp]
MeterValueSampleInterval = 5
"""

_CLOCK = SystemClock()


class Service(Operated):
    """cpd and its guard from *package* under the systemd of *machine*."""

    def __init__(self, machine: Machine, package: Path) -> None:
        self.machine = machine
        self._package = package
        self.bare: frozenset[str] = frozenset()
        """What was written to the machine before the first installation."""

    @property
    def socket(self) -> Path:
        return self.machine.root / "run/cpd/cpd.sock"

    @property
    def log(self) -> str:
        return self.machine.journal()

    async def cpd(self, *arguments: str) -> Finished:
        """Run a client command in the machine, as root."""
        return await run_cpd(*arguments, program=(*self.machine.inside(), "cpd"))

    async def systemctl(self, *arguments: str) -> str:
        """What systemctl prints; it must succeed."""
        return await self.machine.done("systemctl", *arguments)

    async def told(self, unit: str, name: str) -> str:
        """A property of a unit, as systemd tells it."""
        return (await self.systemctl("show", "--value", f"--property={name}", unit)).strip()

    async def pid(self, unit: str) -> str:
        """The main process of a unit, as it is numbered in the machine; 0 where it does not run."""
        return await self.told(unit, "MainPID")

    async def other_pid(self, unit: str) -> str:
        """The main process of the other one of the two units."""
        return await self.pid(GUARD if unit == DAEMON else DAEMON)

    async def shown(self, unit: str) -> Mapping[str, str]:
        """All properties of a unit."""
        lines = (await self.systemctl("show", unit)).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    async def until_shown(self, unit: str, holds: Callable[[Mapping[str, str]], bool]) -> Mapping[str, str]:
        """The first properties of a unit that *hold*; systemd is asked ten times a second."""
        try:
            async with asyncio.timeout(self.patience_s):
                while not holds(shown := await self.shown(unit)):
                    await _CLOCK.sleep(0.1)
                return shown
        except TimeoutError:
            names = ("ActiveState", "SubState", "Result", "MainPID", "NRestarts", "StatusText")
            told = {name: shown.get(name) for name in names}
            raise AssertionError(f"{unit} never came to it: {told}") from None

    async def until_told(self, unit: str, status: str) -> None:
        """Wait until the status line of a unit ends with *status*; it changes once a second at most."""
        await self.until_shown(unit, lambda shown: shown.get("StatusText", "").endswith(status))

    async def replaced(self, before: Mapping[str, str]) -> None:
        """Wait until systemd has another process for a unit than *before*, and that is ready."""
        other = before["InvocationID"]
        await self.until_shown(
            before["Id"],
            lambda shown: shown["ActiveState"] == "active" and shown["InvocationID"] != other,
        )

    def install(self) -> str:
        """Install the package, configure it and start it, all as on a new charger; returns what dpkg says."""
        self.bare = self.bare or self.machine.written()
        shutil.copy(self._package, self.machine.root / "tmp/cpd.deb")
        said = self.machine.run("dpkg", "--force-unsafe-io", "--install", "/tmp/cpd.deb")
        for path in DROP_INS:
            self.machine.write(path, f"[Service]\nWatchdogSec={WATCHDOG_S}\nRestartSec=100ms\n")
        self.configure(CONFIG)
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "start", GUARD, DAEMON)
        return said

    def configure(self, text: str) -> None:
        """Write the configuration file."""
        self.machine.write("/etc/cpd/cpd.toml", text)

    async def brought_up(self) -> None:
        """See to it that both run and are online, in a machine that runs."""
        if not self.machine.running:
            self.machine.boot()
        if not (self.machine.root / "opt/cpd").exists():
            self.install()
        await self.systemctl("start", GUARD, DAEMON)
        await self.until_online()
        await self.until_connector(
            lambda connector: all(fault["kind"] != "guard_lost" for fault in connector["faults"])
        )

    async def signal(self, unit: str, name: str) -> str:
        """Send a signal to the main process of a unit; returns which process that was."""
        pid = await self.pid(unit)
        await self.machine.done("kill", "-s", name, pid)
        return pid

    async def journal(self, *arguments: str) -> list[dict[str, Any]]:
        """Entries of the journal with all of their fields."""
        await self.machine.done("journalctl", "--sync")
        lines = (
            await self.machine.done("journalctl", "--output=json", "--no-pager", *arguments)
        ).splitlines()
        return [json.loads(line) for line in lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed(BackOffice):
    """The service and its central system."""

    service: Service

    async def session(self) -> ConnectorDocument:
        """The session that charges under the limit of its transaction; a new one where none does."""
        connector = await self.service.connector()
        if not charges_under_its_limit(connector):
            await self.unplug()
            count = len(self.transactions)
            await self.service.charge()
            while len(self.transactions) == count:
                await self.grown.wait()
            limit = profile(7, "TxProfile", LIMIT_A, transaction_id=self.transactions[-1].id)
            assert await self.set_profile(limit, 1) == "Accepted"
            connector = await self.service.until_connector(charges_under_its_limit)
        return connector

    async def stopped(self) -> BookedTransaction:
        """The last transaction, once its stop is booked."""
        while self.transactions[-1].open:
            await self.grown.wait()
        return self.transactions[-1]

    async def unplug(self) -> None:
        """The vehicle leaves, and all is told; returns at once where none is there."""
        await self.service.call("mock.plug_out", connector=1)
        await self.service.until(_idle)


def charges_under_its_limit(connector: ConnectorDocument) -> bool:
    """Whether the vehicle is offered what its transaction may have, and takes it."""
    charges = connector["ocpp_status"] == "Charging" and connector["contactor"]["confirmed"] == "closed"
    return charges and connector["offer_a"] == LIMIT_A and connector["transaction"] is not None


def _idle(status: StatusDocument) -> bool:
    connector = status["connectors"][0]
    return connector["transaction"] is None and not status["csms"]["queued"]


@asynccontextmanager
async def online(service: Service) -> AsyncIterator[Installed]:
    """*service* with a central system for all that happens to it."""
    grown = Signal()
    csms = CentralSystem(_CLOCK, Behaviour(), journal=lambda _entry: grown.fire())
    async with listening(csms, listener=service.machine.network.listener(CSMS_PORT)):
        yield Installed(csms=csms, grown=grown, service=service)
