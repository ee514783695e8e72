"""Signs of life of the safety loop."""

import asyncio
from pathlib import Path

from hal.systemd import Notifier
from hal.watchdog import fed_watchdog
from tests.hal.bench import virtual
from tests.hal.notified import heard


@virtual
async def test_it_is_fed_four_times_in_its_time_from_the_beginning_on(tmp_path: Path) -> None:
    with heard(tmp_path) as systemd:
        with fed_watchdog(Notifier(str(systemd.path), may_wait=False), 10.0, lambda: True):
            await asyncio.sleep(0.1)
            assert systemd.now() == ["WATCHDOG=1"]
            await asyncio.sleep(10)
            assert systemd.now() == 4 * ["WATCHDOG=1"]
        await asyncio.sleep(10)
        assert systemd.now() == []


@virtual
async def test_who_does_not_work_does_not_feed_it_until_it_does(tmp_path: Path) -> None:
    works = False
    with (
        heard(tmp_path) as systemd,
        fed_watchdog(Notifier(str(systemd.path), may_wait=False), 10.0, lambda: works),
    ):
        await asyncio.sleep(60)
        assert systemd.now() == []
        works = True
        await asyncio.sleep(2.6)
        assert systemd.now() == ["WATCHDOG=1"]


@virtual
async def test_where_there_is_no_watchdog_nothing_is_told(tmp_path: Path) -> None:
    with heard(tmp_path) as systemd, fed_watchdog(Notifier(str(systemd.path)), None, lambda: True):
        await asyncio.sleep(60)
        assert systemd.now() == []
