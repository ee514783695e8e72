"""One run of the demo: the stage is set, the story played, the checklist shown, everything cleared away."""

import asyncio
import signal

import click

from cpd.cli.terminal import Terminal
from cpd.lab.demo.checklist import Checklist
from cpd.lab.demo.stage import FAILURES, Unexpected, on_stage
from cpd.lab.demo.story import CHARGER_A, pace, play

INTERRUPTED = 130


def show(terminal: Terminal, *, fast: bool, behaviour: str) -> int:
    """Play the demo; returns the exit status: 0 if all was as expected, 1 if not, 130 when interrupted.

    *behaviour* is the central system's, as JSON.
    """
    try:
        return asyncio.run(_show(terminal, fast=fast, behaviour=behaviour))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _show(terminal: Terminal, *, fast: bool, behaviour: str) -> int:
    task = asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    checklist = Checklist()
    try:
        async with on_stage(terminal, checklist, max_current_a=CHARGER_A, behaviour=behaviour) as stage:
            await play(stage, pace(fast=fast))
    except Unexpected as unexpected:
        checklist.interrupted = f"the story ends here: {unexpected}"
    except FAILURES as failure:
        checklist.interrupted = str(failure)
    click.echo("\n" + checklist.render(terminal))
    return 0 if checklist.right else 1
