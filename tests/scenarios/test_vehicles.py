"""Vehicles as they are, in whole sessions: who is woken, who is spared, and what the relay and the contactor do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.vehicles import VEHICLES
from hal.evse import DutyChanged
from hal.iec61851 import current_ma_for
from tests.scenarios.site import Site, site
from tests.scenarios.situations import TAG, profile
from tests.virtual_time import run_virtual

MIN_PAUSE_S = 30.0
QUARTER_S = 900


@asynccontextmanager
async def offers(here: Site) -> AsyncIterator[list[tuple[float, int]]]:
    """What the pilot offers, as (when, mA); 0 for no PWM."""
    told: list[tuple[float, int]] = []

    async def follow() -> None:
        async for event in here.daemon.guard.evses[1].events():
            if isinstance(event, DutyChanged):
                now_s = here.clock.monotonic_s()
                told.append((now_s, 0 if event.duty_ns is None else current_ma_for(event.duty_ns)))

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        await asyncio.sleep(0)
        yield told
        following.cancel()


def outlet(here: Site) -> Any:
    return here.daemon.guard.evses[1].snapshot()


def drawn_ma(here: Site) -> tuple[int, ...]:
    meter = outlet(here).meter
    return tuple(meter.current_ma)


async def alternate(here: Site, hours: float, step_s: int, periods: list[dict[str, Any]]) -> None:
    """Give *periods* in turn, each for *step_s*, by profiles of a quarter of an hour."""
    for _ in range(round(hours * 3_600 / QUARTER_S)):
        turns = range(QUARTER_S // step_s)
        given = [{"start_period": turn * step_s, **periods[turn % len(periods)]} for turn in turns]
        now = here.clock.now().isoformat()
        schedule = {
            "charging_rate_unit": "A",
            "start_schedule": now,
            "duration": QUARTER_S,
            "charging_schedule_period": given,
        }
        noise = profile("TxProfile", 16) | {
            "charging_profile_kind": "Absolute",
            "charging_schedule": schedule,
        }
        assert await here.set_profile(1, **noise) == "Accepted"
        await here.clock.sleep(QUARTER_S)


def test_a_limit_that_swings_around_6_a_for_an_hour_upsets_no_mach_e(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="min_pause_s = 30") as here:
            here.world.ev(1, personality="mach_e")
            await here.charge(TAG)
            began_s = here.clock.monotonic_s()
            async with offers(here) as told:
                await alternate(here, 1, 1, [{"limit": limit} for limit in (5, 7, 6, 5.9, 6.4, 5)])
            changes = list(pairwise([(began_s, 32_000), *told]))
            stops = [at_s for (_, before), (at_s, ma) in changes if before and not ma]
            starts = [at_s for (_, before), (at_s, ma) in changes if ma and not before]
            assert len(starts) >= 3_600 / MIN_PAUSE_S / 2, "what is allowed is offered"
            assert all(start - stop >= MIN_PAUSE_S for stop, start in zip(stops, starts, strict=False))
            assert all(stop - start < 3 for start, stop in zip(starts, stops[1:], strict=False)), (
                "no more than 2 s in 6 are allowed"
            )
            await here.call(call.ClearChargingProfile())
            await here.status("Charging", within_s=700)
            await here.clock.sleep(10)
            assert max(drawn_ma(here)) == 32_000, "it has not given up"

    run_virtual(scenario())


def test_the_wait_of_a_pause_is_told_with_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="min_pause_s = 120") as here:
            await here.charge(TAG)
            assert await here.set_profile(1, **profile("TxProfile", 0)) == "Accepted"
            paused = here.clock.now()
            await here.clock.sleep(20)
            assert await here.set_profile(1, **profile("TxProfile", 16)) == "Accepted"
            await here.clock.sleep(1)
            (blocker,) = here.connector().blockers
            assert (blocker.code, here.connector().status) == ("WAIT_MIN_PAUSE", "SuspendedEVSE")
            assert blocker.until is not None
            assert abs((blocker.until - paused).total_seconds() - 120) < 2
            await here.status("Charging", within_s=130)
            assert abs((here.clock.now() - paused).total_seconds() - 120) < 5

    run_virtual(scenario())


def test_a_new_session_does_not_wait_for_the_pause_of_the_one_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="min_pause_s = 600") as here:
            await here.charge(TAG)
            assert await here.set_profile(1, **profile("TxProfile", 0)) == "Accepted"
            await here.status("SuspendedEVSE")
            here.world.swipe(TAG)
            await here.stopped()
            here.world.swipe(TAG)
            await here.status("Charging", within_s=20)

    run_virtual(scenario())


def test_phases_that_alternate_for_an_hour_are_switched_rarely_and_never_under_current(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="phase_switching = true\nmax_current_a = 20") as here:
            await here.charge(TAG)
            changes = 0
            most_ma = 0
            before = outlet(here).phases

            async def look() -> None:
                nonlocal changes, most_ma, before
                async for _ in here.daemon.guard.evses[1].events():
                    now = outlet(here)
                    changes += now.phases != before
                    before = now.phases
                    most_ma = max(most_ma, now.offer_ma)

            wishes = [{"limit": 16, "number_phases": 1}, {"limit": 16, "number_phases": 3}]
            async with asyncio.TaskGroup() as tasks:
                looking = tasks.create_task(look())
                await alternate(here, 1, 10, wishes)
                looking.cancel()
            assert 1 <= changes <= 12
            assert most_ma <= 20_000
            assert here.world.violations == ()

    run_virtual(scenario())


def test_back_on_three_phases_the_session_charges_on_one_until_the_switch_is_allowed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="phase_switching = true\nphase_switch_pause_s = 90") as here:
            await here.charge(TAG)
            single = [{"start_period": 0, "limit": 16, "number_phases": 1}]
            assert await here.set_profile(1, **profile("TxProfile", 16, charging_schedule_period=single))
            await here.status("SuspendedEVSE")
            waits_s = here.clock.monotonic_s()
            await here.status("Charging", within_s=120)
            assert 90 <= here.clock.monotonic_s() - waits_s <= 100
            await here.clock.sleep(5)
            assert drawn_ma(here) == (16_000, 0, 0)
            assert await here.set_profile(1, **profile("TxProfile", 10)) == "Accepted"
            await here.clock.sleep(30)
            (blocker,) = here.connector().blockers
            assert (here.connector().status, blocker.code) == ("Charging", "WAIT_PHASE_SWITCH")
            assert blocker.until is not None
            assert drawn_ma(here) == (10_000, 0, 0)
            await here.until(lambda one: one.outlet.phases == 3, within_s=500)
            assert abs((here.clock.now() - blocker.until).total_seconds()) < 10
            await here.status("Charging")
            await here.clock.sleep(5)
            assert drawn_ma(here) == (10_000,) * 3

    run_virtual(scenario())


@pytest.mark.parametrize(("wired", "supported"), [("phase_switching = true", "true"), ("", "false")])
def test_the_central_system_is_told_whether_phases_can_be_switched(
    tmp_path: Path, wired: str, supported: str
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=wired) as here:
            answer = await here.call(call.GetConfiguration(key=["ConnectorSwitch3to1PhaseSupported"]))
            told = [one["value"] for one in answer.configuration_key or []]
            assert told == [supported]

    run_virtual(scenario())


def test_power_for_one_phase_pauses_an_outlet_whose_three_phases_are_fixed(tmp_path: Path) -> None:
    """3.7 kW over three phases is 5.3 A each: the vehicle may not have them on one, nor 16 A on three."""

    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            single = [{"start_period": 0, "limit": 3_700, "number_phases": 1}]
            watts = {"charging_rate_unit": "W", "charging_schedule_period": single}
            assert (
                await here.set_profile(1, **profile("TxProfile", 0) | {"charging_schedule": watts})
                == "Accepted"
            )
            await here.clock.sleep(1)
            assert (here.connector().limit.current_ma, outlet(here).offer_ma) == (5_362, 0)
            assert here.connector().blockers[0].code == "LIMIT_BELOW_6A_CSMS"

    run_virtual(scenario())


def test_a_limit_below_the_least_current_of_a_connector_pauses_and_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="min_current_a = 7") as here:
            here.world.ev(1, personality="zoe")
            await here.charge(TAG)
            assert await here.set_profile(1, **profile("TxProfile", 6.5)) == "Accepted"
            await here.clock.sleep(60)
            assert (outlet(here).offer_ma, here.connector().limit.current_ma) == (0, 6_500)
            blocker = here.connector().blockers[0]
            assert blocker.code == "LIMIT_BELOW_6A_CSMS"
            assert "limit 6.5 A by TxProfile #7, below min_current_a 7 A" in blocker.evidence
            schedule = (
                await here.call(call.GetCompositeSchedule(connector_id=1, duration=60))
            ).charging_schedule
            assert schedule["charging_schedule_period"][0]["limit"] == 6.5
            assert await here.set_profile(1, **profile("TxProfile", 7)) == "Accepted"
            await here.status("Charging")
            assert outlet(here).offer_ma == 7_000

    run_virtual(scenario())


def test_who_needs_more_than_6_a_gets_it_or_nothing_of_a_shared_supply(tmp_path: Path) -> None:
    async def scenario() -> None:
        wiring = {"connector": "min_current_a = 8", "connectors": 2, "station": "max_current_a = 15"}
        async with site(tmp_path, **wiring) as here:
            await here.charge("ONE", 1)
            here.world.plug_in(2)
            here.world.swipe("TWO", 2)
            await here.clock.sleep(60)
            offered_ma = [here.daemon.guard.evses[one].snapshot().offer_ma for one in (1, 2)]
            assert offered_ma == [15_000, 0]

    run_virtual(scenario())


def test_a_full_vehicle_is_woken_once_and_the_relay_never_clicks(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.ev(1, ready=False)
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            async with offers(here) as told:
                await here.status("SuspendedEV")
                await here.clock.sleep(7_200)
            assert [ma for _, ma in told] == [32_000, 0, 32_000], "one pulse, in a PWM that goes on"
            assert here.daemon.guard.contactor_cycles(1) == 0
            assert here.connector().status == "SuspendedEV"

    run_virtual(scenario())


def test_a_vehicle_that_does_not_let_go_is_opened_after_6_s_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.ev(1, personality="stuck_c")
            await here.charge(TAG)
            assert await here.set_profile(1, **profile("TxProfile", 0)) == "Accepted"
            stopped_s = here.clock.monotonic_s()
            await here.until(lambda one: one.outlet.contactor == "open")
            assert 6 <= here.clock.monotonic_s() - stopped_s < 6.2
            assert [one.code for one in here.connector().blockers] == ["LIMIT_ZERO_CSMS", "EV_STAYS_IN_C"]
            assert "opened under load connector=1 current_ma=(32000, 32000, 32000)" in caplog.text

    run_virtual(scenario())


def test_an_orderly_stop_opens_without_current_and_names_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(5)
            assert await here.set_profile(1, **profile("TxProfile", 0)) == "Accepted"
            await here.until(lambda one: one.outlet.contactor == "open")
            assert [one.code for one in here.connector().blockers] == ["LIMIT_ZERO_CSMS"]
            assert "opened under load" not in caplog.text

    run_virtual(scenario())


def test_a_card_that_bounces_starts_one_session_and_does_not_stop_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            for act in VEHICLES["rfid-bounce"].acts:
                await here.control(act.method, connector=1, **act.params)
            await here.charge(TAG)
            await here.clock.sleep(10)
            assert here.connector().status == "Charging"
            here.world.swipe(TAG, 1)
            (booked,) = await here.stopped()
            assert booked.reason in (None, "Local")
            await here.clock.sleep(10)
            assert len(here.log.ledger.transactions) == 1

    run_virtual(scenario())
