"""The daemon under measure: ``cpd run`` as a process of its own, looked at through /proc."""

import asyncio
import os
import re
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

STATION = "CP-BENCH"

ATTACH_S = 10.0

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
process = "{process}"
guard_socket = "{folder}/guard.sock"
state_dir = "{folder}"

[ocpp]
ChargeProfileMaxStackLevel = 99
ChargingScheduleMaxPeriods = 1000
MeterValueSampleInterval = 0

"""
_CONNECTOR = """\
[[connector]]
id = {id}
max_current_a = 32
free_vend = {free_vend}
auto_start_tag = "BENCH"

"""


@dataclass(slots=True)
class Syncs:
    """How often a process forced the disk; None where that could not be counted."""

    count: int | None = None


class Charger:
    """One running daemon; *started_s* is when it was started, on the clock of `time.perf_counter`."""

    def __init__(self, process: Process, folder: Path, started_s: float) -> None:
        self.started_s = started_s
        self.process = process
        self.socket = str(folder / "cpd.sock")
        self._folder = folder
        self._proc = Path(f"/proc/{process.pid}")

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far, to the nanosecond where /proc/PID/stat counts in 10 ms."""
        # clock_getcpuclockid(3): how Linux names the CPU clock of another process.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    @property
    def rss_mib(self) -> float:
        """Memory that is resident, shared pages included."""
        return self._field(self._proc / "status", "VmRSS:") / 1024

    @property
    def pss_mib(self) -> float:
        """Memory that is resident, its part of shared pages only."""
        return self._field(self._proc / "smaps_rollup", "Pss:") / 1024

    @property
    def written_bytes(self) -> int:
        """What it has caused to be written to disks, page by page."""
        return self._field(self._proc / "io", "write_bytes:")

    @property
    def wakeups(self) -> int:
        """How often its threads went to sleep so far, which is how often they were woken."""
        threads = (self._proc / "task").iterdir()
        return sum(self._field(thread / "status", "voluntary_ctxt_switches:") for thread in threads)

    @asynccontextmanager
    async def counting_syncs(self) -> AsyncIterator[Syncs]:
        """Count fsync and fdatasync until the body ends, which slows the daemon down."""
        syncs = Syncs()
        strace = shutil.which("strace")
        if strace is None:
            yield syncs
            return
        trace = self._folder / "syncs"
        arguments = ("-f", "-e", "trace=fsync,fdatasync", "-o", str(trace), "-p", str(self.process.pid))
        tracer = await create_subprocess_exec(strace, *arguments, stdin=DEVNULL, stderr=PIPE)
        assert tracer.stderr is not None
        async with asyncio.timeout(ATTACH_S):
            attached = b" attached" in await tracer.stderr.readline()
        try:
            yield syncs
        finally:
            if attached:
                tracer.send_signal(SIGINT)
            await tracer.wait()
        if attached:
            syncs.count = len(re.findall(r"\bf(?:data)?sync\(", trace.read_text()))

    @staticmethod
    def _field(file: Path, field: str) -> int:
        lines = file.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


def configure(
    folder: Path, port: int, *, connectors: int = 1, free_vend: bool = False, process: str = "inside"
) -> Path:
    """Write the configuration of a daemon with its state in *folder*, which dials *port* of this machine."""
    folder.mkdir(exist_ok=True)
    config = folder / "cpd.toml"
    text = _CONFIG.format(station=STATION, port=port, folder=folder, process=process)
    text += "".join(
        _CONNECTOR.format(id=number, free_vend=str(free_vend).lower()) for number in range(1, connectors + 1)
    )
    config.write_text(text)
    return config


def environment() -> Mapping[str, str]:
    """As installed: compiled at the first start, whatever the environment of the bench says about bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@asynccontextmanager
async def charger_running(
    folder: Path, port: int, *, connectors: int = 1, log_to_pipe: bool = False
) -> AsyncIterator[Charger]:
    """A daemon with its state in *folder*, killed at the end where it is not gone by itself.

    Its log goes to memory, where it costs no disk, or through `process.stderr`, to be read.
    """
    config = configure(folder, port, connectors=connectors)
    arguments: Sequence[str] = ("-m", "cpd.cli.main", "run", "--config", str(config))
    log = os.memfd_create("cpd-log")
    started_s = time.perf_counter()
    process = await create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE if log_to_pipe else log,
        env=environment(),
    )
    try:
        yield Charger(process, folder, started_s)
    except BaseException:
        sys.stderr.write(os.pread(log, 1 << 20, 0).decode(errors="replace")[-4000:])
        raise
    finally:
        os.close(log)
        if process.returncode is None:
            process.terminate()
        await process.wait()
