"""Look at the wired hardware as `cpd doctor` does: a guard of its own is started, asked, and ended.

Nobody offers anything to that guard, so that no contactor is ever closed by it.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cpd.clock import SystemClock
from cpd.commissioning.draft import BESIDE, Answers, render
from cpd.diagnostics.machine_examination import found
from cpd.lab.demo.processes import LoggedProcess, ProcessEnded
from hal.errors import GuardUnavailable
from hal.examination import Finding, Health
from hal.wire.client import connect

_SETTLES_S: Final = 5.0
"""How long meters and readers may take until they answer for the first time."""
_LOOK_S: Final = 0.25


async def examine_hardware(answers: Answers, guard_socket: Path) -> tuple[Finding, ...]:
    """What every part says of itself; one warning where the guard of *guard_socket* drives it."""
    with _guard_kept_away(guard_socket) as free, TemporaryDirectory(prefix="cpd-init-") as name:
        if not free:
            evidence = "a guard drives it already, so it was not looked at"
            return (found("hardware", Health.WARNING, evidence, "after the restart: cpd doctor"),)
        folder = Path(name)
        config = folder / "cpd.toml"
        # A guard knows no central system, and needs no password.
        former = None if answers.former is None else answers.former.elsewhere()
        alone = replace(answers, url=None, password=None, former=former)
        config.write_text(render(alone, BESIDE), encoding="utf-8")
        guard = LoggedProcess("the guard", "-m", "hal", "--config", str(config), log=folder / "guard.log")
        try:
            await guard.start()
            return await _examined(guard, folder / str(BESIDE.guard_socket), answers)
        except ProcessEnded:
            words = guard.last_words(1)
            evidence = words[0].partition(": ")[2] or words[0] if words else "the guard ended without a word"
            return (found("hardware", Health.FAILED, evidence, "put that right, then cpd init again"),)
        except GuardUnavailable as error:
            return (found("hardware", Health.FAILED, str(error), "cpd init again"),)
        finally:
            await guard.stop()


async def _examined(guard: LoggedProcess, socket: Path, answers: Answers) -> tuple[Finding, ...]:
    """Raises `ProcessEnded` as soon as the guard has ended, and `GuardUnavailable`."""
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(guard), name="guard-process")
            findings = await _asked(socket, answers)
            watching.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return findings


async def _watch(guard: LoggedProcess) -> None:
    clock = SystemClock()
    while True:
        guard.check()
        await clock.sleep(_LOOK_S)


async def _asked(socket: Path, answers: Answers) -> tuple[Finding, ...]:
    clock = SystemClock()
    end_s = clock.monotonic_s() + _SETTLES_S
    async with connect(socket, range(1, answers.connectors + 1)) as hardware:
        while True:
            findings = await hardware.examine()
            well = all(one.health is not Health.FAILED for one in findings)
            if well or clock.monotonic_s() >= end_s:
                return findings
            await clock.sleep(_LOOK_S)


@contextmanager
def _guard_kept_away(socket: Path) -> Iterator[bool]:
    """True, and no other guard can begin meanwhile; False where one runs, or may run, at *socket*."""
    lock = socket.with_name(f"{socket.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # None was ever started since the machine was.
        yield True
        return
    except OSError:
        yield not socket.exists()
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
