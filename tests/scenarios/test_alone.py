"""A charger without [csms]: everything works, nothing piles up for a central system that never comes."""

import sqlite3
from pathlib import Path

import pytest

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
ANYBODY = "AllowOfflineTxForUnknownId = true"


async def charge_once(here: Site, for_s: float = 130) -> None:
    await here.charge(TAG)
    await here.clock.sleep(for_s)
    here.world.swipe(TAG)
    await here.until(lambda one: one.transaction is None)
    here.world.plug_out(1)
    await here.status("Available")


def rows(folder: Path) -> dict[str, int]:
    """How many rows each table has."""
    with sqlite3.connect(folder / "cpd.db") as store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: store.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def test_sessions_leave_themselves_in_the_store_and_nothing_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        wants = (
            f'{ANYBODY}\nStopTxnSampledData = "Energy.Active.Import.Register"\nMeterValueSampleInterval = 10'
        )
        async with site(tmp_path, online=False, csms="", ocpp=wants) as here:
            await charge_once(here)
            once = rows(tmp_path)
            for _ in range(3):
                await charge_once(here, 700)
            grown = {
                table: count - once[table] for table, count in rows(tmp_path).items() if count != once[table]
            }
            assert grown == {"transactions": 3}
            past = (await here.control("transactions.list"))["transactions"]
            assert [one["energy_wh"] > 0 for one in past] == [True] * 4

    run_virtual(scenario())


def test_a_card_that_nobody_knows_is_refused_in_words_that_name_no_csms(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, online=False, csms="") as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            await here.until(
                lambda one: bool(one.blockers) and one.blockers[0].code == "CARD_UNKNOWN_OFFLINE"
            )
            (blocker, *_) = (await here.control("why", connector=1))["blockers"]
            assert "works alone" in blocker["evidence"]
            assert "AllowOfflineTxForUnknownId" in blocker["next_step"]

    run_virtual(scenario())


def test_free_vend_needs_no_csms(tmp_path: Path) -> None:
    async def scenario() -> None:
        free = 'free_vend = true\nauto_start_tag = "HOME"'
        async with site(tmp_path, online=False, csms="", connector=free) as here:
            here.world.plug_in(1)
            await here.status("Charging")
            here.world.plug_out(1)
            await here.status("Available")
            (booked,) = (await here.control("transactions.list", full=True))["transactions"]
            assert (booked["id_tag"], booked["reason"]) == ("HOME", "EVDisconnected")

    run_virtual(scenario())


def test_what_the_csms_would_limit_a_technician_limits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, online=False, csms="", ocpp=ANYBODY) as here:
            await here.charge(TAG)
            await here.control("limit", connector=1, current_a=10, for_s=60)
            assert here.connector().offer_ma == 10_000
            await here.clock.sleep(61)
            await here.until(lambda one: one.offer_ma == 32_000)

    run_virtual(scenario())


@pytest.mark.parametrize("method", ["csms.connect", "csms.disconnect"])
def test_nobody_is_promised_a_link_that_there_is_not(tmp_path: Path, method: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, online=False, csms="") as here:
            error = await here.refusal(method)
            assert (error["data"]["code"], "works alone" in error["message"]) == ("refused", True)

    run_virtual(scenario())


def test_a_csms_that_comes_later_is_told_from_then_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, online=False, csms="", ocpp=ANYBODY) as alone:
            await charge_once(alone)
        async with site(tmp_path, after=alone, ocpp=ANYBODY) as here:
            await charge_once(here)
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops) == (1, 1)
            past = (await here.control("transactions.list"))["transactions"]
            assert [one["delivered"] for one in past] == [True, False]
            assert past[0]["meter_start_wh"] == past[1]["meter_stop_wh"]

    run_virtual(scenario())
