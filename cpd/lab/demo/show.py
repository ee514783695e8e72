"""One run of a demo: the stage is set, the story played, the checklist shown, everything cleared away."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import click

from cpd.cli.terminal import Terminal
from cpd.lab.csms.personality import Hurry, Personality
from cpd.lab.demo.checklist import Checklist
from cpd.lab.demo.encounter import meet
from cpd.lab.demo.stage import FAILURES, Unexpected, on_stage
from cpd.lab.demo.story import CHARGER_A, pace, play
from cpd.lab.vehicles import LabVehicle

INTERRUPTED = 130


def show(terminal: Terminal, *, fast: bool, behaviour: str) -> int:
    """Play the demo; returns the exit status: 0 if all was as expected, 1 if not, 130 when interrupted.

    *behaviour* is the central system's, as JSON.
    """

    async def played(checklist: Checklist) -> None:
        async with on_stage(
            terminal,
            checklist,
            max_current_a=CHARGER_A,
            csms=("--behaviour", behaviour),
            keys={"MeterValueSampleInterval": 1},
            guarded=True,
        ) as stage:
            await play(stage, pace(fast=fast))

    return _run(terminal, played)


def show_encounter(
    terminal: Terminal, *, personality: Personality, vehicle: LabVehicle, behaviour: str
) -> int:
    """Let *vehicle* charge where *personality* is the central system; returns as `show` does.

    *behaviour* is what is different from that personality, as JSON.
    """
    hurry = personality.hurry or Hurry(words="")

    async def played(checklist: Checklist) -> None:
        async with on_stage(
            terminal,
            checklist,
            max_current_a=CHARGER_A,
            csms=("--personality", personality.name, "--hurry", "--behaviour", behaviour),
            keys={"MeterValueSampleInterval": 1, **personality.keys, **hurry.keys},
            answer_timeout_s=hurry.answer_timeout_s,
        ) as stage:
            await meet(stage, personality, vehicle)

    return _run(terminal, played)


def _run(terminal: Terminal, played: Callable[[Checklist], Awaitable[None]]) -> int:
    try:
        return asyncio.run(_checked(terminal, played))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _checked(terminal: Terminal, played: Callable[[Checklist], Awaitable[None]]) -> int:
    task = asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    checklist = Checklist()
    try:
        await played(checklist)
    except Unexpected as unexpected:
        checklist.interrupted = f"the story ends here: {unexpected}"
    except FAILURES as failure:
        checklist.interrupted = str(failure)
    click.echo("\n" + checklist.render(terminal))
    return 0 if checklist.right else 1
