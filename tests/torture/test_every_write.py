"""The power goes at a write of a session: at a sample of them, or with --torture at each one.

A small library in C, preloaded into the charger, counts its writes and kills it in the middle of one.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.preloaded import compiled
from tests.process.site import Site
from tests.torture.driver import Driver
from tests.torture.outage import PATIENCE_S, driven_site, survive

SEED = 3
"""A session with a remote start and stop, a held link, a scheduled change of availability."""

SAMPLE, PARTS = 3, 70
"""Writes of each kind of test in every run; and into how many parts all of them are divided with --torture."""

pytestmark = pytest.mark.timeout(5 * PATIENCE_S)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parts = range(PARTS) if metafunc.config.getoption("--torture") else [None]
    metafunc.parametrize("part", parts, ids=lambda part: "sample" if part is None else f"part-{part}")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that cuts the power."""
    return compiled(Path(__file__).with_name("cut_at_write.c"), tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def writes(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How often a charger writes from its first start to the end of its first session."""
    folder = tmp_path_factory.mktemp("counted")
    counted = folder / "writes"

    async def count() -> None:
        async with driven_site(folder / "charger", resume=False) as here:
            here.charger.environment = preloaded(shim, folder / "charger", CUT_COUNTED=str(counted))
            await here.charger.start()
            await Driver(here, Random(SEED)).session()
            assert await here.charger.terminate() == 0

    asyncio.run(count())
    return int(counted.read_text())


@pytest.mark.parametrize("disk", ["keeps", "loses"])
@pytest.mark.parametrize("on_power_loss", ["stop", "resume"])
async def test_a_power_cut_at_any_write_leaves_the_books_right_and_every_promise(
    tmp_path: Path,
    shim: Path,
    writes: int,
    part: int | None,
    on_power_loss: str,
    disk: str,
    record_property: Callable[[str, object], None],
) -> None:
    """*disk*: it keeps what it was given without a sync, or loses it."""
    numbers: Sequence[int] = range(writes - (part or 0), 0, -PARTS)
    if part is None:
        numbers = Random(f"{on_power_loss} {disk}").sample(range(1, writes + 1), SAMPLE)
    async with asyncio.TaskGroup() as outages:
        for number in numbers:
            folder = tmp_path / f"{number}"
            more = {"CUT_AT": str(number), **({"CUT_LOSES_UNSYNCED": "1"} if disk == "loses" else {})}
            outage = survive(
                folder,
                [dying],
                SEED,
                resume=on_power_loss == "resume",
                environment=preloaded(shim, folder, **more),
                unsynced_lost=disk == "loses",
            )
            outages.create_task(outage, name=f"write-{number}")
    record_property("power cuts at a write", len(numbers))


async def dying(here: Site) -> None:
    """The cut that the library does by itself."""
    assert await here.charger.dies(), "alive behind the write at which the power was to go"


def preloaded(shim: Path, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a charger in *folder* whose writes are counted."""
    return {"LD_PRELOAD": str(shim), "CUT_FOLDER": str(folder), **more}
