"""The power goes, and the card has what a real one would have: what no sync has put there is lost.

The store is on ext4, in a file that XFS copies in no time and at one instant (reflink). The charger is stopped, that
copy is made, and it starts again on the copy, whose file system has a journal to replay, as behind any power cut.
SIGKILL alone shows none of this, because the page cache outlives the process.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.card import apart, format_ext4, in_memory, mounted, tool
from tests.process.site import Site
from tests.torture.instants import Instant, chosen
from tests.torture.outage import PATIENCE_S, Cut, survive

SIDE_BY_SIDE = 5
SAMPLE, ALL = 5, 200
"""Cuts in every run, and with --torture."""

CARD_MB = 32

pytestmark = pytest.mark.timeout(5 * PATIENCE_S)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cuts = ALL if metafunc.config.getoption("--torture") else SAMPLE
    metafunc.parametrize("first_seed", range(0, cuts, SIDE_BY_SIDE), ids=lambda seed: f"from-{seed}")


@contextmanager
def shelf(folder: Path) -> Iterator[Path]:
    """Where cards lie that can be copied: XFS in memory, of the least size that it takes."""
    tool("mkfs.xfs", "xfsprogs")
    with in_memory(folder.with_name("memory"), megabytes=400) as memory:
        image = memory / "shelf"
        with image.open("wb") as file:
            file.truncate(320 << 20)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
        with mounted(image, folder):
            yield folder


class CutCard:
    """A mounted card that a power cut leaves as it was at that instant."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder = folder
        self._image = image
        self._mounted = ExitStack()

    def __enter__(self) -> "CutCard":
        self.folder.parent.mkdir()
        format_ext4(self._image, megabytes=CARD_MB)
        self._insert()
        return self

    def __exit__(self, *_: object) -> None:
        self._mounted.close()

    def cut(self, instant: Instant) -> Cut:
        """The charger on this card loses its power at *instant*."""

        async def cut(here: Site) -> None:
            await instant(here)
            # What it says from here on would be known to others, and not to its card.
            os.kill(here.charger.pid, signal.SIGSTOP)
            left = self._copy()
            await here.charger.power_cut()
            self._mounted.close()
            left.replace(self._image)
            self._insert()

        return cut

    def _copy(self) -> Path:
        copy = self._image.with_suffix(".left")
        subprocess.run(["cp", "--reflink=always", self._image, copy], check=True)
        return copy

    def _insert(self) -> None:
        self._mounted.enter_context(mounted(self._image, self.folder))


async def survive_on_a_card(folder: Path, shelf: Path, seed: int) -> None:
    chance = Random(f"card {seed}")
    with CutCard(shelf / f"{seed}", folder / "card") as card:
        await survive(
            folder / "charger",
            [card.cut(chosen(chance))],
            seed,
            resume=seed % 2 == 0,
            unsynced_lost=True,
            store=str(card.folder / "cpd.db"),
        )


def test_what_was_answered_is_on_the_card_after_a_power_cut_and_every_session_is_booked_once(
    tmp_path: Path, first_seed: int, record_property: Callable[[str, object], None]
) -> None:
    async def outages() -> None:
        # Side by side: each of them mostly waits for a vehicle.
        with shelf(tmp_path / "shelf") as cards:
            async with asyncio.TaskGroup() as tasks:
                for seed in range(first_seed, first_seed + SIDE_BY_SIDE):
                    tasks.create_task(survive_on_a_card(tmp_path / f"{seed}", cards, seed))

    apart(lambda: asyncio.run(outages()))
    record_property("power cuts of a card", SIDE_BY_SIDE)
