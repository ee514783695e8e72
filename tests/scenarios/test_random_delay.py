"""A rise that waits for a random delay, in a whole charging site: what flows, what is told, and how it is ended."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.scenarios.situations import TAG, profile
from tests.virtual_time import run_virtual

DELAYED = "random_delay_max_s = 600"
ELEVEN = datetime(2026, 3, 2, 11, tzinfo=UTC)


async def paused_until_eleven(here: Site) -> None:
    """A session that a tariff allows nothing before eleven, and 16 A from then on."""
    periods = [{"start_period": 0, "limit": 0}, {"start_period": 3_600, "limit": 16}]
    tariff = profile(
        "TxDefaultProfile", 0, start_schedule="2026-03-02T10:00:00Z", charging_schedule_period=periods
    )
    assert await here.set_profile(0, **tariff) == "Accepted"
    here.world.plug_in(1)
    await here.status("Preparing")
    here.world.swipe(TAG)
    await here.status("SuspendedEVSE")


async def until(here: Site, at: datetime) -> None:
    await here.clock.sleep((at - here.clock.now()).total_seconds())


def test_at_the_boundary_the_session_waits_and_everybody_is_told_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, station=DELAYED) as here:
            await paused_until_eleven(here)
            await until(here, ELEVEN + timedelta(seconds=2))
            one = here.connector()
            assert (one.limit.offer_ma, one.offer_ma, one.outlet.offer_ma) == (16_000, 0, 0)
            (blocker,) = (await here.control("why", connector=1))["blockers"]
            assert (blocker["code"], blocker["source"]["kind"]) == ("WAIT_RANDOM_DELAY", "wait")
            ends = datetime.fromisoformat(blocker["until"])
            assert ELEVEN < ends <= ELEVEN + timedelta(seconds=600)
            told = [one.info for one in here.log.messages(call.StatusNotification) if one.connector_id == 1]
            assert told[-1] == "WAIT_RANDOM_DELAY"
            answer = await here.call(call.GetCompositeSchedule(connector_id=1, duration=60))
            assert answer.charging_schedule["charging_schedule_period"][0]["limit"] == 16
            await until(here, ends - timedelta(seconds=1))
            assert here.connector().offer_ma == 0
            await here.status("Charging", within_s=20)
            assert here.connector().outlet.offer_ma == 16_000
            assert here.clock.now() - ends < timedelta(seconds=10)

    run_virtual(scenario())


def test_a_person_who_does_not_want_to_wait_is_obeyed_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, station=DELAYED) as here:
            await paused_until_eleven(here)
            nothing = await here.refusal("delay.skip", connector=1)
            assert nothing["message"] == "no random delay runs on connector 1"
            await until(here, ELEVEN + timedelta(seconds=2))
            await here.control("delay.skip", connector=1)
            await here.status("Charging", within_s=5)
            assert here.connector().outlet.offer_ma == 16_000
            assert [blocker.code for blocker in here.connector().blockers] == []

    run_virtual(scenario())


def test_a_session_resumed_after_a_power_cut_waits_anew(tmp_path: Path) -> None:
    resuming = f'{DELAYED}\non_power_loss = "resume"'
    hal = 'mock_vehicle = "remembered"'

    async def scenario() -> None:
        async with site(tmp_path, station=resuming, hal=hal) as before:
            await paused_until_eleven(before)
            await until(before, ELEVEN + timedelta(seconds=2))
        async with site(tmp_path, station=resuming, hal=hal, after=before) as here:
            again = here.clock.now()
            (blocker,) = here.connector().blockers
            assert blocker.code == "WAIT_RANDOM_DELAY"
            assert blocker.until is not None
            assert again < blocker.until <= again + timedelta(seconds=600)
            await until(here, blocker.until + timedelta(seconds=10))
            assert here.connector().outlet.offer_ma == 16_000

    run_virtual(scenario())


@pytest.mark.parametrize("station", ["", "random_delay_max_s = 0"])
def test_without_it_the_session_begins_on_the_second(tmp_path: Path, station: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, station=station) as here:
            await paused_until_eleven(here)
            await until(here, ELEVEN + timedelta(seconds=1))
            assert here.connector().outlet.offer_ma == 16_000

    run_virtual(scenario())
