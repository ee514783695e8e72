"""The power goes at random instants of sessions, again and again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.process.site import Site
from tests.torture.instants import Instant, chosen
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


def at(instant: Instant) -> Cut:
    """The charger is dead from one moment to the other; its disk is not."""

    async def cut(here: Site) -> None:
        await instant(here)
        await here.charger.power_cut()

    return cut


async def test_a_power_cut_at_any_instant_leaves_the_books_right_and_every_promise(
    tmp_path: Path, first_seed: int, record_property: Callable[[str, object], None]
) -> None:
    # Side by side: each of them mostly waits for a vehicle.
    async with asyncio.TaskGroup() as outages:
        for seed in range(first_seed, first_seed + SIDE_BY_SIDE):
            chance = Random(seed)
            cuts = [at(chosen(chance)) for _ in range(CUTS_EACH)]
            outages.create_task(survive(tmp_path / f"{seed}", cuts, seed, resume=seed % 2 == 0))
    record_property("power cuts at random instants", SIDE_BY_SIDE * CUTS_EACH)
