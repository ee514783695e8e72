"""Wall clocks that are wrong, unset or stepped: charging does not notice, and the books have the right dates."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cpd.clock import ClockSource
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.station_log import Event
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
NEVER_SET = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
ANYBODY = "AllowOfflineTxForUnknownId = true"
HOUR_S = 3_600
YEARS_S = 20 * 365 * 86_400

RELATIVE: dict[str, Any] = {
    "charging_profile_id": 7,
    "stack_level": 0,
    "charging_profile_purpose": "TxProfile",
    "charging_profile_kind": "Relative",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 8}],
    },
}


def dates(here: Site) -> list[datetime]:
    """Every timestamp that the charge point ever sent."""

    def found(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["timestamp"]] if "timestamp" in value else []
            return own + [one for member in value.values() for one in found(member)]
        return [one for member in value for one in found(member)] if isinstance(value, list) else []

    frames = [json.loads(entry.text) for entry in here.log.entries if entry.event is Event.RECEIVED]
    return [datetime.fromisoformat(text) for text in found(frames)]


async def caught_up(here: Site) -> None:
    while not here.daemon.csms.online or here.daemon.station.journal.queued:
        await here.clock.sleep(1)


async def steady(here: Site, duration_s: int) -> set[int | None]:
    """The duties seen in *duration_s*; the least pause of a PWM is 5 s, so none is overlooked."""
    duties = set()
    for _ in range(duration_s * 2):
        duties.add(here.connector().outlet.duty_ns)
        await here.clock.sleep(0.5)
    return duties


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, YEARS_S])
def test_a_step_of_the_clock_leaves_no_gap_in_the_pwm(tmp_path: Path, step_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(20)
            cycles = here.daemon.guard.contactor_cycles(1)
            duty_ns = here.connector().outlet.duty_ns
            here.clock.step(step_s)
            assert await steady(here, 60) == {duty_ns}
            assert here.daemon.guard.contactor_cycles(1) == cycles
            assert here.connector().status == "Charging"

    run_virtual(scenario())


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, YEARS_S])
def test_a_relative_profile_keeps_its_run_over_a_step(tmp_path: Path, step_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            transaction = here.connector().transaction
            assert transaction is not None
            began_s = transaction.started.monotonic_s
            assert await here.set_profile(1, **RELATIVE) == "Accepted"
            await here.clock.sleep(300)
            here.clock.step(step_s)
            await here.clock.sleep_until(began_s + 598)
            assert here.connector().offer_ma == 16_000
            await here.clock.sleep_until(began_s + 602)
            assert here.connector().offer_ma == 8_000

    run_virtual(scenario())


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_an_absolute_profile_follows_the_wall_clock_at_once(tmp_path: Path, step_s: int) -> None:
    absolute = RELATIVE | {
        "charging_profile_kind": "Absolute",
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "start_schedule": "2026-03-02T09:00:00Z",
            "charging_schedule_period": [
                {"start_period": 0, "limit": 16},
                {"start_period": 3_600, "limit": 13},
                {"start_period": 7_200, "limit": 10},
            ],
        },
    }

    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await here.set_profile(0, **absolute) == "Accepted"
            await here.charge(TAG)
            await here.clock.sleep(20)
            assert here.connector().offer_ma == 13_000
            here.clock.step(step_s)
            await here.clock.sleep(6)
            assert here.connector().offer_ma == (10_000 if step_s > 0 else 16_000)

    run_virtual(scenario())


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, YEARS_S])
def test_a_session_over_a_step_is_booked_once_and_no_shorter_than_it_was(tmp_path: Path, step_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(310)
            here.clock.step(step_s)
            await here.clock.sleep(300)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")
            assert booked.meter_values == 10
            assert booked.stopped_at is not None
            assert booked.stopped_at - booked.started_at >= timedelta(seconds=609)
            assert dates(here)[-1] == booked.stopped_at

    run_virtual(scenario())


def test_a_clock_that_the_csms_sets_is_trusted_from_then_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, shown=NEVER_SET, source=ClockSource.NONE, online=False) as here:
            assert not (await here.control("status"))["station"]["clock"]["trusted"]
            here.network.up = True
            await caught_up(here)
            clock = (await here.control("status"))["station"]["clock"]
            assert (clock["trusted"], clock["source"]) == (True, "csms")
            assert abs(here.clock.now() - here.truth.now()) < timedelta(seconds=2)
            await here.charge(TAG)
            (booked,) = here.log.ledger.transactions
            assert abs(booked.started_at - here.truth.now()) < timedelta(seconds=5)
            assert min(dates(here)).year == 2026

    run_virtual(scenario())


def test_a_clock_that_ntp_keeps_does_not_listen_to_the_csms(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(clock_error_s=7_200)) as here:
            assert here.clock.source is ClockSource.NTP
            assert here.clock.now() == here.truth.now()

    run_virtual(scenario())


def test_the_csms_corrects_its_own_clock_while_charging(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(clock_error_s=-1_800, interval_s=60)
        async with site(tmp_path, behaviour=behaviour, source=ClockSource.NONE) as here:
            await here.charge(TAG)
            assert await here.set_profile(1, **RELATIVE) == "Accepted"
            await here.clock.sleep(120)
            here.behave(clock_error_s=0)
            await here.clock.sleep(120)
            assert here.clock.now() == here.truth.now()
            assert here.connector().offer_ma == 16_000
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert booked.stopped_at is not None
            assert abs(booked.stopped_at - here.truth.now()) < timedelta(seconds=5)

    run_virtual(scenario())


def test_a_session_from_before_the_clock_was_set_is_dated_right_afterwards(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = f"{ANYBODY}\nMeterValueSampleInterval = 30"
        async with site(tmp_path, shown=NEVER_SET, source=ClockSource.NONE, online=False, ocpp=ocpp) as here:
            await here.clock.sleep(20)
            await here.charge(TAG)
            began = here.truth.now()
            await here.clock.sleep(100)
            here.world.swipe(TAG)
            await here.status("Finishing")
            ended = here.truth.now()
            await here.clock.sleep(500)
            here.network.up = True
            await caught_up(here)
            (booked,) = here.log.ledger.transactions
            assert booked.stopped_at is not None
            assert abs(booked.started_at - began) < timedelta(seconds=2)
            assert abs(booked.stopped_at - ended) < timedelta(seconds=3)
            assert booked.meter_values == 3
            assert min(dates(here)).year == 2026

    run_virtual(scenario())


def test_a_session_of_a_boot_whose_clock_was_never_set_ends_before_the_next_boot(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(
            tmp_path, shown=NEVER_SET, source=ClockSource.NONE, online=False, ocpp=ANYBODY
        ) as first:
            await first.charge(TAG)
            await first.clock.sleep(100)
            first.world.swipe(TAG)
            await first.until(lambda one: one.transaction is None)
        first.clock.forget(NEVER_SET)
        booted = first.truth.now()
        async with site(tmp_path, after=first, ocpp=ANYBODY) as second:
            await caught_up(second)
            (booked,) = second.log.ledger.transactions
            assert (booked.starts, booked.stops) == (1, 1)
            assert booked.stopped_at is not None
            assert booked.started_at <= booked.stopped_at <= booted + timedelta(seconds=2)
            assert min(dates(second)).year == 2026

    run_virtual(scenario())
