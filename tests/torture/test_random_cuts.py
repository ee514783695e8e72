"""The power goes at random instants of sessions, again and again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.process.site import Site
from tests.torture.outage import PATIENCE_S, Cut, survive

CUTS_EACH = 2
SIDE_BY_SIDE = 2
SAMPLE, ALL = 12, 200
"""Cuts in every run, and with --torture."""

pytestmark = pytest.mark.timeout(5 * PATIENCE_S)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cuts = ALL if metafunc.config.getoption("--torture") else SAMPLE
    step = CUTS_EACH * SIDE_BY_SIDE
    metafunc.parametrize(
        "first_seed", range(0, cuts // CUTS_EACH, SIDE_BY_SIDE), ids=lambda seed: f"from-{seed}"
    )
    assert cuts % step == 0


def at_time(after_s: float) -> Cut:
    """Cut *after_s* of whatever the driver does."""

    async def cut(here: Site) -> None:
        loop = asyncio.get_running_loop()
        due = asyncio.Event()
        loop.call_later(after_s, due.set)
        await due.wait()
        await here.charger.power_cut()

    return cut


def at_frame(number: int, after_s: float) -> Cut:
    """Cut *after_s* of the *number*-th frame from now on, while the charger is still busy with it."""

    async def cut(here: Site) -> None:
        entries = len(here.log.entries) + number
        while len(here.log.entries) < entries:
            await here.grown.wait()
        await at_time(after_s)(here)

    return cut


def chosen(chance: Random) -> Cut:
    if chance.random() < 0.5:
        return at_time(chance.uniform(0.1, 7.0))
    return at_frame(chance.randint(1, 70), chance.choice([0.0, chance.uniform(0.0, 0.01)]))


async def test_a_power_cut_at_any_instant_leaves_the_books_right_and_every_promise(
    tmp_path: Path, first_seed: int, record_property: Callable[[str, object], None]
) -> None:
    # Side by side: each of them mostly waits for a vehicle.
    async with asyncio.TaskGroup() as outages:
        for seed in range(first_seed, first_seed + SIDE_BY_SIDE):
            chance = Random(seed)
            cuts = [chosen(chance) for _ in range(CUTS_EACH)]
            outages.create_task(survive(tmp_path / f"{seed}", cuts, seed, resume=seed % 2 == 0))
    record_property("power cuts at random instants", SIDE_BY_SIDE * CUTS_EACH)
