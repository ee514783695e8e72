"""What systemd hears of a real daemon, from its start to its end."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cpd.station.signal import Signal
from tests.process.charger import charger, configuration
from tests.process.program import PATIENCE_S

OCPP = "AllowOfflineTxForUnknownId = true"


JOURNAL_IS_STUCK = """
import os, sys, threading, types
state = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{state.st_dev}:{state.st_ino}"
journal = types.ModuleType("systemd.journal")
journal.sendv = lambda *fields: threading.Event().wait()
sys.modules |= {"systemd": types.ModuleType("systemd"), "systemd.journal": journal}
from cpd.cli.main import main
sys.exit(main())
"""
"""`cpd` where the journal takes a first line and never answers."""


class Systemd:
    """Systemd's end of the notification socket: everything that it *heard*, in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.news = Signal()

    async def listen(self, way: socket.socket) -> None:
        while True:
            self.heard.append((await asyncio.get_running_loop().sock_recv(way, 4096)).decode())
            self.news.fire()

    async def hears(self, state: str, *, since: int = 0) -> int:
        """Wait for a state that begins so; returns how much was heard up to it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for number, one in enumerate(self.heard[since:], since + 1):
                    if one.startswith(state):
                        return number
                await self.news.wait()


@asynccontextmanager
async def systemd(folder: Path) -> AsyncIterator[tuple[Systemd, dict[str, str]]]:
    """Somebody who listens, and the variables with which a service is started by it."""
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
        way.bind(str(path))
        way.setblocking(False)
        async with asyncio.TaskGroup() as tasks:
            here = Systemd()
            listening = tasks.create_task(here.listen(way))
            yield here, {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
            listening.cancel()


async def test_systemd_hears_of_a_whole_life(tmp_path: Path) -> None:
    async with systemd(tmp_path) as (here, variables), charger(tmp_path, start=False, ocpp=OCPP) as daemon:
        daemon.environment.update(variables)
        await daemon.launch()
        ready = await here.hears("READY=1")
        assert (tmp_path / "cpd.sock").is_socket()
        await here.hears("STATUS=1 Available; no CSMS")
        await daemon.charge()
        charging = await here.hears("STATUS=1 Charging 32.0 A 22.1 kW; no CSMS", since=ready)
        fed = await here.hears("WATCHDOG=1", since=charging)
        configuration(tmp_path, connector="max_current_a = 16", ocpp=OCPP)
        os.kill(daemon.pid, signal.SIGHUP)
        reloading = await here.hears("RELOADING=1\nMONOTONIC_USEC=", since=fed)
        reloaded = await here.hears("READY=1", since=reloading)
        await here.hears("STATUS=1 Charging 16.0 A", since=reloaded)
        assert await daemon.terminate() == 0
        await here.hears("STOPPING=1", since=reloaded)


async def test_a_hard_reset_is_told_as_an_end_and_has_its_status_though_nobody_reads_the_log(
    tmp_path: Path,
) -> None:
    async with systemd(tmp_path) as (here, variables), charger(tmp_path, start=False, ocpp=OCPP) as daemon:
        daemon.environment.update(variables)
        daemon.command = (sys.executable, "-c", JOURNAL_IS_STUCK, "run", "--config", str(daemon.config))
        await daemon.launch()
        ready = await here.hears("READY=1")
        await daemon.call("reset", type="Hard")
        assert await daemon.ended() == 64
        await here.hears("STOPPING=1", since=ready)
