"""The daemon under measure: ``cpd run`` as a process of its own, looked at through /proc."""

import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

STATION = "CP-BENCH"

_CONFIG = """\
[station]
id = "{station}"
vendor = "cpd"
model = "bench"

[csms]
url = "ws://127.0.0.1:{port}/ocpp/"
reconnect_jitter_s = 0

[store]
path = "{folder}/cpd.db"

[control]
socket = "{folder}/cpd.sock"

[hal]
backend = "mock"
state_dir = "{folder}"

[[connector]]
id = 1
max_current_a = 32

[ocpp]
ChargeProfileMaxStackLevel = 99
MeterValueSampleInterval = 0
"""


class Charger:
    """One running daemon; *started_s* is when it was started, on the clock of `time.perf_counter`."""

    def __init__(self, process: Process, started_s: float) -> None:
        self.started_s = started_s
        self._process = process

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far, to the nanosecond where /proc/PID/stat counts in 10 ms."""
        # clock_getcpuclockid(3): how Linux names the CPU clock of another process.
        return time.clock_gettime(~self._process.pid << 3 | 2)

    @property
    def rss_mib(self) -> float:
        """Memory that is resident, shared pages included."""
        return self._status("VmRSS:") / 1024

    @property
    def wakeups(self) -> int:
        """How often its threads went to sleep so far, which is how often they were woken."""
        threads = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(self._status("voluntary_ctxt_switches:", thread / "status") for thread in threads)

    def _status(self, field: str, file: Path | None = None) -> int:
        lines = (file or Path(f"/proc/{self._process.pid}/status")).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


@asynccontextmanager
async def charger_running(folder: Path, port: int) -> AsyncIterator[Charger]:
    """A daemon that keeps its state in *folder* and dials the central system on *port*."""
    config = folder / "cpd.toml"
    config.write_text(_CONFIG.format(station=STATION, port=port, folder=folder))
    # As installed: compiled once, whatever the environment of the bench says about bytecode.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = ("-m", "cpd.cli.main", "run", "--config", str(config))
    with (folder / "cpd.log").open("ab") as log:
        started_s = time.perf_counter()
        process = await create_subprocess_exec(
            sys.executable, *arguments, stdin=DEVNULL, stdout=log, stderr=log, env=environment
        )
    try:
        yield Charger(process, started_s)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
