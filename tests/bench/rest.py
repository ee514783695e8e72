"""What a daemon takes while nothing is asked of it, and what it keeps of much work (rows 3 to 6)."""

import asyncio

from tests.bench.central_system import CentralSystem
from tests.bench.charger import Charger
from tests.bench.requests import ONE_KEY
from tests.bench.table import Figure, Measure

SETTLED_S = 1.0
IDLE_S = 30.0
FLOOD_BURSTS = 100
BURST = 200


async def idle(charger: Charger) -> tuple[list[Figure], float]:
    """Rows 3, 5 and 6, and the resident memory in MiB before any request."""
    await asyncio.sleep(SETTLED_S)
    rss_mib = charger.rss_mib
    memory = (
        Measure(name="RSS", value=rss_mib, unit="MiB", limit=40, timed=False),
        Measure(name="PSS", value=charger.pss_mib, unit="MiB", limit=32, timed=False),
    )
    wakeups, cpu_s, written = charger.wakeups, charger.cpu_s, charger.written_bytes
    await asyncio.sleep(IDLE_S)
    percent = (charger.cpu_s - cpu_s) / IDLE_S * 100
    per_s = (charger.wakeups - wakeups) / IDLE_S
    quiet = (
        Measure(name="cpu", value=percent, unit="%", limit=0.10),
        Measure(name="wake-ups", value=per_s, unit="/s", limit=5, timed=False),
    )
    disk = (Measure(name="written", value=charger.written_bytes - written, unit="B", limit=0, timed=False),)
    figures = [
        Figure(number=3, name="memory, ready", measures=memory),
        Figure(number=5, name="idle, connected", measures=quiet),
        Figure(number=6, name=f"disk, {IDLE_S:.0f} s idle", measures=disk),
    ]
    return figures, rss_mib


async def worn(csms: CentralSystem, charger: Charger, ready_mib: float) -> Figure:
    """Row 4: after everything else on this charger, and from request to request."""
    after_mib = charger.rss_mib
    for _ in range(FLOOD_BURSTS):
        await csms.burst([ONE_KEY] * BURST)
    slope = (charger.rss_mib - after_mib) / (FLOOD_BURSTS * BURST) * 100_000
    measures = (
        Measure(name="grown", value=after_mib - ready_mib, unit="MiB", limit=6, timed=False),
        Measure(name="slope", value=slope, unit="MiB/100k requests", limit=1, timed=False),
    )
    return Figure(number=4, name="memory, after the bench", measures=measures)
