"""`cpd limit`: a person at the charger lowers a connector for a while, and it ends on time whatever happens."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.clock import ClockSource
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
ANYBODY = "AllowOfflineTxForUnknownId = true"


def profile(limit: float) -> dict[str, Any]:
    return {
        "charging_profile_id": 7,
        "stack_level": 0,
        "charging_profile_purpose": "TxProfile",
        "charging_profile_kind": "Relative",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": limit}],
        },
    }


async def limit(here: Site, current_a: float | None, for_s: int | None = None, connector: int = 1) -> Any:
    return await here.control("limit", connector=connector, current_a=current_a, for_s=for_s)


def offered_a(here: Site, connector: int = 1) -> float:
    return here.connector(connector).outlet.offer_ma / 1_000


async def wire_periods(here: Site, duration_s: int) -> list[tuple[int, float]]:
    answer = await here.call(call.GetCompositeSchedule(connector_id=1, duration=duration_s))
    return [
        (one["start_period"], one["limit"]) for one in answer.charging_schedule["charging_schedule_period"]
    ]


def kept_rows(here: Site) -> int:
    with closing(sqlite3.connect(here.folder / "cpd.db")) as store:
        return int(store.execute("SELECT count(*) FROM local_limits").fetchone()[0])


def test_it_lowers_at_once_and_ends_by_itself(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(10)
            answer = await limit(here, 10, 1_800)
            assert offered_a(here) == 10
            assert answer["limit"]["constrained_by"] == {"kind": "local"}
            ends = here.clock.now() + timedelta(seconds=1_800)
            assert abs(datetime.fromisoformat(answer["until"]) - ends) <= timedelta(seconds=1)
            await here.clock.sleep(1_798)
            assert offered_a(here) == 10
            await here.clock.sleep(3)
            assert offered_a(here) == 32
            assert kept_rows(here) == 0

    run_virtual(scenario())


def test_status_schedule_and_composite_schedule_name_it_and_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            until = (await limit(here, 10, 1_800))["until"]
            status = (await here.control("status"))["connectors"][0]["limit"]
            assert (status["current_a"], status["constrained_by"]) == (10.0, {"kind": "local"})
            assert datetime.fromisoformat(status["until"]) == datetime.fromisoformat(until)
            assert status["runner_up"]["current_a"] == 32.0
            schedule = await here.control("schedule", connector=1, duration_s=3_600)
            left_s = (datetime.fromisoformat(until) - datetime.fromisoformat(schedule["start"])).seconds
            told = [
                (one["start_s"], one["limit"], one["constrained_by"]["kind"]) for one in schedule["periods"]
            ]
            assert told == [(0, 10.0, "local"), (left_s, 32.0, "connector")]
            assert await wire_periods(here, 3_600) == [(0, 10.0), (left_s, 32.0)]

    run_virtual(scenario())


@pytest.mark.parametrize(("profile_a", "offer_a"), [(8, 8), (16, 10), (0, 0)])
def test_it_only_lowers_what_the_csms_allows(tmp_path: Path, profile_a: float, offer_a: float) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await limit(here, 10, 1_800)
            assert await here.set_profile(1, **profile(profile_a)) == "Accepted"
            await here.clock.sleep(20)
            assert offered_a(here) == offer_a

    run_virtual(scenario())


def test_one_that_could_not_lower_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            error = await here.refusal("limit", connector=1, current_a=32, for_s=60)
            assert error["data"]["code"] == "refused"
            assert kept_rows(here) == 0

    run_virtual(scenario())


def test_below_6_a_it_pauses_and_is_the_cause_that_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            until = (await limit(here, 5.9, 600))["until"]
            paused = await here.status("SuspendedEVSE")
            (blocker,) = [one for one in paused.blockers if one.code == "LIMIT_LOCAL"]
            assert blocker.until == datetime.fromisoformat(until)
            assert blocker.next_step == "wait for its end, or: cpd limit 1 off"
            await here.until(lambda one: one.outlet.contactor == "open")
            await here.status("Charging", within_s=620)
            assert offered_a(here) == 32
            assert here.log.messages(call.StopTransaction) == []

    run_virtual(scenario())


def test_a_second_one_replaces_the_first_and_off_ends_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await limit(here, 8, 600)
            await limit(here, 16, 3_600)
            await here.clock.sleep(700)
            assert offered_a(here) == 16
            assert (await limit(here, None))["current_a"] is None
            await here.clock.sleep(6)
            assert offered_a(here) == 32
            assert kept_rows(here) == 0
            await limit(here, None)

    run_virtual(scenario())


def test_it_holds_its_connector_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge("ONE", 1)
            await here.charge("TWO", 2)
            await limit(here, 10, 600, connector=2)
            await here.clock.sleep(10)
            assert (offered_a(here, 1), offered_a(here, 2)) == (32, 10)

    run_virtual(scenario())


def daemon_restarted(here: Site) -> None:
    here.clock.restart()


def power_cut(here: Site) -> None:
    here.clock.machine.reboot()
    here.clock.restart()


RESTARTS = pytest.mark.parametrize("restarted", [daemon_restarted, power_cut])


@RESTARTS
def test_a_restart_neither_ends_nor_prolongs_it(tmp_path: Path, restarted: Callable[[Site], None]) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            await limit(first, 10, 1_800)
            await first.clock.sleep(600)
        restarted(first)
        await first.clock.sleep(600)
        async with site(tmp_path, after=first) as second:
            await second.charge(TAG)
            assert offered_a(second) == 10
            await second.clock.sleep(580)
            assert offered_a(second) == 10
            await second.clock.sleep(40)
            assert offered_a(second) == 32

    run_virtual(scenario())


@RESTARTS
def test_one_whose_end_passed_while_nothing_ran_is_over(
    tmp_path: Path, restarted: Callable[[Site], None]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            await limit(first, 10, 1_800)
        restarted(first)
        await first.clock.sleep(3_600)
        async with site(tmp_path, after=first) as second:
            await second.charge(TAG)
            await second.clock.sleep(10)
            assert offered_a(second) == 32
            assert kept_rows(second) == 0

    run_virtual(scenario())


def test_without_the_time_it_stays_until_the_csms_tells_it_and_then_ends_on_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY, source=ClockSource.CSMS) as first:
            await limit(first, 10, 1_800)
        await first.clock.sleep(1_200)
        first.clock.forget(datetime(1970, 1, 1, tzinfo=first.clock.now().tzinfo))
        async with site(tmp_path, after=first, online=False, ocpp=ANYBODY) as second:
            await second.charge(TAG)
            await second.clock.sleep(500)
            assert offered_a(second) == 10
            second.network.up = True
            while not second.clock.trusted:
                await second.clock.sleep(1)
            assert offered_a(second) == 10
            await second.clock.sleep(110)
            assert offered_a(second) == 32

    run_virtual(scenario())


def test_without_the_time_it_ends_at_the_latest_after_its_whole_time_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY) as first:
            await limit(first, 10, 1_800)
        first.clock.forget(datetime(1970, 1, 1, tzinfo=first.clock.now().tzinfo))
        async with site(tmp_path, after=first, online=False, ocpp=ANYBODY) as second:
            await second.charge(TAG)
            await second.clock.sleep(1_700)
            assert offered_a(second) == 10
            await second.clock.sleep(110)
            assert offered_a(second) == 32

    run_virtual(scenario())


@pytest.mark.parametrize("by_s", [3_600, -3_600])
def test_a_step_of_the_wall_clock_does_not_move_its_end(tmp_path: Path, by_s: float) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await limit(here, 10, 1_800)
            await here.clock.sleep(600)
            here.clock.step(by_s)
            await here.clock.sleep(1_190)
            assert offered_a(here) == 10
            await here.clock.sleep(20)
            assert offered_a(here) == 32

    run_virtual(scenario())


def test_who_set_it_is_in_the_audit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await limit(here, 10, 1_800)
        with closing(sqlite3.connect(tmp_path / "cpd.db")) as store:
            rows = store.execute("SELECT uid, method, params FROM audit").fetchall()
        assert [method for _, method, _ in rows] == ["limit"]
        assert '"current_a":10' in rows[0][2]

    run_virtual(scenario())
