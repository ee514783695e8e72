"""Keep the guard's threads on time beside whatever else the machine does: scheduling, memory, garbage, the GIL.

Each measure is taken where the machine permits it, and said once where it does not; none is needed for safety, which
the interlock gives, only for its not being needed.
"""

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Callable
from functools import cache

log = logging.getLogger(__name__)

SAFETY_PRIORITY = 20
"""SCHED_FIFO priority of the safety loop and of the thread that samples the pilot."""

SERVICE_PRIORITY = 10
"""That of the guard's other threads: one that holds the GIL must not wait for a core while the safety loop waits."""

SWITCH_INTERVAL_S = 0.001
"""The longest that a thread of Python holds the GIL while another one wants it; 5 ms by default."""

GARBAGE_THRESHOLDS = (10_000, 50, 100)
"""Allocations between collections of the youngest, and of it between those of the older generations."""

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def prepare_process() -> None:
    """Hold the memory, freeze what is loaded, let the threads switch soon; call it once everything is loaded."""
    measures: tuple[Callable[[], None], ...] = (_lock_memory, _calm_garbage, _switch_soon)
    for measure in measures:
        try:
            measure()
        except OSError as error:
            _say_not_permitted(measure.__name__.strip("_"), error.strerror)


def prepare_thread(priority: int) -> None:
    """Schedule the calling thread SCHED_FIFO with *priority*; threads that it starts begin as ordinary ones."""
    try:
        # Linux: 0 is the calling thread, not the process (sched_setscheduler(2)).
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        _say_not_permitted("realtime_scheduling", error.strerror)


@cache
def _say_not_permitted(measure: str, reason: str | None) -> None:
    log.warning("not permitted measure=%s error=%s", measure, reason)


def _lock_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # What is mapped now comes into memory and stays; of what comes later (stacks, heap) only what is used.
    for flags in (_MCL_CURRENT, _MCL_FUTURE | _MCL_ONFAULT):
        if libc.mlockall(flags) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _calm_garbage() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _switch_soon() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
