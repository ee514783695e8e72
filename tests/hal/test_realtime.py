"""What the machine permits is done, what it does not is said once; read back from the kernel and the interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hal.realtime import GARBAGE_THRESHOLDS, SAFETY_PRIORITY, SWITCH_INTERVAL_S

ROOT = Path(__file__).parents[2]
NOBODY = 65_534

PREPARE = """
import gc, json, logging, os, resource, sys, threading
from hal.realtime import SAFETY_PRIORITY, prepare_process, prepare_thread
logging.basicConfig(format="%(message)s")
if {unprivileged}:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    if os.geteuid() == 0:
        os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
prepare_process()
prepare_thread(SAFETY_PRIORITY)
prepare_thread(SAFETY_PRIORITY)
begun = []
thread = threading.Thread(target=lambda: begun.append(os.sched_getscheduler(0)))
thread.start(); thread.join()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({{
    "frozen": gc.get_freeze_count(), "thresholds": gc.get_threshold(), "switch_s": sys.getswitchinterval(),
    "policy": os.sched_getscheduler(0), "priority": os.sched_getparam(0).sched_priority,
    "thread": begun[0], "locked_kib": int(status["VmLck"].split()[0]),
}}))
"""


def prepared(*, unprivileged: bool) -> tuple[dict[str, Any], str]:
    """What a process is like once it is prepared, and what it said."""
    run = subprocess.run(
        [sys.executable, "-c", PREPARE.format(unprivileged=unprivileged, nobody=NOBODY)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return json.loads(run.stdout), run.stderr


@pytest.mark.parametrize("unprivileged", [True, False])
def test_garbage_and_switching_need_no_permission(unprivileged: bool) -> None:
    found, _ = prepared(unprivileged=unprivileged)
    assert found["frozen"] > 0
    assert tuple(found["thresholds"]) == GARBAGE_THRESHOLDS
    assert found["switch_s"] == pytest.approx(SWITCH_INTERVAL_S)


def test_what_is_not_permitted_is_said_once_and_stops_nothing() -> None:
    found, said = prepared(unprivileged=True)
    assert (found["policy"], found["locked_kib"]) == (os.SCHED_OTHER, 0)
    assert [line.split(" error=")[0] for line in said.splitlines()] == [
        "not permitted measure=lock_memory",
        "not permitted measure=realtime_scheduling",
    ]


def test_what_is_permitted_is_in_force_and_no_thread_inherits_it() -> None:
    found, said = prepared(unprivileged=False)
    if "realtime_scheduling" not in said:
        assert found["policy"] == os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        assert found["priority"] == SAFETY_PRIORITY
        assert found["thread"] == os.SCHED_OTHER
    if "lock_memory" not in said:
        assert found["locked_kib"] > 1_000
