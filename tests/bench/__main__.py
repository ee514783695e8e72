"""``make bench``: what a charger costs, from a central system on this machine to a real daemon and back.

Absolute times are this machine's, and only a quiet one gives them; CPU is the daemon's own. The floors say how fast
the machine was in this run. Nothing here is a test: no figure fails it, but a wrong answer does.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TypeVar

from tests.bench import backlog, floors, guards, outlets, requests, rest, sessions, starts
from tests.bench.central_system import central_system
from tests.bench.charger import charger_running
from tests.bench.table import Figure, document, lines

T = TypeVar("T")


async def main(*, as_json: bool) -> None:
    """Measure everything and print it."""
    started_s = time.perf_counter()
    load = os.getloadavg()[0]
    # /tmp may be in memory, where a commit costs nothing; /var/tmp never is.
    with TemporaryDirectory(prefix="cpd-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")
        before = await _step("the machine", floors.measured(folder))
        figures = await _figures(folder)
        after = await _step("the machine again", floors.measured(folder))
    factor = fmean([before.factor, after.factor])
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}"
    took_s = time.perf_counter() - started_s
    if as_json:
        told = {
            "schema": "cpd.bench/1",
            "machine": machine,
            "took_s": round(took_s),
            "floors": {"before": asdict(before), "after": asdict(after), "factor": factor},
            "figures": document(figures, factor),
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    print(f"{machine}; {took_s:.0f} s; times in ms where nothing else is said\n")
    print("Floors of this machine, and how many times those of the reference machine they are:")
    print(f"before  {before.described()}\nafter   {after.described()}\n")
    print("\n".join(lines(figures, factor)))


async def _figures(folder: Path) -> list[Figure]:
    for part in ("starts", "requests", "sessions", "outlets", "guards", "backlog"):
        (folder / part).mkdir()
    async with central_system() as csms:
        found = await _step("starts", starts.figures(folder / "starts", csms))
        csms.expect_boot()
        async with charger_running(folder / "requests", csms.port) as charger:
            await csms.greeted.wait()
            idle, ready_mib = await _step("a charger at rest", rest.idle(charger))
            found += idle
            found += await _step("requests", requests.figures(csms, charger))
            found.append(await _step("memory", rest.worn(csms, charger, ready_mib)))
        found += await _step("transactions", sessions.figures(folder / "sessions", csms))
        found.append(await _step("outlets", outlets.figure(folder / "outlets", csms)))
        found += await _step("guards", guards.figures(folder / "guards", csms))
        found.append(await _step("a backlog", backlog.figure(folder / "backlog", csms)))
    return sorted(found, key=lambda figure: figure.number)


async def _step(name: str, work: Awaitable[T]) -> T:
    started_s = time.perf_counter()
    print(f"{name} …", end="", file=sys.stderr, flush=True)
    result = await work
    print(f" {time.perf_counter() - started_s:.0f} s", file=sys.stderr)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench", description="Measure this machine's charger.")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    asyncio.run(main(as_json=parser.parse_args().json))
