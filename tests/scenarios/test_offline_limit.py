"""The fail-safe of [offline]: what may flow once the central system has been silent for too long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpd.clock import ClockSource
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
AFTER_S = 300
TEN_AMPERES = f"[offline]\nafter_s = {AFTER_S}\nmax_current_a = 10"
ANYBODY = "AllowOfflineTxForUnknownId = true"


def relative(limit: int) -> dict[str, Any]:
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


async def charging(here: Site, limit: int) -> None:
    await here.charge(TAG)
    assert await here.set_profile(1, **relative(limit)) == "Accepted"
    await here.clock.sleep(10)
    assert here.connector().offer_ma == limit * 1_000


async def online_again(here: Site) -> None:
    """Until the central system has answered anew."""
    before = here.daemon.csms.link.last_answer_at
    here.network.up = True
    while here.daemon.csms.link.last_answer_at == before:
        await here.clock.sleep(0.5)


async def silent_for(here: Site, duration_s: float) -> None:
    """Until so much time has passed since the last answer of the central system."""
    answered = here.daemon.csms.link.last_answer_at
    assert answered is not None
    await here.clock.sleep(duration_s - (here.clock.now() - answered).total_seconds())
    assert here.daemon.csms.link.last_answer_at == answered


def cut_off(here: Site) -> None:
    here.network.cut()


def black_holed(here: Site) -> None:
    here.network.swallows = True


def never_answering(here: Site) -> None:
    actions = ("Heartbeat", "MeterValues", "StatusNotification", "BootNotification")
    here.behave(reactions={action: {"silent": True} for action in actions})


@pytest.mark.parametrize("silenced", [cut_off, black_holed, never_answering])
def test_the_fail_safe_holds_from_its_time_after_the_last_answer(
    tmp_path: Path, silenced: Callable[[Site], None]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, more=TEN_AMPERES) as here:
            await charging(here, 16)
            silenced(here)
            await silent_for(here, AFTER_S - 1)
            assert here.connector().outlet.offer_ma == 16_000
            await silent_for(here, AFTER_S + 1)
            assert here.connector().outlet.offer_ma == 10_000

    run_virtual(scenario())


@pytest.mark.parametrize("after_s", [20, 60, 3_600])
def test_a_central_system_that_is_there_and_says_nothing_is_not_silent(tmp_path: Path, after_s: int) -> None:
    async def scenario() -> None:
        more = f"[offline]\nafter_s = {after_s}\nmax_current_a = 10"
        ocpp = "MeterValueSampleInterval = 0\nHeartbeatInterval = 86400"
        async with site(tmp_path, more=more, ocpp=ocpp) as here:
            await here.charge(TAG)
            lowest = here.connector().outlet.offer_ma
            for _ in range(60):
                await here.clock.sleep(after_s / 20)
                lowest = min(lowest, here.connector().outlet.offer_ma)
            assert lowest == 32_000

    run_virtual(scenario())


def test_the_fail_safe_is_named_and_ends_with_the_silence(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, more=TEN_AMPERES) as here:
            await charging(here, 16)
            here.network.cut()
            await silent_for(here, AFTER_S + 1)
            limit = (await here.control("status"))["connectors"][0]["limit"]
            assert (limit["current_a"], limit["constrained_by"]) == (10.0, {"kind": "offline"})
            assert limit["runner_up"]["constrained_by"]["id"] == 7
            (period,) = (await here.control("schedule", connector=1, duration_s=600))["periods"]
            assert (period["limit"], period["constrained_by"]) == (10.0, {"kind": "offline"})
            await here.clock.sleep(1_800)
            assert here.connector().offer_ma == 10_000
            await online_again(here)
            await here.clock.sleep(6)
            assert here.connector().outlet.offer_ma == 16_000
            assert here.connector().limit.constrained_by.profile_id == 7

    run_virtual(scenario())


def test_a_lower_profile_goes_on_to_hold(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, more=TEN_AMPERES) as here:
            await charging(here, 8)
            here.network.cut()
            await here.clock.sleep(AFTER_S + 100)
            assert here.connector().offer_ma == 8_000
            assert here.connector().limit.constrained_by.profile_id == 7

    run_virtual(scenario())


def test_a_short_silence_changes_nothing_and_does_not_add_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, more=TEN_AMPERES) as here:
            await charging(here, 16)
            for _ in range(4):
                here.network.cut()
                await here.clock.sleep(AFTER_S / 2)
                await online_again(here)
                assert here.connector().offer_ma == 16_000

    run_virtual(scenario())


@pytest.mark.parametrize("limit_a", [0, 5])
def test_below_6_a_the_session_pauses_and_goes_on_when_the_csms_is_back(tmp_path: Path, limit_a: int) -> None:
    async def scenario() -> None:
        more = f"[offline]\nafter_s = 60\nmax_current_a = {limit_a}"
        async with site(tmp_path, more=more) as here:
            await charging(here, 16)
            here.network.cut()
            await here.status("SuspendedEVSE", within_s=70)
            assert here.connector().outlet.duty_ns is None
            await online_again(here)
            await here.status("Charging")
            assert here.connector().offer_ma == 16_000
            assert len(here.log.ledger.transactions) == 1

    run_virtual(scenario())


def test_a_csms_that_was_never_there_is_silent_from_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, online=False, ocpp=ANYBODY, more=TEN_AMPERES) as here:
            await here.charge(TAG)
            await here.clock.sleep(100)
            assert here.connector().offer_ma == 32_000
            await here.clock.sleep(AFTER_S)
            assert here.connector().offer_ma == 10_000

    run_virtual(scenario())


def test_after_a_restart_without_a_link_the_silence_counts_from_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY, more=TEN_AMPERES) as first:
            assert await first.set_profile(
                0, **{**relative(16), "charging_profile_purpose": "TxDefaultProfile"}
            )
            first.network.cut()
            await silent_for(first, AFTER_S + 10)
        async with site(tmp_path, after=first, online=False, ocpp=ANYBODY, more=TEN_AMPERES) as second:
            started_s = second.clock.monotonic_s()
            await second.charge(TAG)
            await second.clock.sleep(started_s + AFTER_S - 2 - second.clock.monotonic_s())
            assert second.connector().outlet.offer_ma == 16_000
            await second.clock.sleep(4)
            assert second.connector().outlet.offer_ma == 10_000
            await online_again(second)
            await second.clock.sleep(6)
            assert second.connector().outlet.offer_ma == 16_000

    run_virtual(scenario())


def test_a_link_that_a_technician_holds_down_counts_as_silence(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, more=TEN_AMPERES) as here:
            await charging(here, 16)
            await here.control("csms.disconnect")
            await here.clock.sleep(AFTER_S + 5)
            assert here.connector().offer_ma == 10_000
            await here.control("csms.connect")
            await here.clock.sleep(10)
            assert here.connector().offer_ma == 16_000

    run_virtual(scenario())


def test_a_step_of_the_clock_does_not_shorten_the_silence(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, source=ClockSource.NTP, more=TEN_AMPERES) as here:
            await charging(here, 16)
            here.network.cut()
            await here.clock.sleep(10)
            here.clock.step(86_400)
            await here.clock.sleep(AFTER_S - 30)
            assert here.connector().offer_ma == 16_000

    run_virtual(scenario())


def test_without_the_table_silence_limits_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here, 16)
            here.network.cut()
            await here.clock.sleep(10 * AFTER_S)
            assert here.connector().offer_ma == 16_000

    run_virtual(scenario())
