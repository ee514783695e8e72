"""How soon a daemon is there: with a store that it finds empty, and with all that it may have kept (rows 1, 2)."""

import asyncio
import shutil
import sqlite3
from pathlib import Path
from statistics import median

from cpd.control.client import ControlClient
from tests.bench.central_system import CentralSystem
from tests.bench.charger import Charger, charger_running
from tests.bench.requests import set_profile
from tests.bench.table import Figure, Measure

STARTS = 7
"""The first is not counted: it makes the store and compiles the modules."""
RESTARTS = 5
PROFILES = 100
QUEUED = 100
SAMPLED_S = 20.0

WALL_S, CPU_S = 0.25, 0.25
MORE_S = 0.10
"""What a restart with everything may take beyond the start with nothing."""


async def figures(folder: Path, csms: CentralSystem) -> list[Figure]:
    """Rows 1 and 2, in folders of their own below *folder*."""
    empty = folder / "empty"
    empty.mkdir()
    plain = [await _start(empty, csms) for _ in range(STARTS)][1:]
    kept, used = folder / "kept", folder / "used"
    kept.mkdir()
    await _leave_much(kept, csms)
    laden = []
    for _ in range(RESTARTS + 1):
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(kept, used, ignore=shutil.ignore_patterns("*.sock"))
        laden.append(await _start(used, csms))
    return [
        _figure(1, "start → BootNotification", plain, more_s=0.0),
        _figure(2, f"the same with {PROFILES} profiles, 1 tx, {QUEUED} queued", laden[1:], more_s=MORE_S),
    ]


def _figure(number: int, name: str, starts: list[tuple[float, float]], *, more_s: float) -> Figure:
    wall_s, cpu_s = zip(*starts, strict=True)
    measures = (
        Measure(name="wall", value=median(wall_s), unit="s", limit=WALL_S + more_s),
        Measure(name="best", value=min(wall_s), unit="s"),
        Measure(name="cpu", value=median(cpu_s), unit="s", limit=CPU_S + more_s),
    )
    return Figure(number=number, name=name, measures=measures)


async def _start(folder: Path, csms: CentralSystem) -> tuple[float, float]:
    """Seconds of wall and of CPU until BootNotification came."""
    csms.expect_boot()
    async with charger_running(folder, csms.port) as charger:
        booted_s = await csms.booted
        cpu_s = charger.cpu_s
        await csms.greeted.wait()
        return booted_s - charger.started_s, cpu_s


async def _leave_much(folder: Path, csms: CentralSystem) -> None:
    """Kill a daemon in the middle of a transaction, with as much in its store as it may have."""
    csms.expect_boot()
    async with charger_running(folder, csms.port) as charger:
        await csms.greeted.wait()
        for index in range(PROFILES):
            purpose = ("ChargePointMaxProfile", "TxDefaultProfile")[index % 2]
            await csms.call(*set_profile(index + 1, periods=24, stack_level=index // 2, purpose=purpose))
        await _sample_offline(csms, charger)
        charger.process.kill()
        await charger.process.wait()
    _multiply(folder / "cpd.db")


async def _sample_offline(csms: CentralSystem, charger: Charger) -> None:
    """Return once a meter value of a running transaction waits in the store."""
    await csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "1"})
    control = ControlClient(charger.socket)
    await asyncio.to_thread(control.call, "mock.plug_in", {"connector": 1})
    csms.forget("StartTransaction")
    await csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": "BENCH"})
    await csms.request("StartTransaction")
    await asyncio.to_thread(control.call, "csms.disconnect", {})
    async with asyncio.timeout(SAMPLED_S):
        status = await asyncio.to_thread(control.call, "status", {})
        while not status["csms"]["queued"]:
            await asyncio.sleep(0.1)
            status = await asyncio.to_thread(control.call, "status", {})
    control.close()


def _multiply(store: Path) -> None:
    """Make the newest meter value of *store* as many as shall wait."""
    connection = sqlite3.connect(store)
    columns = ", ".join(
        name for _, name, *_ in connection.execute("PRAGMA table_info(journal)") if name != "seq"
    )
    newest = "SELECT max(seq) FROM journal WHERE sample IS NOT NULL"
    (waiting,) = connection.execute("SELECT count(*) FROM journal WHERE dead = 0").fetchone()
    for _ in range(QUEUED - waiting):
        connection.execute(
            f"INSERT INTO journal ({columns}) SELECT {columns} FROM journal WHERE seq = ({newest})"
        )
    connection.commit()
    connection.close()
