"""How soon the central system has what waited for it (row 21)."""

from pathlib import Path

from tests.backlog import MESSAGES, SAMPLES, SESSIONS, leave_backlog
from tests.bench.central_system import CentralSystem
from tests.bench.charger import charger_running
from tests.bench.table import Figure, Measure

SOON_S = 20.0


async def figure(folder: Path, csms: CentralSystem) -> Figure:
    """Row 21: from the first to the last of `MESSAGES` that waited in the store of a daemon in *folder*."""
    await leave_backlog(folder / "cpd.db", "BENCH")
    for action in ("StartTransaction", "MeterValues", "StopTransaction"):
        csms.forget(action)
    csms.expect_boot()
    async with charger_running(folder, csms.port) as charger:
        first = await csms.request("StartTransaction")
        cpu_s = charger.cpu_s
        for _ in range(SESSIONS * SAMPLES):
            await csms.request("MeterValues")
        for _ in range(SESSIONS):
            last = await csms.request("StopTransaction")
        cpu_ms = (charger.cpu_s - cpu_s) * 1000 / MESSAGES
    measures = (
        Measure(name="wall", value=last.at_s - first.at_s, unit="s", limit=SOON_S),
        Measure(name="CPU", value=cpu_ms),
    )
    return Figure(number=21, name=f"{MESSAGES} queued messages after an outage", measures=measures)
